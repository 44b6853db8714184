"""Step 2 in a browser: a row becomes a form in its place, and what follows from the correction is there at once."""

import re

from playwright.sync_api import Page, expect

from tests.browser.steps import name_it, paste

ROWS = "name,phone\nAda,+14155557001\nBob,12\nEve,+14155557003"


def counts(page: Page) -> dict[str, str]:
    pairs = page.locator("#report .box").evaluate_all(
        "boxes => boxes.map(box => [box.querySelector('dt').textContent.trim(), box.querySelector('dd').textContent.trim()])"
    )
    return {name: count for name, count in pairs if count != "0"}


def test_a_row_is_corrected_in_its_place_with_the_keyboard_alone(screen):
    page = screen()
    name_it(page, "Corrected")
    paste(page, ROWS)
    assert counts(page) == {"Rows in the file": "3", "Ready as it is": "2", "Invalid": "1"}
    page.get_by_role("link", name="Correct row 3").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#row-3 input[name=cells-1]")).to_be_focused()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("(415) 555-7002")
    page.keyboard.press("Enter")
    expect(page.locator("#row-3")).to_contain_text("+14155557002")
    assert counts(page) == {"Rows in the file": "3", "Ready as it is": "3"}
    expect(page.locator("#draft-summary")).to_contain_text("3 people")


def test_without_script_the_row_has_a_page_of_its_own_and_leads_back(screen):
    page = screen(java_script_enabled=False)
    name_it(page, "Corrected without script")
    paste(page, ROWS)
    page.get_by_role("link", name="Correct row 3").click()
    page.locator("input[name=cells-1]").fill("+14155557001")
    page.get_by_role("button", name="Save and judge again").click()
    page.wait_for_url(re.compile("/who#row-3$"))
    assert counts(page) == {"Rows in the file": "3", "Ready as it is": "2", "Duplicate": "1"}
    expect(page.locator("#row-3")).to_contain_text("The same number as in row 2.")
