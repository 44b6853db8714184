"""Call my phone first, in a browser: the result comes on the spot."""

import re

from playwright.sync_api import expect

from tests.browser.steps import go_on_to_the_check, name_it, paste


def test_the_result_of_a_test_call_comes_to_the_check_page_by_itself(callboard, screen):
    callboard.set_sandbox(speed=0)
    page = screen()
    name_it(page, "Tried first")
    paste(page, "phone,name\n+14155557001,Ada\n+14155557002,Bob")
    go_on_to_the_check(page)
    card = page.locator("#test-call")
    card.get_by_label("Your phone").fill("+1 415 555 0101")
    card.get_by_label("another row").fill("3")
    card.get_by_role("button", name="Call +1 415 555 0101 now (one sandbox call)").click()
    expect(card).to_contain_text("Last test call", timeout=20_000)
    expect(card.locator(".badge-state")).to_have_text("Answered")  # as the sandbox plays this number
    expect(card).not_to_have_attribute("hx-trigger", re.compile("."))
    card.get_by_role("link", name="Everything about this test call").click()
    expect(page.locator("h1")).to_contain_text("Test call: Tried first")
    page.goto("/campaigns/?q=Tried")
    expect(page.locator("main")).not_to_contain_text("Test call")
