"""A page that is open shows what happens, without a reload."""

import pytest
from playwright.sync_api import expect

from tests.browser.steps import boxes

NUMBERS = [f"+1415555{number}" for number in range(8101, 8121)]


@pytest.fixture
def slow_campaign(callboard):
    """One line at twenty times real time: something happens each second or two, for half a minute at least."""
    callboard.set_sandbox(speed=20)
    yield callboard.create_campaign("Watched", [f"{number}" for number in NUMBERS], lines=1)
    callboard.set_sandbox(speed=0)


def settled(page) -> int:
    shown = boxes(page)
    assert shown.pop("Contacts") == sum(shown.values())
    return sum(shown[name] for name in ("Answered", "Voicemail", "No answer", "Busy", "Declined", "Failed"))


def watch(page, campaign_id: int) -> None:
    page.goto(f"/campaigns/{campaign_id}")
    page.evaluate("document.loadedOnce = true")


def wait_for_more(page, than: int) -> None:
    for _ in range(200):
        if settled(page) > than:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"still {than} settled")


def test_numbers_feed_and_people_change_without_a_reload_and_again_after_the_web_server_was_killed(
    callboard, slow_campaign, screen
):
    page = screen()
    watch(page, slow_campaign)
    wait_for_more(page, settled(page))
    expect(page.locator("#live-feed .badge-state").first).to_be_visible()
    expect(page.locator("#contacts .state-dialling, #contacts .state-answered").first).to_be_visible()
    callboard.kill_web()
    expect(page.locator(".js-live")).to_contain_text("Reconnecting", timeout=10_000)
    expect(page.locator(".js-live")).to_contain_text("Live", timeout=20_000)
    wait_for_more(page, settled(page))
    assert page.evaluate("document.loadedOnce")
    expect(page.locator("#contacts")).to_have_count(1)


def test_the_list_of_campaigns_changes_without_a_reload(callboard, screen):
    callboard.set_sandbox(speed=40)
    campaign_id = callboard.create_campaign("On the list", ["+14155558901", "+14155558902", "+14155558903"], lines=1)
    page = screen()
    page.goto("/campaigns/")
    page.evaluate("document.loadedOnce = true")
    row = page.locator(f"#campaign-{campaign_id}")
    expect(row.locator(".pill").first).to_have_text("Completed", timeout=30_000)
    assert page.evaluate("document.loadedOnce")


def test_a_person_lets_a_refused_campaign_try_again_on_the_live_page(callboard, screen):
    callboard.misbehave("refuse", status=400, message="Not published.", campaign_name_contains="Refused", times=2)
    campaign_id = callboard.create_campaign("Refused", ["+14155558951", "+14155558952"])
    page = screen()
    page.goto(f"/campaigns/{campaign_id}")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("The campaign may try again.")).to_be_visible()
    page.goto(f"/campaigns/{campaign_id}")
    expect(page.locator("#live-head")).to_contain_text("Completed", timeout=30_000)
