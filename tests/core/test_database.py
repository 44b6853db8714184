"""Writing: one transaction at a time, waited for with patience, and never half done."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import Instant, open_engine, writing
from core.errors import DatabaseBusy
from core.models import Setting

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def add(engine, name):
    with Session(engine) as session, writing(session):
        session.add(Setting(name=name, value={}))


def add_and_fail(engine, name):
    with Session(engine) as session, writing(session):
        session.add(Setting(name=name, value={}))
        session.flush()
        raise ZeroDivisionError


def names(session):
    session.rollback()
    return sorted(session.scalars(select(Setting.name)))


def test_returning_commits_and_raising_rolls_back(engine, session):
    add(engine, "kept")
    with pytest.raises(ZeroDivisionError):
        add_and_fail(engine, "lost")
    assert names(session) == ["kept"]


def test_a_write_begins_from_what_is_there_now(engine, session):
    assert names(session) == []
    assert session.scalar(select(Setting.name)) is None
    add(engine, "new")
    with writing(session):
        assert session.scalar(select(Setting.name)) == "new"


def test_many_writers_of_one_process_all_get_their_turn(engine, session):
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda place: add(engine, f"{place:03}"), range(200)))
    assert len(names(session)) == 200


@ON_SQLITE
@pytest.mark.parametrize("same_process", [True, False])
def test_a_lock_held_for_too_long_is_said_plainly(engine, session, database_url, same_process):
    other_engine = engine if same_process else open_engine(database_url + "?timeout=0")
    with writing(session), pytest.raises(DatabaseBusy), Session(other_engine) as other, writing(other, patience=0.05):
        raise AssertionError("must not begin")
    other_engine.dispose()


@ON_SQLITE
def test_readers_do_not_wait_for_a_writer(engine, session):
    with writing(session):
        session.add(Setting(name="unseen", value={}))
        session.flush()
        with Session(engine) as reader:
            assert names(reader) == []


@ON_SQLITE
def test_a_writer_that_fails_lets_the_next_one_go(engine, session):
    failed = threading.Event()

    def fail():
        try:
            with Session(engine) as other, writing(other):
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            failed.set()

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join(10)
    assert failed.is_set()
    add(engine, "next")
    assert names(session) == ["next"]


def test_a_time_without_a_zone_does_not_reach_the_database(session, now):
    with pytest.raises(ValueError, match="without a zone"):
        Instant().process_bind_param(now.replace(tzinfo=None), session.get_bind().dialect)
