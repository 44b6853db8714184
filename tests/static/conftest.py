"""The gallery served on loopback, and a browser's page that looks at it."""

from collections.abc import Iterator
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.static.gallery import make_gallery


@pytest.fixture(scope="session")
def gallery() -> Iterator[tuple[Flask, str]]:
    app = make_gallery()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def screen(browser: Browser) -> Iterator[Page]:
    """A page whose console errors (violations of the policy among them) fail the test."""
    context = browser.new_context(timezone_id="America/New_York", locale="en-GB")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda line: (
            problems.append(line.text) if line.type == "error" and "Failed to load resource" not in line.text else None
        ),
    )
    yield page
    context.close()
    assert problems == []
