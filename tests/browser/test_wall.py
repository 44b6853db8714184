"""The wall and the pictures of a campaign, as they move: without a reload, on a screen without a sign-in, with a notification."""

import re

import pytest
from playwright.sync_api import expect

SHOWN = """() => [...document.querySelectorAll('[data-chart]')].map(one => [one.id, one.querySelectorAll('canvas').length])"""
NOTICES = """() => {
    globalThis.told = [];
    globalThis.Notification = class { constructor(words) { told.push(words); } };
    Notification.permission = "granted";
    Notification.requestPermission = async () => "granted";
}"""
HIDE = """() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange')); }"""


def told_in(page) -> int:
    """How many calls the table of those that ended tells of."""
    return sum(map(int, page.locator("#chart-ended td").all_inner_texts()))


@pytest.fixture
def link(screen):
    """The address of a screen's link."""
    page = screen()
    page.goto("/wall/links")
    page.get_by_role("textbox", name="Screen").fill(f"Screen of {id(page)}")
    page.get_by_role("button", name="Make the link").click()
    return page.locator("main code").inner_text()


def test_a_screen_without_a_sign_in_follows_a_campaign_from_its_start_to_its_end(callboard, screen, link):
    callboard.set_sandbox(speed=40)
    wall = screen(storage_state=None, viewport={"width": 1920, "height": 1080})
    wall.goto(link)
    wall.evaluate("document.loadedOnce = true")
    campaign_id = callboard.create_campaign("On the wall", ["+14155557801", "+14155557802", "+14155557803"], lines=1)
    card = wall.locator(f"#card-{campaign_id}")
    expect(card).to_be_visible(timeout=15_000)
    expect(card.locator(".pill").first).to_have_text("Ended", timeout=40_000)
    assert wall.evaluate("document.loadedOnce")
    assert card.locator("a").count() == 0
    numbers = [int(text.replace(",", "")) for text in card.locator(".card-numbers dd").all_inner_texts()]
    assert sum(numbers) == 3
    callboard.set_sandbox(speed=0)


def test_a_revoked_screen_goes_dark(screen, link):
    wall = screen(storage_state=None)
    wall.goto(link)
    expect(wall.locator("#live-totals")).to_be_visible()
    page = screen()
    page.goto("/wall/links")
    page.get_by_role("link", name="Revoke Screen").first.click()
    page.get_by_role("button", name="Revoke the link").click()
    expect(wall.get_by_role("heading", name="This link is over")).to_be_visible(timeout=60_000)


def test_the_pictures_are_drawn_stay_drawn_and_say_the_same_in_a_table(callboard, screen):
    callboard.set_sandbox(speed=40)
    campaign_id = callboard.create_campaign("Drawn", [f"+1415555{number}" for number in range(7811, 7819)], lines=2)
    page = screen(color_scheme="dark")
    page.goto(f"/campaigns/{campaign_id}")
    expect(page.locator("#drawn-hours canvas")).to_be_visible(timeout=30_000)
    page.locator("#chart-ended summary").click()
    expect(page.locator("#live-head")).to_contain_text("Completed", timeout=40_000)
    expect(page.locator("#chart-ended details")).to_have_attribute("open", "")
    assert page.evaluate(SHOWN) == [["drawn-ended", 1], ["drawn-open", 1], ["drawn-hours", 1]]
    for _ in range(100):  # pictures are drawn anew every few seconds
        if told_in(page) >= 8:
            break
        page.wait_for_timeout(100)
    assert told_in(page) >= 8
    page.locator(".switch").get_by_text("All").click()
    assert "span=all" in page.url
    expect(page.locator("#drawn-ended canvas")).to_be_visible()
    callboard.set_sandbox(speed=0)


def test_without_a_script_the_same_numbers_stand_in_tables(callboard, screen):
    callboard.set_sandbox(speed=0)
    campaign_id = callboard.create_campaign("Told in a table", ["+14155557821", "+14155557822"])
    watcher = screen()
    watcher.goto(f"/campaigns/{campaign_id}")
    expect(watcher.locator("#live-head")).to_contain_text("Completed", timeout=30_000)
    page = screen(java_script_enabled=False)
    page.goto(f"/campaigns/{campaign_id}")
    page.locator("#chart-ended summary").click()
    assert told_in(page) >= 2


def test_a_browser_that_was_asked_to_says_that_a_campaign_has_ended_while_nobody_looks(callboard, screen):
    callboard.set_sandbox(speed=40)
    campaign_id = callboard.create_campaign("Told of", ["+14155557831", "+14155557832"], lines=1)
    page = screen()
    page.add_init_script(f"({NOTICES})()")
    page.goto(f"/campaigns/{campaign_id}")
    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_role("button", name="Notifying you")).to_have_attribute("aria-pressed", "true")
    page.evaluate(HIDE)
    for _ in range(400):
        if page.evaluate("told.length"):
            break
        page.wait_for_timeout(100)
    assert page.evaluate("told") == ["Told of has ended"]
    assert page.title() == "● Told of has ended"
    callboard.set_sandbox(speed=0)


def test_a_campaign_is_launched_with_the_keyboard_alone(callboard, screen):
    callboard.set_sandbox(speed=0)
    page = screen()

    def press_until(locator, key="Tab", most=120):
        for _ in range(most):
            if locator.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press(key)
        raise AssertionError(f"{locator} cannot be reached")

    def type_into(label, text):
        press_until(page.get_by_label(label, exact=label in ("Name", "Agent")))
        page.keyboard.press("Control+a")
        page.keyboard.type(text)

    def press(role, name):
        press_until(page.get_by_role(role, name=name).first)
        page.keyboard.press("Space" if role == "checkbox" else "Enter")

    page.goto("/campaigns/")
    press("link", "New campaign")
    page.wait_for_url("**/new")
    type_into("Name", "By keyboard")
    type_into("Agent", "b9c1f0de-0002-4a6e-8f10-000000000002")
    page.keyboard.press("Tab")
    expect(page.locator(".js-saved").first).to_contain_text("Saved")  # the draft has its own address from then on
    press("button", "Continue")
    page.wait_for_url("**/who")
    type_into("paste", "+14155557841\n+14155557842")
    press("button", "Read the list")
    expect(page.locator("#report")).to_be_visible(timeout=20_000)
    press("link", "Continue")
    page.wait_for_url("**/when")
    press("button", "Continue")
    page.wait_for_url("**/check")
    press("checkbox", "Yes, call 2 people.")
    press("button", "Call 2 people")
    page.wait_for_url(re.compile(r"/campaigns/\d+$"))
    expect(page.locator("#live-head")).to_contain_text("Completed", timeout=30_000)
