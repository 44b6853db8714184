"""What a person does on the pages, step by step, with and without JavaScript."""

import re
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

UGLY = Path(__file__).parents[1] / "data" / "ugly-500.csv"

# Numbers that no other test calls: they are put on the do-not-call list, which all tests of an installation share.
BARRED = "number\n+14155558001\n(415) 555-8002\nnot a number\n+14155558001\n"


def barred_file() -> FilePayload:
    return {"name": "barred.csv", "mimeType": "text/csv", "buffer": BARRED.encode()}


def name_it(page: Page, name: str) -> None:
    page.goto("/campaigns/")
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Agent", exact=True).fill("b9c1f0de-0002-4a6e-8f10-000000000002")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile("/who"))


def upload(page: Page, file: Path) -> None:
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Read the list").click()
    expect(page.locator("#report")).to_be_visible(timeout=20_000)


def paste(page: Page, text: str) -> None:
    """Without JavaScript the page shows the result when it is loaded again."""
    page.get_by_label("paste", exact=False).fill(text)
    page.get_by_role("button", name="Read the list").click()
    page.wait_for_load_state()
    for _ in range(20):
        if page.locator("#report").count():
            return
        page.get_by_role("link", name="Refresh").click()
    expect(page.locator("#report")).to_be_visible()


def go_on_to_the_check(page: Page) -> None:
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(re.compile("/when"))
    page.get_by_label("Calls at a time", exact=False).fill("10")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile("/check"))


def launch(page: Page, people: int) -> int:
    """The id of the launched campaign."""
    page.get_by_label(f"Yes, call {people} people.").check()
    page.get_by_role("button", name=f"Call {people} people").click()
    page.wait_for_url(re.compile(r"/campaigns/\d+$"))
    return int(page.url.rsplit("/", 1)[1])


def boxes(page: Page) -> dict[str, int]:
    """The numbers on a campaign's page, by what stands above them, read in one moment."""
    pairs = page.locator("#live-numbers .box").evaluate_all(
        "boxes => boxes.map(box => [box.querySelector('dt').textContent, box.querySelector('dd').textContent])"
    )
    return {name.strip(): int(number.strip().replace(",", "")) for name, number in pairs}
