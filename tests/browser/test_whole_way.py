"""From the sign-in to the end of a campaign, as a person goes, with a real list of ugly rows."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.steps import UGLY, boxes, go_on_to_the_check, launch, name_it, paste, upload

READY, DUPLICATES, INVALID = 475, 6, 14
PASTED = "+14155556001\n(415) 555-6002\n4155556001\nnot a number\n+14155556003"


@pytest.fixture(scope="module")
def ended(callboard, browser, signed_in):
    """The page of a campaign of the ugly list that was uploaded, launched and watched to its end without a reload."""
    callboard.set_sandbox(speed=0, only_final_events=True)
    context = browser.new_context(base_url=callboard.url, storage_state=signed_in, locale="en-GB")
    page = context.new_page()
    name_it(page, "Ugly list")
    upload(page, UGLY)
    go_on_to_the_check(page)
    campaign_id = launch(page, READY)
    page.evaluate("document.loadedOnce = true")
    expect(page.locator("#live-head h1")).to_contain_text("Completed", timeout=100_000)
    assert page.evaluate("document.loadedOnce")
    callboard.set_sandbox(only_final_events=False)
    yield page, campaign_id
    context.close()


def test_a_wrong_password_is_told_at_the_form_and_the_right_one_opens_the_campaigns(callboard, browser):
    context = browser.new_context(base_url=callboard.url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".errors, .notice").first).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Campaigns")
    context.close()


def test_the_boxes_of_a_watched_campaign_add_up(ended):
    shown = boxes(ended[0])
    total = shown.pop("Contacts")
    assert total == sum(shown.values()) == READY + DUPLICATES
    assert shown["Excluded"] == DUPLICATES


def test_each_person_on_the_page_ended_as_the_provider_says(ended, callboard):
    page, campaign_id = ended
    truth = truth_of(callboard, "Ugly list")
    assert len(truth) == READY
    assert {number: state for number, state in people_of(page, campaign_id) if state != "Excluded"} == truth


def people_of(page: Page, campaign_id: int) -> list[tuple[str, str]]:
    """Number and state of everybody, read off the pages of the table."""
    page.goto(f"/campaigns/{campaign_id}")
    people = []
    while True:
        rows = page.locator("#contacts tbody tr").evaluate_all(
            "rows => rows.map(r => [r.querySelector('.phone').textContent, r.querySelector('.badge-state').textContent])"
        )
        people += [("+" + re.sub(r"\D", "", number), state.strip()) for number, state in rows]
        following = page.locator("#contacts").get_by_role("link", name="Next")
        if not following.count():
            return people
        page.goto(following.get_attribute("href"))


def truth_of(callboard, name: str) -> dict[str, str]:
    """What the sandbox did with each number of the campaign, in the words of the page."""
    campaigns = callboard.ask_sandbox("truth", calls=0, targets=0)["campaigns"]
    ids = {campaign["id"] for campaign in campaigns if campaign["name"].startswith(name)}
    # Whoever asks not to be called again was reached first.
    words = {"silence": "No news", "no_answer": "No answer", "do_not_call": "Answered"}
    contacts = [one for one in callboard.ask_sandbox("truth/calls")["contacts"] if one["campaign_id"] in ids]
    assert len({one["to_number"] for one in contacts}) == len(contacts)
    return {one["to_number"]: words.get(one["outcome"], one["outcome"].capitalize()) for one in contacts}


def test_without_javascript_a_pasted_list_goes_all_the_way(callboard, screen):
    callboard.set_sandbox(speed=0)
    page = screen(java_script_enabled=False)
    name_it(page, "Without script")
    paste(page, PASTED)
    go_on_to_the_check(page)
    campaign_id = launch(page, 3)
    for _ in range(100):
        if "Completed" in page.locator("h1").inner_text():
            break
        page.goto(f"/campaigns/{campaign_id}")
    shown = {name.strip(): int(number) for name, number in zip(
        page.locator("#live-numbers dt").all_inner_texts()[:14], page.locator("#live-numbers .box dd").all_inner_texts(), strict=True
    )}  # fmt: skip
    assert shown.pop("Contacts") == sum(shown.values()) == 4


def test_pressing_twice_calls_once(callboard, screen):
    callboard.set_sandbox(speed=0)
    page = screen()
    name_it(page, "Pressed twice")
    paste(page, "+14155557001\n+14155557002")
    go_on_to_the_check(page)
    page.get_by_label("Yes, call 2 people.").check()
    page.get_by_role("button", name="Call 2 people").dblclick()
    expect(page.locator("#live-head h1")).to_contain_text("Completed", timeout=30_000)
    assert len(truth_of(callboard, "Pressed twice")) == 2


@pytest.mark.parametrize("place", ["", "/contacts/{hostile}", "/waves/1"])
def test_hostile_strings_are_inert_on_every_page(ended, screen, place):
    page, campaign_id = ended
    page.goto(f"/campaigns/{campaign_id}?after=50")
    hostile = page.locator("#contacts tr", has_text="<script>").get_by_role("link").get_attribute("href")
    fresh = screen()
    fresh.goto(f"/campaigns/{campaign_id}{place}".replace(f"/campaigns/{campaign_id}/contacts/{{hostile}}", hostile))
    assert "broken" not in fresh.title()
    assert fresh.locator("main script, main img, main a[href^=javascript]").count() == 0
