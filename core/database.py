"""How the domain meets its database: base class, column types, engine set-up, and the one way to open a write."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Engine, Integer, MetaData, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from core.errors import DatabaseBusy

# SQLite waits for a lock inside C, where a gevent process can do nothing else: wait a moment there, the rest cooperatively.
SQLITE_BUSY_MILLISECONDS = 20
WRITE_PATIENCE_SECONDS = 5.0
# What the columns of names hold.
LONGEST_NAME = 255
_WRITE = "callboard_write"
_turns: dict[str, threading.Lock] = {}


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, on a database that keeps zones and on one that does not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Every table of ours; constraints are named so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 (SQLAlchemy's form)


def engine_options(url: str | URL) -> dict[str, Any]:
    """The `create_engine` arguments that both Flask-SQLAlchemy and the jobs use."""
    # What a statement carried (numbers, secrets) is no part of the words of its error.
    always: dict[str, Any] = {"hide_parameters": True}
    if make_url(url).get_backend_name() == "sqlite":
        return always | {"connect_args": {"check_same_thread": False}, "pool_size": 20, "max_overflow": 40}
    return always | {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 20}


def prepare_engine(engine: Engine) -> Engine:
    """Give a SQLite engine its pragmas and honest transactions: BEGIN for reading, BEGIN IMMEDIATE for writing."""
    if engine.dialect.name != "sqlite" or event.contains(engine, "begin", _begin):
        return engine
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def open_engine(url: str | URL) -> Engine:
    return prepare_engine(create_engine(url, **engine_options(url)))


def _set_pragmas(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MILLISECONDS}")
    for attempt in range(100):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except Exception:  # another process is switching the new file to WAL in this moment
            if attempt == 99:
                raise
            time.sleep(0.02)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(session: Session, patience: float = WRITE_PATIENCE_SECONDS) -> Iterator[Session]:
    """One write transaction: returning commits, raising rolls back.

    It starts from the newest snapshot, so whatever the session held unwritten is dropped. On SQLite the write lock is taken
    first and waited for up to `patience` seconds; after that, and for any other failure to begin: DatabaseBusy.
    """
    session.rollback()
    deadline = time.monotonic() + patience
    with _turn(session, patience):
        _begin_write(session, deadline)
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def _turn(session: Session, patience: float) -> Iterator[None]:
    """SQLite has one writer at a time: those of one process queue here, in order, instead of all knocking at the file.

    Each knock blocks a gevent process for SQLITE_BUSY_MILLISECONDS; fifty at once would keep it from everything else.
    """
    engine = session.get_bind()
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns.setdefault(str(engine.engine.url), threading.Lock())
    if not turn.acquire(timeout=patience):
        raise DatabaseBusy("others of this process are writing")
    try:
        yield
    finally:
        turn.release()


def breathe() -> None:
    """In the middle of long work: let the others of a cooperative process go on (pages, streams; writers wait their turn)."""
    time.sleep(0)


def _begin_write(session: Session, deadline: float) -> None:
    while True:
        try:
            session.connection(execution_options={_WRITE: True})
            return
        except OperationalError as error:
            session.rollback()
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise DatabaseBusy(str(error.orig)) from error
            time.sleep(random.uniform(0.001, 0.02))
