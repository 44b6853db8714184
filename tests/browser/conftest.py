"""One installation for all tests of a browser, and screens on which nothing may go wrong unseen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.browser.installation import EMAIL, PASSWORD, Installation

Screen = Callable[..., Page]


@pytest.fixture(scope="session")
def callboard(tmp_path_factory: pytest.TempPathFactory, chromium_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("callboard")) as installation:
        yield installation


@pytest.fixture(scope="session")
def signed_in(callboard: Installation, browser: Browser) -> StorageState:
    """The cookies of a person who has signed in by the form."""
    context = browser.new_context(base_url=callboard.url)
    page = context.new_page()
    sign_in(page)
    state = context.storage_state()
    context.close()
    return state


def sign_in(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/campaigns/"))


@pytest.fixture
def screen(callboard: Installation, browser: Browser, signed_in: StorageState) -> Iterator[Screen]:
    """`screen(color_scheme="dark")` opens a page of somebody signed in; errors on its console fail the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def opened(**options: object) -> Page:
        usual = {
            "base_url": callboard.url,
            "storage_state": signed_in,
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
        }
        contexts.append(browser.new_context(**(usual | options)))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        page.on("console", lambda line: problems.append(f"{page.url}: {line.text}") if is_wrong(line) else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def is_wrong(line) -> bool:
    """Refused forms and a server that is away are no errors of the page; violations of the policy are."""
    return line.type in ("error", "warning") and not re.search(
        "Failed to load resource|ERR_CONNECTION|ERR_EMPTY", line.text
    )
