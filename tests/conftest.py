"""What most tests stand on: a real database of each kind, the application over it, and browsers of people with a role."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2.bccache import Bucket, BytecodeCache
from redis import Redis
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

import core.models  # noqa: F401 - fills the metadata
from app import create_app
from config import Settings
from core.database import Base, open_engine, writing
from core.sign_ins import Try, sign_in
from tests.factories import make_person

pytest_plugins = ["tests.services", "tests.worker"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET_KEY = "a key for tests that is long enough to be one"


@pytest.fixture
def now() -> datetime:
    """A moment for tests of core, where time is passed in."""
    return NOW


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    engine = open_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_tables(postgresql_url: str) -> str:
    """A database of its own in the session's server."""
    engine = open_engine(postgresql_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE callboard_tables"))
    engine.dispose()
    url = make_url(postgresql_url).set(database="callboard_tables").render_as_string(hide_password=False)
    engine = open_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def sqlite_url(empty_sqlite: Path, tmp_path: Path) -> str:
    """For tests of what only SQLite does."""
    return f"sqlite:///{shutil.copy(empty_sqlite, tmp_path / 'callboard.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database; a test that asks for it runs once on each kind."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    url = request.getfixturevalue("postgresql_tables")
    engine = open_engine(url)
    with engine.begin() as connection:
        # The audit log refuses to be emptied; only the server's own user may go past its triggers, for this transaction.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        # TRUNCATE makes a new file of each table and index: many times slower than deleting a few rows.
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(text("SELECT setval(sequencename::regclass, 1, false) FROM pg_sequences"))
    engine.dispose()
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session of the test's own: to prepare (and commit), and to look at what is left."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """The settings of a sandbox installation, with an empty Redis."""
    with Redis.from_url(redis_url) as connection:
        connection.flushdb()
    return Settings.from_environment(
        {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(tmp_path)}
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    app.testing = True
    app.test_client_class = Browser
    app.jinja_env.bytecode_cache = COMPILED
    yield app
    close_app(app)


def close_app(app: Flask) -> None:
    """End what an application holds open, as its worker does when it stops."""
    from blueprints.database import db

    for stop in app.extensions.get("at_worker_stop", []):
        stop()
    with app.app_context():
        db.engine.dispose()


class CompiledTemplates(BytecodeCache):
    """Each template is compiled once a session, not once for each test's application."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = CompiledTemplates()


class Browser(FlaskClient):
    """A browser that sends each form with the page's token, as our pages do."""

    def open(self, *args, csrf: bool = True, **kwargs):
        if csrf and kwargs.get("method") in ("POST", "PUT", "PATCH", "DELETE"):
            kwargs["headers"] = {"X-CSRFToken": self.csrf_token(), **dict(kwargs.get("headers") or {})}
        return super().open(*args, **kwargs)

    def csrf_token(self) -> str:
        with self.session_transaction() as cookies:
            raw = cookies.setdefault("csrf_token", "0" * 40)
        return URLSafeTimedSerializer(SECRET_KEY, salt="wtf-csrf-token").dumps(raw)


@pytest.fixture
def client(app: Flask) -> Browser:
    """A browser nobody has signed in with."""
    return app.test_client()


@pytest.fixture
def sign_in_as(app: Flask, session: Session) -> Callable[[str], Browser]:
    """`sign_in_as("launcher")`: a browser in which a person of that role is signed in."""

    def browser(role: str) -> Browser:
        moment = datetime.now(UTC)
        with writing(session):
            person = make_person(session, role=role)
            token = sign_in(session, person, Try(0, person.email, ""), "a test", moment)
        client = app.test_client()
        client.set_cookie("callboard", token)
        return client

    return browser


@pytest.fixture
def viewer(sign_in_as: Callable[[str], Browser]) -> Browser:
    return sign_in_as("viewer")


@pytest.fixture
def composer(sign_in_as: Callable[[str], Browser]) -> Browser:
    return sign_in_as("composer")


@pytest.fixture
def launcher(sign_in_as: Callable[[str], Browser]) -> Browser:
    return sign_in_as("launcher")
