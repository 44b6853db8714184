"""The colours can be read by everyone: contrasts of WCAG AA, and neighbours in the bar that colour-blind eyes can tell apart."""

import re
from itertools import pairwise

import pytest

from tests.static.gallery import ROOT

TOKENS = re.findall(
    r"--([a-z0-9_-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (ROOT / "static" / "app.css").read_text()
)
THEMES = {"light": {name: light for name, light, _ in TOKENS}, "dark": {name: dark for name, _, dark in TOKENS}}
OUTCOMES = ["answered", "voicemail", "no_answer", "busy", "declined", "failed", "unclear", "no_news"]
STATES = [*OUTCOMES, "dialling", "submitted", "waiting", "barred"]

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
SIGHT = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}

Colour = tuple[float, float, float]


def linear(colour: str) -> Colour:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def contrast(first: str, second: str) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    dark, light = sorted(sum(w * part for w, part in zip(weights, linear(c), strict=True)) for c in (first, second))
    return (light + 0.05) / (dark + 0.05)


def times(matrix, colour) -> Colour:
    return tuple(sum(factor * part for factor, part in zip(row, colour, strict=True)) for row in matrix)


def oklab(colour: Colour) -> Colour:
    cone = times(((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300)), colour)
    roots = tuple(max(part, 0) ** (1 / 3) for part in cone)
    return times(((0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)), roots)


def distance(first: str, second: str, eyes: str) -> float:
    one, other = (oklab(tuple(max(part, 0) for part in times(SIGHT[eyes], linear(c)))) for c in (first, second))
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["canvas", "surface", "raised", "sunken"])
def test_text_reads_on_every_ground(theme, ground):
    tokens = THEMES[theme]
    assert {
        name: contrast(tokens[name], tokens[ground])
        for name in ("ink", "ink-2", "ink-3", "accent")
        if contrast(tokens[name], tokens[ground]) < 4.5
    } == {}


@pytest.mark.parametrize("theme", THEMES)
def test_the_words_of_every_state_read_on_its_tint_and_on_every_ground(theme):
    tokens = THEMES[theme]
    pairs = [
        (f"{state}-ink", ground) for state in STATES for ground in (f"{state}-tint", "surface", "canvas", "sunken")
    ]
    assert [pair for pair in pairs if contrast(tokens[pair[0]], tokens[pair[1]]) < 4.5] == []


@pytest.mark.parametrize("theme", THEMES)
def test_buttons_fields_and_outcomes_stand_out(theme):
    tokens = THEMES[theme]
    assert contrast(tokens["on-act"], tokens["act"]) >= 4.5
    assert contrast(tokens["on-act"], tokens["act-hover"]) >= 4.5
    assert [name for name in ["edge", "dialling", *OUTCOMES] if contrast(tokens[name], tokens["surface"]) < 3] == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eyes", SIGHT)
def test_neighbours_in_the_bar_differ_to_all_eyes(theme, eyes):
    tokens = THEMES[theme]
    bar = [*OUTCOMES, "dialling", "submitted", "waiting"]
    assert {
        pair: round(distance(tokens[pair[0]], tokens[pair[1]], eyes), 3)
        for pair in pairwise(bar)
        if distance(tokens[pair[0]], tokens[pair[1]], eyes) < 0.06
    } == {}
