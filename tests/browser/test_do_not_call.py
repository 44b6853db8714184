"""Whoever must not be called is put on the list by a click or a file, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser.steps import barred_file


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_a_number_goes_on_the_list_from_its_campaign_and_comes_off_again(callboard, screen, scripts):
    number = f"+1415555920{int(scripts)}"
    campaign_id = callboard.create_campaign("Asked off", [number])
    page = screen(java_script_enabled=scripts)
    page.goto(f"/campaigns/{campaign_id}")
    page.get_by_role("button", name="Never call").click()
    expect(page.locator("#notices")).to_contain_text("is on the do-not-call list")
    page.locator("#contacts").get_by_role("link", name="On the do-not-call list").click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="It may be called again").click()
    expect(page.locator("#notices")).to_contain_text("may be called again")


def test_whoever_tells_the_voice_agent_not_to_call_again_is_on_the_list(callboard, screen):
    callboard.set_sandbox(speed=0)
    campaign_id = callboard.create_campaign("Said in the call", ["+14155560109"])
    page = screen()
    page.goto(f"/campaigns/{campaign_id}")
    expect(page.locator("#live-head h1")).to_contain_text("Completed", timeout=30_000)
    page.goto("/do-not-call?q=Said+in+the+call")
    expect(page.locator("tbody")).to_contain_text("+1 415-556-0109")
    expect(page.locator("tbody")).to_contain_text("The provider said “do_not_call” about a call of “Said in the call”.")


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_a_file_is_followed_until_it_is_read(callboard, screen, scripts):
    page = screen(java_script_enabled=scripts)
    page.goto("/do-not-call/import")
    page.locator("input[type=file]").set_input_files(barred_file())
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#import")).to_contain_text("Done:", timeout=30_000)
    expect(page.locator("#import table")).to_be_visible()
