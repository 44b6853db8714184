"""Deliveries: repeated, reordered, early, late and poisonous ones, and a database or a process that is away."""

import hashlib
import itertools
import json
import sqlite3
import threading
from base64 import b64decode
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, make_url, select

from core.models import Attempt, Contact, Delivery
from jobs.ask import ask
from jobs.submit import submit
from sandbox.poison import BODIES
from tests.core.cast import launched_with
from tests.faults.desk import ON_SQLITE


def call(number, status, **more):
    """What the provider says of a call; the same words give the same bytes."""
    data = {"call_id": f"call-of-{number}", "to_number": number, "status": status} | more
    return json.dumps({"event": f"call.{status}", "data": data}, sort_keys=True).encode()


def ended(number, disposition="completed", **more):
    return call(number, "ended", **{"disposition": disposition, "duration_seconds": 31} | more)


@pytest.fixture
def quiet(sandbox):
    """The provider plays calls and tells nobody: what is delivered, the test delivers."""
    sandbox.misbehave("no_webhooks")


def rows(desk):
    desk.session.rollback()
    return desk.session.execute(
        select(Attempt.status, Attempt.word, Attempt.duration, Contact.state)
        .join(Contact, Contact.id == Attempt.contact_id)
        .order_by(Contact.position)
    ).all()


def count(desk, table):
    desk.session.rollback()
    return desk.session.scalar(select(func.count()).select_from(table))


def test_one_delivery_a_hundred_times_at_once_has_one_row_and_one_effect(desk, installation, quiet):
    """Fault 17: over several processes on PostgreSQL; every repeat is told that it arrived."""
    installation.start("web")
    wave = desk.accepted(people=1, first=101)  # who answers for certain, so that the checks agree
    body = ended("+14155550101")
    assert set(installation.deliver_at_once(wave, [body] * 100)) == {204}
    assert (count(desk, Delivery), count(desk, Attempt), desk.contacts()) == (1, 1, {"answered": 1})
    assert installation.show(wave.campaign_id)["calls_completed"] == 1
    desk.finish()


def test_deliveries_in_every_order_with_repeats_end_in_the_same_rows(desk, quiet):
    """Fault 18: ringing, answered, completed, and one of them twice, in all permutations."""
    steps = (
        lambda number: call(number, "ringing"),
        lambda number: call(number, "answered"),
        lambda number: ended(number),
    )
    orders = {order for twice in range(3) for order in itertools.permutations((0, 1, 2, twice))}
    numbers = {order: f"+1415{500 + place}0101" for place, order in enumerate(sorted(orders))}  # all of them answer
    campaign = launched_with(desk.session, datetime.now(UTC), [{"number": number} for number in numbers.values()])
    desk.tick()
    wave = desk.submit(campaign)
    for order, number in numbers.items():
        for step in order:
            assert desk.deliver(wave, steps[step](number)) == 204
    assert set(rows(desk)) == {("answered", "ended", 31.0, "answered")}
    assert (count(desk, Attempt), desk.contacts()) == (len(orders), {"answered": len(orders)})
    desk.finish()


@ON_SQLITE
def test_a_webhook_that_overtakes_the_answer_to_the_submission_counts(desk, installation, sandbox):
    """Fault 19: it is the evidence; the answer brings the provider's id afterwards."""
    installation.start("web")
    sandbox.misbehave("webhook_before_answer")
    wave = desk.submit(desk.launch())
    assert wave.provider_id
    assert wave.state in ("accepted", "finished")
    assert [one["looked"] for one in wave.evidence] == ["reports of the provider"]
    installation.wait_until(lambda: desk.wave(wave.campaign).state == "finished")
    desk.tick()
    desk.check()


@ON_SQLITE
def test_a_poll_and_a_webhook_with_the_same_news_at_the_same_time_have_one_effect(desk, installation, sandbox):
    """Fault 21."""
    installation.start("web")
    sandbox.misbehave("burst")
    campaign = desk.launch(people=30, lines=10)
    wave = desk.wave(campaign)
    desk.session.rollback()
    desk.sandbox.misbehave("no_get_campaign")  # so that every poll reads the calls themselves
    submit(wave.id)
    polls = [threading.Thread(target=ask, args=(wave.id,)) for _ in range(8)]
    for one in polls:
        one.start()
    for one in polls:
        one.join()
    installation.wait_until(lambda: desk.wave(campaign).state == "finished")
    installation.wait_until(lambda: not sandbox.deliveries(state="pending"))
    assert count(desk, Attempt) == 30
    desk.finish()


@ON_SQLITE
def test_a_locked_database_is_answered_with_503_and_pages_go_on(desk, installation, quiet):
    """Fault 29: nothing half-written, and the sender's retry is kept."""
    installation.start("web")
    wave = desk.accepted(people=1)
    body = ended("+14155550000")
    with closing(sqlite3.connect(make_url(installation.environment["DATABASE_URL"]).database)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = []
        sender = threading.Thread(target=lambda: answers.append(installation.deliver(wave, body)))
        sender.start()
        pages = 0
        while sender.is_alive():
            assert installation.show(wave.campaign_id)["contacts"]["submitted"] == 1
            pages += 1
        other.rollback()
    assert (answers[0].status_code, answers[0].headers["Retry-After"]) == (503, "5")
    assert pages > 3
    assert (count(desk, Delivery), count(desk, Attempt)) == (0, 0)
    assert installation.deliver(wave, body).status_code == 204
    assert desk.contacts() == {"answered": 1}


@ON_SQLITE
def test_a_web_process_killed_among_deliveries_has_lost_none_that_it_acknowledged(desk, installation, sandbox):
    """Fault 31: the sender's retries are duplicates, or are stored then."""
    sandbox.post_admin("settings", {"retry_delays": [0.2] * 100, "scale_retries": False})
    installation.start("web")
    campaign = desk.launch(people=40, lines=10)
    desk.submit(campaign)
    for acknowledged in (20, 80):
        installation.wait_until(lambda enough=acknowledged: len(acknowledged_by_us(sandbox)) > enough)
        installation.kill("web")
        installation.start("web")
    installation.wait_until(lambda: not sandbox.deliveries(state="pending"), 60)
    told = acknowledged_by_us(sandbox)
    desk.session.rollback()
    kept = set(desk.session.scalars(select(Delivery.key)))
    assert told <= kept
    assert len(kept) == count(desk, Delivery)
    desk.tick()
    desk.check()


def acknowledged_by_us(sandbox):
    """The keys under which the deliveries that we answered with 2xx must be found."""
    return {
        f"sha256:{hashlib.sha256(b64decode(one['body_base64'])).hexdigest()}"
        for one in sandbox.deliveries(state="delivered", body=1)
    }


def test_signed_poison_is_kept_and_harms_nothing(desk, quiet):
    """Fault 34: 204, unreadable or applied, never 500."""
    wave = desk.accepted(people=1)
    for name, body in BODIES.items():
        assert desk.deliver(wave, body) == 204, name
        assert kept(desk, body) in ("unreadable", "ignored", "unmatched", "applied"), name
    assert desk.contacts() == {"submitted": 1}
    assert desk.deliver(wave, ended("+14155550000", summary="\x00 \ud800", sentiment_score=float("nan"))) == 204
    assert desk.contacts() == {"answered": 1}


def kept(desk, body):
    """The verdict on the delivery with just these bytes."""
    desk.session.rollback()
    newest = desk.session.scalars(select(Delivery).order_by(Delivery.id.desc()).limit(1)).one()
    assert newest.body == body
    return newest.verdict
