"""Step 3 as a person uses it: what is rare is folded, what was typed is told at once, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import name_it, paste

FIVE = "\n".join(f"+1415555610{place}" for place in range(5))


def on_step_3(page: Page, name: str) -> Page:
    name_it(page, name)
    paste(page, FIVE)
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(re.compile("/when"))
    return page


def test_what_is_rare_is_folded_and_each_choice_is_told_as_it_is_saved(screen):
    page = on_step_3(screen(), "Folded")
    for label in ("Do not start later than", "Where lines are scarce", "Of the last calls"):
        expect(page.get_by_label(label)).to_be_hidden()
    page.get_by_text("Latest start, and who starts it").click()
    page.get_by_label("At a time", exact=True).check()
    page.get_by_label("Date and time").fill("2031-07-01T16:00")
    page.get_by_label("Wave size").fill("2")
    page.get_by_label("The provider: everybody is handed over", exact=False).check()
    expect(page.locator("#echo-starter")).to_contain_text("holds 2 people here, and there are 5")
    page.get_by_label("Wave size").fill("")
    page.get_by_text("Another number, or none").click()
    page.get_by_label("Of the last calls").fill("40")
    page.get_by_label("Of the last calls").blur()
    expect(page.locator("#echo-switch")).to_contain_text("the last 40 calls")
    expect(page.locator("#echo-starter")).to_be_empty()


@pytest.mark.parametrize("width", [360, 1280])
def test_without_javascript_a_folded_mistake_is_open_and_loses_nothing(screen, width):
    page = on_step_3(screen(java_script_enabled=False, viewport={"width": width, "height": 800}), f"Plain {width}")
    page.get_by_text("Another number, or none").click()
    page.get_by_label("Stop if more than so many percent fail").fill("33")
    page.get_by_label("Of the last calls").fill("4")
    page.get_by_role("button", name="Continue").last.click()
    expect(page.get_by_text("Between 5 and 1,000.")).to_be_visible()
    expect(page.get_by_label("Stop if more than so many percent fail")).to_have_value("33")
    page.get_by_label("Of the last calls").fill("40")
    page.get_by_role("button", name="Continue").last.click()
    page.wait_for_url(re.compile("/check"))
    expect(page.get_by_text("Stops if more than 33 % of the last 40 calls fail.")).to_be_visible()
