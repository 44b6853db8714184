"""The connection and the words, by hand: a test that comes back, a header that is named, what was refused verified again."""

from playwright.sync_api import expect


def test_a_test_of_the_connection_comes_back_over_the_public_address(screen):
    page = screen()
    page.goto("/inbox/connection")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#test")).to_contain_text("It arrived, and the answer came back", timeout=20_000)


def test_a_header_of_theirs_is_named_and_its_deliveries_are_verified_again(callboard, screen):
    callboard.set_sandbox(speed=0)
    callboard.misbehave("signature_form", form="unfamiliar_header", campaign_name_contains="Acme")
    campaign = callboard.create_campaign("Acme", ["+14155559701"])
    page = screen()
    page.goto(f"/campaigns/{campaign}")
    expect(page.locator("#live-head h1")).to_contain_text("Completed", timeout=30_000)  # by polls
    page.goto("/inbox/?verdict=bad_signature")
    expect(page.locator("table th a").first).to_be_visible(timeout=20_000)
    page.goto("/inbox/connection")
    page.get_by_label("Other headers that may hold the signature").fill("X-Dialer-Signature")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice")).to_contain_text("Saved.")
    page.goto("/inbox/?verdict=bad_signature")
    page.get_by_role("link", name="Verify again…").click()
    page.get_by_role("button", name="Verify again").click()
    expect(page.locator("#replays tbody tr").first).to_contain_text("Repeat", timeout=20_000)
    page.goto("/inbox/?verdict=bad_signature")
    expect(page.locator(".empty-state")).to_be_visible()
