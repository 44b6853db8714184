"""The frame and the pieces, in a real browser under the real policy."""

import pytest
from playwright.sync_api import Page, expect

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways(gallery, screen: Page, width, scheme):
    screen.set_viewport_size({"width": width, "height": 900})
    screen.emulate_media(color_scheme=scheme)
    screen.goto(gallery[1])
    assert screen.evaluate(OVERFLOW) == 0


def test_times_are_shown_in_the_zone_of_the_viewer_with_the_exact_instant_on_hover(gallery, screen: Page):
    screen.clock.install(time="2026-01-02T10:00:00Z")
    screen.goto(gallery[1])
    screen.evaluate("""() => {
        document.getElementById('notices').innerHTML = '<time class="js-time" datetime="2026-01-02T09:30:00+00:00">x</time>';
        document.dispatchEvent(new Event('live:changed')); }""")
    shown = screen.locator("#notices time")
    expect(shown).to_have_text("today, 04:30")
    expect(shown).to_have_attribute("title", "Friday, 2 January 2026 at 04:30:00 GMT-5 · 2026-01-02T09:30:00Z")


def test_the_theme_is_switched_and_kept(gallery, screen: Page):
    screen.emulate_media(color_scheme="light")
    screen.goto(gallery[1])
    screen.get_by_role("button", name="Switch between light and dark").click()
    screen.reload()
    assert screen.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    assert screen.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(12, 14, 18)"


def test_a_form_is_sent_once_however_often_it_is_pressed(gallery, screen: Page):
    app, address = gallery
    app.config["posts"].clear()
    screen.goto(address)
    screen.get_by_label("Yes, call these").check()
    screen.get_by_label("Agent").select_option("1")
    press = screen.get_by_role("button", name="Call 812 people")
    with screen.expect_request("**/post"):
        press.dblclick()
    expect(press).to_be_disabled()
    assert len(app.config["posts"]) == 1


def test_htmx_sends_the_token_and_the_page_says_saved(gallery, screen: Page):
    app, address = gallery
    app.config["posts"].clear()
    screen.goto(address)
    with screen.expect_response("**/post"):
        screen.evaluate("htmx.ajax('POST', '/post', {source: document.querySelector('form[data-autosave] input')})")
    assert app.config["posts"][0][0] == "token-of-the-test"
    expect(screen.locator(".js-saved")).to_contain_text("Saved")


def test_errors_stand_at_their_field_for_screen_readers_too(gallery, screen: Page):
    screen.goto(gallery[1])
    name = screen.get_by_label("Name")
    assert name.get_attribute("aria-invalid") == "true"
    described = name.get_attribute("aria-describedby").split()
    assert "required" in screen.locator(f"#{described[-1]}").inner_text()


def test_the_menu_opens_without_script_and_closes_with_escape(gallery, screen: Page):
    screen.goto(gallery[1])
    screen.locator("summary.avatar").click()
    expect(screen.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    screen.keyboard.press("Escape")
    expect(screen.get_by_role("button", name="Sign out", exact=True)).to_be_hidden()


def test_flashed_words_are_shown_as_text(gallery, screen: Page):
    screen.goto(f"{gallery[1]}/flashed")
    expect(screen.get_by_role("status").first).to_have_text("Saved as <b>draft</b>")
    expect(screen.get_by_role("alert")).to_have_text("Not launched")


@pytest.mark.parametrize("code", [403, 404, 413, 429, 500])
def test_an_error_page_says_what_happened_and_where_to_go(gallery, screen: Page, code):
    screen.goto(f"{gallery[1]}/error/{code}")
    expect(screen.get_by_role("heading", level=1)).to_be_visible()
    expect(screen.get_by_role("link", name="To the start page")).to_be_visible()
