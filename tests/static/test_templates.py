"""What the policy of the pages would block stands in no template."""

import re

import pytest

from tests.static.gallery import ROOT

FORBIDDEN = {
    "inline style": re.compile(r"\sstyle\s*=|<style", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE),
    "inline handler": re.compile(r"\s(on[a-z]+|hx-on[:a-z-]*)\s*=", re.IGNORECASE),
    "evaluated htmx attribute": re.compile(r"hx-(vals|headers|vars)\s*=\s*[\"']js:", re.IGNORECASE),
    "file of another host": re.compile(r"(src|href)\s*=\s*[\"'](https?:)?//", re.IGNORECASE),
}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_holds_nothing_that_the_policy_blocks(template):
    text = template.read_text()
    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_fragment_is_put_in_place_in_a_way_that_we_have(template):
    """htmx takes a word that it does not know for innerHTML, and the fragment stands inside itself."""
    used = set(re.findall(r'hx-swap="([^" ]+)', template.read_text()))
    assert used <= {"morph", "innerHTML", "outerHTML", "none", "beforeend", "afterend", "delete"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_icon_a_template_names_is_drawn(template):
    drawn = set(re.findall(r'<symbol id="i-([^"]+)"', (ROOT / "templates" / "_icons.html").read_text()))
    named = set(re.findall(r'icon(?:\(|=)"([a-z_-]+)"(?! ~)', template.read_text()))
    assert {name for name in named if not name.endswith("-")} <= drawn
