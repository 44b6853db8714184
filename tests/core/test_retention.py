"""What is kept no longer: refused deliveries go, genuine bodies are taken out if an admin says so, keys and results stay."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.database import writing
from core.inbox_settings import BODY_DAYS, INBOX_CHOICES
from core.installation import change_settings
from core.models import Delivery, DeliveryWord, HeardWord
from core.retention import clean_up_due, forget_some
from jobs.clean_up import clean_up
from tests.core.cast import accepted, launched
from tests.factories import make_delivery


@pytest.fixture
def wave(session, now):
    return accepted(session, launched(session, now), now)


def forget_all(session, now):
    more = True
    while more:
        with writing(session):
            more = forget_some(session, now)


def kept(session):
    session.rollback()
    rows = session.scalars(select(Delivery).order_by(Delivery.id).execution_options(populate_existing=True))
    return [(one.key, one.body, one.forgotten_at is not None) for one in rows]


def deliver(session, wave, now, **ages):
    """`deliver(…, name=days)`: those beginning with "bad" were refused."""
    with writing(session):
        for name, days in sorted(ages.items(), key=lambda item: -item[1]):
            verdict = "bad_signature" if name.startswith("bad") else "applied"
            make_delivery(session, wave, key=name, received_at=now - timedelta(days=days), verdict=verdict)


def test_refused_ones_go_after_a_fortnight_and_others_stay_for_ever(session, now, wave):
    deliver(session, wave, now, bad_old=15, good_old=400, bad_new=13)
    forget_all(session, now)
    assert kept(session) == [("good_old", b"{}", False), ("bad_new", b"{}", False)]


def test_bodies_are_taken_out_after_the_days_that_an_admin_says(session, now, wave):
    deliver(session, wave, now, old=31, bad=10, new=29)
    with writing(session):
        change_settings(session, {BODY_DAYS.name: "30"}, Actor("Ada"), now, INBOX_CHOICES)
    forget_all(session, now)
    assert kept(session) == [("old", b"", True), ("new", b"{}", False), ("bad", b"{}", False)]
    forget_all(session, now + timedelta(days=2))
    assert [gone for _, _, gone in kept(session)] == [True, True, False]


def test_it_is_due_once_an_hour(session, now, wave):
    assert clean_up_due(session, now)
    forget_all(session, now)
    assert not clean_up_due(session, now + timedelta(minutes=59))
    assert clean_up_due(session, now + timedelta(hours=1))
    assert clean_up_due(session, now - timedelta(hours=9)), "the clock was wrong"


def test_many_go_in_short_transactions(session, now, wave, monkeypatch):
    monkeypatch.setattr("core.retention.AT_ONCE", 2)
    deliver(
        session, wave, now, **{f"bad{place}": 20 for place in range(5)}, **{f"good{place}": 20 for place in range(5)}
    )
    with writing(session):
        change_settings(session, {BODY_DAYS.name: "7"}, Actor("Ada"), now, INBOX_CHOICES)
    forget_all(session, now)
    assert [gone for _, _, gone in kept(session)] == [True] * 5


def test_what_is_taken_out_waits_for_no_meaning(session, now, wave):
    deliver(session, wave, now, old=31)
    with writing(session):
        session.add(HeardWord(word="warbled", first_heard_at=now))
        session.flush()
        session.add(DeliveryWord(word="warbled", delivery_id=session.scalar(select(Delivery.id))))
        change_settings(session, {BODY_DAYS.name: "30"}, Actor("Ada"), now, INBOX_CHOICES)
    forget_all(session, now)
    assert session.scalars(select(DeliveryWord)).all() == []


def test_the_job_does_it_by_itself(session, now, wave, job_runtime):
    deliver(session, wave, now, bad=15)  # years ago by the real clock
    clean_up(1)
    assert kept(session) == []
