"""The real servers that tests talk to: PostgreSQL, Redis and Chromium, started once a session and ended with it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.postgresql import private_postgresql, server, short_folder
from ops.redis import find_server, socket_url, wait_until_up, write_configuration
from ops.test_tools import find_chromium, find_postgresql

NO_POSTGRESQL = "tests on PostgreSQL: no PostgreSQL server was found"
NO_CHROMIUM = "browser tests: no Chromium was found"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis of this session, configured as `make run` does."""
    with short_folder() as folder:
        socket = folder / "redis.sock"
        configuration = write_configuration(folder, socket)
        with server([str(find_server()), str(configuration)]):
            wait_until_up(socket_url(socket))
            yield socket_url(socket)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """SQLAlchemy's address of an empty PostgreSQL database of this session; skips where there is no server."""
    programs = find_postgresql()
    if programs is None:
        pytest.skip(NO_POSTGRESQL)
    # Nothing of it outlives the session, so nothing needs to reach the disk.
    with private_postgresql(programs, ["fsync=off", "full_page_writes=off", "max_connections=200"]) as url:
        yield url


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser's program; skips where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip(NO_CHROMIUM)
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium_path: Path) -> dict[str, Any]:
    """What pytest-playwright starts: the machine's own Chromium, which refuses its own sandbox to root."""
    unsandboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": str(chromium_path), "args": unsandboxed}


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in plain sight which kinds of tests did not run for want of a tool."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for reason in (NO_POSTGRESQL, NO_CHROMIUM):
        count = sum(reason in text for text in reasons)
        if count:
            terminalreporter.write_line(f"skipped: {count} {reason}", yellow=True)
