"""The bars of pages: which parts a bar has, and where each is drawn. In Python, for a page may hold a hundred of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Flask

# The order in which a campaign's bar shows its people.
ORDER = (
    "answered", "voicemail", "no_answer", "busy", "declined", "failed", "unclear", "no_news", "dialling", "submitted", "waiting",
    "excluded", "cancelled",
)  # fmt: skip
# A part that is not empty stays visible however small it is (percent of the bar).
SMALLEST = 0.7


@dataclass(frozen=True, slots=True)
class Part:
    """`x` and `width` are percentages of the bar."""

    state: str
    words: str
    x: str
    width: str


def init_app(app: Flask) -> None:
    app.add_template_global(campaign_parts)
    app.add_template_global(drawn_parts)


def campaign_parts(counts: Mapping[str, int]) -> list[tuple[str, int, None]]:
    """(state, people, no label of its own) for every state that anybody is in; ready and queued are shown as waiting."""
    waiting = counts.get("waiting", 0) or counts.get("ready", 0) + counts.get("queued", 0)
    numbers = ((state, waiting if state == "waiting" else counts.get(state, 0)) for state in ORDER)
    return [(state, number, None) for state, number in numbers if number]


def drawn_parts(parts: Sequence[tuple[str, int, str | None]], names: Mapping[str, Sequence[str]]) -> list[Part]:
    """Side by side, in their order. `names` has the label of each state that brings none."""
    parts = [part for part in parts if part[1]]
    total = sum(count for _, count, _ in parts)
    shares = [max(100 * count / total, SMALLEST) for _, count, _ in parts]
    scale, x, drawn = 100 / sum(shares, 0.0) if shares else 0.0, 0.0, []
    for (state, count, label), share in zip(parts, shares, strict=True):
        drawn.append(Part(state, f"{label or names[state][0]} {count:,}", f"{x:.3f}", f"{share * scale:.3f}"))
        x += share * scale
    return drawn
