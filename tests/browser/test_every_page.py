"""Every page, light and dark, narrow and wide: nothing overflows, nothing is barred to anybody, nothing is complained about."""

from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import UGLY, barred_file, name_it, upload

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# All that the dark colours can change: structure, names and widths are those of the light page.
COLOURS = ["color-contrast", "link-in-text-block"]
# What passes is not described: nobody reads it, and that is a good part of the time.
VIOLATIONS = """([kind, values]) => axe.run(document, {runOnly: {type: kind, values}, resultTypes: ["violations"]})
    .then(found => found.violations.flatMap(one => one.nodes.map(node => [one.id, node.html.slice(0, 200), node.failureSummary])))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def places(callboard, browser, signed_in) -> list[str]:
    """The address of every page, each with something on it to see."""
    callboard.set_sandbox(speed=0)
    context = browser.new_context(base_url=callboard.url, storage_state=signed_in)
    page = context.new_page()
    campaign_id = callboard.create_campaign("Everything", ["+14155559001", "+14155559002"], name="A <b>person</b>")
    page.goto(f"/campaigns/{campaign_id}")
    expect(page.locator("#live-head h1")).to_contain_text("Completed", timeout=30_000)
    person = page.locator("#contacts tbody a").first.get_attribute("href")
    page.goto("/inbox/")
    delivery = page.locator("table a").first.get_attribute("href")
    name_it(page, "A draft")
    upload(page, UGLY)
    draft = page.url.removeprefix(callboard.url).split("/who")[0]
    page.get_by_text("Keep this list to use it again").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator(".notice")).to_contain_text("is kept")
    page.goto("/do-not-call/import")
    page.locator("input[type=file]").set_input_files(barred_file())
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#import")).to_contain_text("Done:", timeout=30_000)
    imported = page.url.removeprefix(callboard.url)
    page.goto("/do-not-call")
    remove = page.get_by_role("link", name="Remove").first.get_attribute("href")
    page.goto("/wall/links")
    page.get_by_role("textbox", name="Screen").fill("By the kitchen")
    page.get_by_role("button", name="Make the link").click()
    screen_link = page.locator("main code").inner_text().removeprefix(callboard.url)
    context.close()
    live = f"/campaigns/{campaign_id}"
    return [
        "/campaigns/", "/campaigns/?show=drafts", "/campaigns/?q=nothing", live, f"{live}?state=declined", f"{live}/waves/1",
        person, "/inbox/", "/inbox/?verdict=stale", "/inbox/?from=nonsense", delivery,
        "/inbox/words", "/inbox/words?explained=yes", "/inbox/replays", "/inbox/replays/new", "/inbox/connection",
        "/agents/", "/agents/new", f"{draft}/what", f"{draft}/who", f"{draft}/who?verdict=invalid", f"{draft}/who/rows/4", "/lists",
        f"{draft}/when", f"{draft}/check", f"{draft}/test-call", "/provider", "/people", "/people/new",
        "/people/1", "/account", "/forgotten-password", "/links/of-nobody", "/nowhere", "/settings", "/api-tokens", "/audit",
        "/audit?from=nonsense", "/audit?q=nothing", "/do-not-call", "/do-not-call?show=expired", "/do-not-call/add",
        "/do-not-call/import", imported, remove, "/restored", "/wall", "/wall/links", screen_link, "/wall/links/1/revoke",
        "/wall/on/nothing", "/account/notices", f"{live}?span=all", "/campaigns/?from=nonsense",
    ]  # fmt: skip


@pytest.mark.timeout(300)  # forty pages, each at several widths
def test_no_page_scrolls_sideways_and_axe_finds_nothing(places, screen):
    page = screen(color_scheme="light", bypass_csp=True, reduced_motion="reduce")
    found = {place: problems for place in places if (problems := problems_at(page, place))}
    assert found == {}


@pytest.mark.timeout(300)
def test_no_page_is_hard_to_read_in_the_dark(places, screen):
    page = screen(color_scheme="dark", bypass_csp=True, reduced_motion="reduce")
    found = {place: problems for place in places if (problems := violations_at(page, place, "rule", COLOURS))}
    assert found == {}


def violations_at(page: Page, place: str, kind: str, values: list[str]) -> list[object]:
    page.goto(place)
    page.evaluate(AXE)
    found: list[object] = page.evaluate(VIOLATIONS, [kind, values])
    return found


def problems_at(page: Page, place: str) -> list[object]:
    problems = violations_at(page, place, "tag", RULES)
    for width in (360, 800, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(OVERFLOW):
            problems.append(f"scrolls sideways at {width} pixels")
    return problems


def test_no_page_breaks_its_own_policy(places, screen):
    """`screen` sees what the console says, here with the policy in force."""
    page = screen()
    for place in places:
        page.goto(place)


def test_the_sign_in_has_no_problems(screen):
    assert problems_at(screen(storage_state=None, bypass_csp=True, reduced_motion="reduce"), "/sign-in") == []


def test_the_keyboard_finds_the_content_first_and_shows_where_it_is(callboard, screen):
    page = screen()
    page.goto("/campaigns/new")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        focus = page.evaluate("(s => s.outlineStyle + s.boxShadow)(getComputedStyle(document.activeElement))")
        assert focus != "nonenone"
