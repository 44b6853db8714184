"""The real servers that tests talk to: PostgreSQL, Redis and Chromium, started once a session and ended with it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.redis import find_server, socket_url, wait_until_up, write_configuration
from ops.test_tools import find_chromium, find_postgresql

NO_POSTGRESQL = "tests on PostgreSQL: no PostgreSQL server was found"
NO_CHROMIUM = "browser tests: no Chromium was found"
UNPRIVILEGED = ("postgres", "nobody")


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
    with short_folder() as folder:
        user = unprivileged_user()
        if user:
            shutil.chown(folder, user)
        programs = reachable(programs, folder, user)
        data = initialised_data(programs, folder, user)
        options = [
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
            "-c",
            "max_connections=200",
        ]
        with server([str(programs / "postgres"), "-D", str(data), "-k", str(folder), *options], user=user):
            create_database(f"host={folder} user=callboard dbname=postgres", "callboard")
            yield f"postgresql+psycopg://callboard@/callboard?host={folder}"


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


@contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="callboard-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def server(command: list[str], user: str | None = None) -> Iterator[None]:
    """A running server; in a session of its own, so that Ctrl-C leaves its end to us."""
    process = subprocess.Popen(
        command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for open connections.
        process.send_signal(2)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    users = Path("/etc/passwd").read_text(encoding="utf-8")
    return next(name for name in UNPRIVILEGED if f"\n{name}:" in users)


def reachable(programs: Path, folder: Path, user: str | None) -> Path:
    """The programs where `user` may run them: a wheel inside root's own folders is copied."""
    if user is None or "site-packages" not in programs.parts:
        return programs
    package, installed = programs.parents[1], programs.parents[2]
    for part in installed.glob(f"{package.name}*"):
        # The programs find their libraries beside the package.
        shutil.copytree(part, folder / "wheel" / part.name, symlinks=True)
    return folder / "wheel" / programs.relative_to(installed)


def initialised_data(programs: Path, folder: Path, user: str | None) -> Path:
    data = folder / "data"
    command = [str(programs / "initdb"), "-D", str(data), "-U", "callboard", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*command, "--locale=C"], user=user, cwd=folder, check=True, capture_output=True)
    return data


def create_database(server_address: str, name: str) -> None:
    connect = waiting(lambda: psycopg.connect(server_address, autocommit=True))
    with connect as connection:
        connection.execute(f'CREATE DATABASE "{name}"')


def waiting(connect: Callable[[], psycopg.Connection], patience: float = 20.0) -> psycopg.Connection:
    deadline = time.monotonic() + patience
    while True:
        try:
            return connect()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
