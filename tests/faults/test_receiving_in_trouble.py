"""Receiving while something is wrong with ourselves: keys that change, commits that are slow, a disk that is full."""

import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event, func, make_url, select, text

from blueprints.database import db
from core.models import Attempt, Delivery
from core.replays import kept_deliveries
from jobs.replay import replay_kept
from provider.inbox import Rules
from sandbox.poison import BODIES
from tests.faults.desk import ON_SQLITE
from tests.faults.test_deliveries import call, ended

A_MEGABYTE = 1024 * 1024
NO_SPACE = """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"""
NEW_KEY = "another key that is long enough to be one"


def number(place):
    return f"+1415555{place:04d}"


def test_the_secret_key_is_rotated_under_load_and_no_delivery_is_refused(desk, installation, sandbox):
    """Fault 24: what was sealed with the old key stays readable, and the next waves are sealed with the new one."""
    sandbox.misbehave("no_webhooks")
    installation.start("web")
    wave = desk.accepted(people=40)
    bodies = [ended(number(place)) for place in range(40)]
    assert set(installation.deliver_at_once(wave, bodies[:20])) == {204}
    old = installation.environment["SECRET_KEY"]
    installation.environment |= {"SECRET_KEY": NEW_KEY, "SECRET_KEY_FALLBACKS": old}
    installation.kill("web")
    installation.start("web")
    assert set(installation.deliver_at_once(wave, bodies)) == {204}
    desk.session.rollback()
    assert desk.session.scalar(select(func.count()).select_from(Delivery)) == 40
    assert desk.contacts() == {"answered": 40}
    assert installation.show(wave.campaign_id)["calls_completed"] == 40


@ON_SQLITE
def test_many_deliveries_while_each_commit_is_slow(desk, installation, sandbox):
    """Fault 26: no 2xx without a row, memory stays bounded, pages answer, and the counts are exact in the end."""
    sandbox.misbehave("no_webhooks")
    installation.start("web")
    wave = desk.accepted(people=100)
    waiting = {body for place in range(100) for body in (call(number(place), "ringing"), ended(number(place)))}
    waiting |= {call(number(place), "ringing", turn=turn) for place in range(100) for turn in range(10)}
    before = memory(installation)
    slow = threading.Event()
    other = threading.Thread(target=hold_now_and_then, args=(installation, slow))
    other.start()
    taken = 0
    try:
        while waiting:
            batch = list(waiting)
            statuses = installation.deliver_at_once(wave, batch)
            assert set(statuses) <= {204, 503}
            waiting -= {body for body, status in zip(batch, statuses, strict=True) if status == 204}
            taken += statuses.count(204)
            assert installation.show(wave.campaign_id)["contacts"]
    finally:
        slow.set()
        other.join()
    assert memory(installation) - before < 60 * A_MEGABYTE
    desk.session.rollback()
    assert desk.session.scalar(select(func.count()).select_from(Delivery)) == taken == 1200
    assert desk.session.scalar(select(func.count()).select_from(Attempt)) == 100
    assert desk.contacts() == {"answered": 100}


def hold_now_and_then(installation, stop):
    """Somebody else writes most of the time."""
    with closing(sqlite3.connect(make_url(installation.environment["DATABASE_URL"]).database, timeout=30)) as other:
        while not stop.wait(0.02):
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.08)  # a disk that takes so long
            other.rollback()


def memory(installation):
    return sum(child.memory_info().rss for child in installation.children("web"))


def test_a_full_disk_is_answered_503_and_receiving_goes_on_by_itself(desk, engine, faulty_app, sandbox):
    """Fault 30: nothing that was acknowledged is missing."""
    sandbox.misbehave("no_webhooks")
    wave = desk.accepted(people=3)
    assert desk.deliver(wave, ended(number(0))) == 204
    with full_disk(faulty_app, engine):
        assert [desk.deliver(wave, ended(number(place), note="x" * 5000)) for place in (1, 2, 1)] == [503] * 3
        assert desk.browser.get("/livez").status_code in (200, 503)
    assert desk.contacts() == {"answered": 1, "submitted": 2}
    assert [desk.deliver(wave, ended(number(place))) for place in (1, 2)] == [204] * 2
    assert desk.contacts() == {"answered": 3}
    desk.session.rollback()
    assert desk.session.scalar(select(func.count()).select_from(Delivery)) == 3


@contextmanager
def full_disk(app, engine):
    """SQLite may not grow any more; PostgreSQL says itself that its disk is full when a delivery is to be kept."""
    with app.app_context():
        web = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(web, "begin", stop_growing)
        yield
        event.remove(web, "begin", stop_growing)
        web.dispose()
        return
    with engine.begin() as connection:
        connection.execute(text(NO_SPACE))
        connection.execute(
            text("CREATE TRIGGER full_disk BEFORE INSERT ON delivery FOR EACH ROW EXECUTE FUNCTION full_disk()")
        )
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full_disk ON delivery"))
        connection.execute(text("DROP FUNCTION full_disk()"))


def stop_growing(connection):
    connection.exec_driver_sql("PRAGMA max_page_count = 1")  # it says how many there are already, and allows no more


def send(desk, wave, body, headers):
    path = desk.installation.address(wave).removeprefix(desk.installation.url)
    return desk.browser.post(path, data=body, headers=headers, csrf=False).status_code


@pytest.mark.parametrize("form", ["stripe", "github", "body_hex"])
def test_a_genuine_body_under_another_form_is_no_second_delivery(desk, sandbox, form):
    """Signed bytes that hold a timestamp are not signed bytes of a body: each form proves only what it covers."""
    sandbox.misbehave("no_webhooks")
    wave = desk.accepted(people=1)
    body = ended(number(0))
    headers = desk.installation.sign(wave, body)
    stamp, signature = headers["X-Webhook-Timestamp"], headers["X-Webhook-Signature"].removeprefix("sha256=")
    disguised = {
        "stripe": {"Webhook-Signature": f"t={int(stamp) + 1},v1={signature}"},
        "github": {"X-Hub-Signature-256": f"sha256={signature}"},
        "body_hex": {"X-Webhook-Signature": signature},
    }[form]
    assert send(desk, wave, body, disguised) == 401
    assert desk.contacts() == {"submitted": 1}
    # As a body of its own, the signed bytes verify, and are no JSON.
    whole = stamp.encode() + b"." + body
    assert send(desk, wave, whole, {"X-Hub-Signature-256": f"sha256={signature}"}) == 204
    assert desk.verdicts()["unreadable"] == 1
    assert desk.contacts() == {"submitted": 1}


def test_every_poison_is_read_again_without_harm(desk, sandbox):
    """Fault 34, once more by a replay."""
    sandbox.misbehave("no_webhooks")
    wave = desk.accepted(people=1)
    for body in BODIES.values():
        assert desk.deliver(wave, body) == 204
    desk.session.rollback()
    ids = desk.session.scalars(select(Delivery.id)).all()
    kept = kept_deliveries(desk.session, *ids)
    assert len(kept) == len(ids)
    moved = replay_kept(
        desk.session, kept, Rules(), desk.installation.vault, desk.installation.environment["REDIS_URL"]
    )
    assert not moved
    assert desk.contacts() == {"submitted": 1}
