"""A live page keeps up with its server, and says when it cannot."""

import pytest
from playwright.sync_api import Page, expect

from tests.static.live_server import BOX, Stage, event, number

DAY = "2026-01-02T10:00:00Z"


@pytest.fixture
def stage(gallery):
    app, _ = gallery
    app.config["stage"] = Stage()
    yield app.config["stage"]
    app.config["stage"].says.put(None)


SEEN = """seen => {
    Object.defineProperty(document, 'visibilityState', { value: seen, configurable: true });
    document.dispatchEvent(new Event('visibilitychange')); }"""
LISTEN = """window.states = [];
    document.addEventListener('live:state', () => states.push(document.querySelector('[data-live-url]').dataset.liveState));"""


def pass_time(page: Page, until: str, after: str, step: int = 500) -> None:
    """Moves the page's clock in steps until its newest state is `until`, and it has been `after` before."""
    for _ in range(200):
        states = page.evaluate("states")
        if after in states and states[-1] == until:
            return
        page.clock.run_for(step)
    raise AssertionError(states)


@pytest.fixture
def live(gallery, stage, screen: Page):
    """Opens the live page under a clock that the test moves."""

    def open_page() -> Page:
        screen.clock.install(time=DAY)
        screen.add_init_script(LISTEN)
        screen.goto(f"{gallery[1]}/live")
        return screen

    return open_page


def test_a_connection_begins_with_a_snapshot_and_goes_on_with_fragments(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    stage.says.put(event("fragment", number(41)))
    expect(page.locator("#number")).to_have_text("41")
    stage.says.put(event("fragment", {"fragments": [number(42)]}))
    expect(page.locator("#number")).to_have_text("42")
    expect(page.locator(".live-words")).to_have_text("Live, no event yet")


def test_what_the_viewer_typed_and_opened_stays(live, stage):
    page = live()
    page.locator("#typed").fill("half a wo")
    page.locator("summary", has_text="More").click()
    page.locator("#typed").focus()
    stage.says.put(event("fragment", {"target": "box", "html": BOX.format(9)}))
    expect(page.locator("#number")).to_have_text("9")
    expect(page.locator("#typed")).to_have_value("half a wo")
    expect(page.locator("#typed")).to_be_focused()
    expect(page.locator("#more")).to_have_attribute("open", "")


def test_an_ended_stream_is_opened_again(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    stage.says.put(None)
    pass_time(page, until="live", after="reconnecting")
    expect(page.locator("#number")).to_have_text("snapshot 2")


def test_a_stream_that_fell_silent_is_called_stale_and_opened_again(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    pass_time(page, until="live", after="reconnecting")
    expect(page.locator("#number")).to_have_text("snapshot 2")


def test_heartbeats_keep_a_quiet_stream_open(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    for beat in range(3):
        page.clock.run_for(30_000)
        stage.says.put(event("heartbeat", {}))
        stage.says.put(event("fragment", number(f"beat {beat}")))
        expect(page.locator("#number")).to_have_text(f"beat {beat}")
    assert stage.opened == 1


def test_after_three_failures_the_page_polls_and_later_streams_again(live, stage):
    stage.refuses = True
    page = live()
    pass_time(page, until="polling", after="reconnecting")
    assert stage.opened >= 2  # one may have been given up, by the faked clock, before it left the browser
    expect(page.locator("#number")).to_contain_text("application/json")
    expect(page.locator(".live-words")).to_contain_text("Updating every 5 s")
    stage.refuses = False
    pass_time(page, until="live", after="polling", step=5_000)
    expect(page.locator("#number")).to_contain_text("snapshot")


def test_a_browser_without_streams_polls(live, stage, screen):
    screen.add_init_script("delete window.EventSource")
    page = live()
    expect(page.locator("#live")).to_have_attribute("data-live-state", "polling")
    assert stage.opened == 0


def test_an_ended_session_reloads_the_page(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    page.clock.run_for(11_000)
    with page.expect_event("load"):
        stage.says.put(event("gone", {}))


@pytest.mark.parametrize("status", [401, 404])
def test_an_ended_session_or_link_reloads_a_page_that_polls(live, stage, screen, status):
    screen.add_init_script("delete window.EventSource")
    page = live()
    expect(page.locator("#live")).to_have_attribute("data-live-state", "polling")
    page.clock.run_for(11_000)
    with page.expect_event("load"):
        stage.poll_status = status
        page.clock.run_for(6_000)


def test_an_unseen_tab_holds_no_stream_and_one_that_is_seen_again_starts_anew(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    page.evaluate(SEEN, "hidden")
    page.clock.run_for(3_600_000)
    assert stage.opened == 1
    page.evaluate(SEEN, "visible")
    expect(page.locator("#number")).to_have_text("snapshot 2")


@pytest.mark.parametrize(("age", "tone"), [(50, "good"), (70, "warn"), (400, "bad")])
def test_silence_with_open_calls_turns_amber_then_red(live, stage, age, tone):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    page.evaluate(
        "age => Object.assign(document.querySelector('.js-live').dataset, "
        "{open: 2, lastEvent: new Date(Date.now() - age * 1000).toISOString()})",
        age,
    )
    stage.says.put(event("heartbeat", {}))
    page.clock.run_for(1_000)
    expect(page.locator(f".js-live.tone-{tone} .live-words")).to_contain_text("Live, last event")


def test_a_server_that_only_looks_says_so_until_it_hears_again(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    stage.says.put(event("heartbeat", {"slow": True}))
    expect(page.locator(".live-words")).to_contain_text("Reconnecting… updating every 5 s")
    stage.says.put(event("fragment", number(7)))
    expect(page.locator("#number")).to_have_text("7")
    expect(page.locator(".live-words")).to_contain_text("Reconnecting")
    stage.says.put(event("heartbeat", {"slow": False}))
    expect(page.locator(".live-words")).to_contain_text("Live")


def test_what_the_server_cannot_look_at_is_called_stale(live, stage):
    page = live()
    stage.says.put(event("stale", {}))
    expect(page.locator(".live-words")).to_contain_text("Stale")
    stage.says.put(event("fragment", number(8)))
    expect(page.locator(".live-words")).to_contain_text("Live")


def test_one_stream_too_many_asks_instead(live, stage):
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
    stage.says.put(event("full", {}))
    expect(page.locator("#live")).to_have_attribute("data-live-state", "polling")
    stage.says.put(None)
    pass_time(page, until="live", after="polling", step=5_000)


def test_of_seven_tabs_of_one_browser_four_hold_a_stream_and_all_are_right(gallery, stage, screen):
    tabs = [screen, *(screen.context.new_page() for _ in range(6))]
    for tab in tabs:
        tab.goto(f"{gallery[1]}/live")
    for tab in tabs:
        expect(tab.locator("#number")).to_contain_text("snapshot" if tab in tabs[:4] else "polled")
    assert stage.opened == 4
    tabs[0].close()
    tabs[4].bring_to_front()
    tabs[4].reload()
    expect(tabs[4].locator("#number")).to_contain_text("snapshot")
    for _ in tabs:
        stage.says.put(None)


def test_a_browser_that_forbids_what_tabs_share_streams_all_the_same(live, stage, screen):
    screen.add_init_script("navigator.locks.request = async () => { throw new DOMException('no', 'SecurityError'); }")
    screen.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })")
    screen.add_init_script("Object.defineProperty(Notification, 'permission', { value: 'granted' })")
    page = live()
    expect(page.locator("#number")).to_have_text("snapshot 1")
