"""Whoever tells a voice agent not to call again is not called again: once, whatever the order and repetition of the reports."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.asking import question, record_calls
from core.audit import Actor
from core.database import writing
from core.facts import AttemptStatus, CallFact
from core.installation import change_settings
from core.models import AuditEntry, Contact, Suppression, Wave
from core.suppressions import remove
from tests.core.cast import accepted, check_boxes, later, launched, number, report, tick

A = AttemptStatus
ADMIN = Actor("Ada")
REPORTS = [
    {"status": A.DIALLING, "word": "ringing"},
    {"status": A.ANSWERED, "word": "completed"},
    {"status": A.ANSWERED, "word": "dnc", "do_not_call": True},
    {"status": A.NO_ANSWER, "word": "no_answer", "call_id": "another"},
]


def listed(session):
    session.rollback()
    entries = session.scalars(select(Suppression).order_by(Suppression.number)).all()
    return [(entry.number, entry.source, entry.reason, entry.created_by) for entry in entries]


def noted(session):
    return session.scalars(select(AuditEntry).where(AuditEntry.act == "suppression.add")).all()


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_every_order_of_the_reports_bars_the_number_once(session, now, order):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    for place in [*order, *order]:
        report(session, wave, 0, now=now, **REPORTS[place])
    assert listed(session) == [(number(0), "call", "The provider said “dnc” about a call of “Spring”.", "Callboard")]
    assert len(noted(session)) == 1
    check_boxes(session, campaign)


def test_the_audit_log_names_the_entry_and_not_the_number(session, now):
    wave = accepted(session, launched(session, now, people=1), now)
    report(session, wave, 0, A.ANSWERED, now, word="opted_out", do_not_call=True)
    (entry,) = noted(session)
    assert (entry.actor, entry.subject, entry.subject_id) == (
        "Callboard",
        "suppression",
        session.scalar(select(Suppression.id)),
    )
    assert "415555" not in f"{entry.summary}{entry.after}"


def test_a_number_that_somebody_took_off_is_not_put_back_by_a_repeat_but_by_another_call(session, now):
    wave = accepted(session, launched(session, now, people=1), now)
    asked = {"status": A.ANSWERED, "word": "dnc", "do_not_call": True, "now": now}
    report(session, wave, 0, **asked)
    with writing(session):
        remove(session, session.scalar(select(Suppression.id)), ADMIN, now)
    report(session, wave, 0, **asked, summary="Told once more, with a summary.")
    assert listed(session) == []
    report(session, wave, 0, **asked, call_id="another", started_at=now + timedelta(hours=1))
    assert len(listed(session)) == 1


def test_a_poll_says_it_like_a_webhook(session, now):
    wave = accepted(session, launched(session, now, people=1), now)
    asked = question(session, wave.id, now)
    fact = CallFact(
        A.ANSWERED, call_id="call-0", number=number(0), word="unsubscribed", do_not_call=True, started_at=now
    )
    with writing(session):
        record_calls(session, asked, [fact, fact], now)
    assert len(listed(session)) == 1


def test_an_admin_may_decide_that_people_decide(session, now):
    with writing(session):
        change_settings(session, {"do_not_call_by_outcome": "no"}, ADMIN, now)
    wave = accepted(session, launched(session, now, people=1), now)
    report(session, wave, 0, A.ANSWERED, now, word="dnc", do_not_call=True)
    assert listed(session) == []


def test_a_test_call_in_which_somebody_tries_the_words_bars_nobody(session, now):
    wave = accepted(session, launched(session, now, people=1, is_test=True), now)
    report(session, wave, 0, A.ANSWERED, now, word="dnc", do_not_call=True)
    assert listed(session) == []


def test_a_late_word_withdraws_the_person_from_a_retry_that_was_not_sent(session, now):
    campaign = launched(
        session, now, people=1, retry_by="us", retry_attempts=3, retry_gap_minutes=30, retry_outcomes=["failed"]
    )
    first = accepted(session, campaign, now)
    report(session, first, 0, A.FAILED, now)
    (second,) = tick(session, campaign, later(now, minutes=31)).submit
    report(session, first, 0, A.FAILED, later(now, minutes=31), word="dnc", do_not_call=True)
    contact = session.scalars(select(Contact)).one()
    assert (contact.wave_id, contact.state, contact.due_at) == (first.id, "failed", None)
    assert session.get_one(Wave, second, populate_existing=True).state == "void"
    check_boxes(session, campaign)


@pytest.mark.parametrize("decided", ["yes", "no"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_whoever_asked_off_is_not_due_again_though_nobody_answered(session, now, decided, order):
    with writing(session):
        change_settings(session, {"do_not_call_by_outcome": decided}, ADMIN, now)
    wave = accepted(
        session, launched(session, now, people=1, retry_by="us", retry_attempts=3, retry_outcomes=["failed"]), now
    )
    reports = [
        {"status": A.FAILED, "word": "failed"}, {"status": A.FAILED, "word": "dnc", "do_not_call": True},
        {"status": A.DIALLING, "word": "ringing"},
    ]  # fmt: skip
    for place in [*order, *order]:
        report(session, wave, 0, now=now, **reports[place])
    contact = session.scalars(select(Contact)).one()
    assert (contact.state, contact.due_at) == ("failed", None)


def test_without_that_word_the_same_person_is_due_again(session, now):
    wave = accepted(
        session, launched(session, now, people=1, retry_by="us", retry_attempts=3, retry_outcomes=["failed"]), now
    )
    report(session, wave, 0, A.FAILED, now)
    assert session.scalars(select(Contact)).one().due_at is not None
