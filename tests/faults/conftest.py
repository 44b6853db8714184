"""An installation for each test of a fault, on the databases where the fault could differ, and a desk to run its jobs by hand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

import jobs.runtime
from app import create_app
from core.database import writing
from core.sign_ins import Try, sign_in
from tests.conftest import COMPILED, Browser, close_app
from tests.factories import make_person
from tests.faults.desk import Desk
from tests.installation import Installation
from tests.sandbox_process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_of_all: SandboxProcess) -> SandboxProcess:
    """Instant, well-behaved, and without memory of earlier tests."""
    # A test may have killed it; and one that it started again itself ends with that test's installation.
    if sandbox_of_all.process is None or sandbox_of_all.process.poll() is not None:
        sandbox_of_all.restart()
    sandbox_of_all.post_admin("reset", {"settings": True})
    sandbox_of_all.post_admin("settings", {"speed": 0, "static_token": sandbox_of_all.token})
    return sandbox_of_all


@pytest.fixture
def installation(tmp_path: Path, database_url: str, sandbox: SandboxProcess) -> Iterator[Installation]:
    """Redis and sandbox; a test runs once on each kind of database unless it says `@ON_SQLITE` or `@ON_POSTGRESQL`."""
    with Installation(tmp_path, database_url, sandbox) as installation:
        yield installation


@pytest.fixture
def faulty_app(installation: Installation) -> Iterator[Flask]:
    """The web in the test's process, on its installation."""
    app = create_app(installation.settings())
    app.testing = True
    app.test_client_class = Browser
    app.jinja_env.bytecode_cache = COMPILED
    yield app
    close_app(app)


@pytest.fixture
def desk(installation: Installation, monkeypatch: pytest.MonkeyPatch, faulty_app: Flask) -> Iterator[Desk]:
    cached = (jobs.runtime.settings, jobs.runtime.engine, jobs.runtime.vault)
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    for one in cached:
        one.cache_clear()
    with installation.session() as session:
        yield Desk(installation, session, faulty_app.test_client())
    jobs.runtime.engine().dispose()
    for one in cached:
        one.cache_clear()


@pytest.fixture
def sign_in_here(faulty_app: Flask, desk: Desk) -> Callable[[str], Browser]:
    """A browser in which a person of that role is signed in to this installation."""

    def browser(role: str) -> Browser:
        with writing(desk.session):
            person = make_person(desk.session, role=role)
            token = sign_in(desk.session, person, Try(0, person.email, ""), "a test", datetime.now(UTC))
        client = faulty_app.test_client()
        client.set_cookie("callboard", token)
        return client

    return browser
