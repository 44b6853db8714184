"""Whatever the order and repetition of the reports, the rows end up the same."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.database import writing
from core.facts import AttemptStatus, CallFact
from core.fold import OVER_GRACE, silence_ends
from core.ledger import settle_wave
from core.models import Attempt, Contact
from core.waves import lock_wave
from tests.core.cast import accepted, check_boxes, later, launched, report, states

A = AttemptStatus


def content(session):
    attempts = session.scalars(select(Attempt).order_by(Attempt.call_id)).all()
    contact = session.scalars(select(Contact)).one()
    return [(a.call_id, a.status, a.word, a.contradiction, a.duration, a.summary, a.started_at) for a in attempts], (
        contact.state, contact.attempts, contact.settled_at is not None,
    )  # fmt: skip


CALL = [
    CallFact(A.DIALLING, call_id="a", word="ringing"),
    CallFact(A.DIALLING, call_id="a", word="answered"),
    CallFact(A.ANSWERED, call_id="a", word="completed", duration=42.0, summary="Said yes."),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_one_call_s_reports_ends_in_the_same_rows(session, now, order):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    for place in [*order, *order]:
        fact = CALL[place]
        report(
            session,
            wave,
            0,
            fact.status,
            now,
            call_id="a",
            word=fact.word,
            duration=fact.duration,
            summary=fact.summary,
        )
    attempts, contact = content(session)
    assert [(a[0], a[1], a[2], a[4], a[5]) for a in attempts] == [("a", "answered", "completed", 42.0, "Said yes.")]
    assert contact == ("answered", 1, True)
    check_boxes(session, campaign)


FACTS = st.builds(
    dict,
    status=st.sampled_from(list(A)),
    call_id=st.sampled_from(["a", "b"]),
    word=st.sampled_from(["one", "two", None]),
    duration=st.sampled_from([None, 1.0, 9.0]),
    summary=st.sampled_from([None, "short", "longer"]),
)


# What the statements make of each order is tested on both databases above; here it is the rules.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(FACTS, min_size=1, max_size=5), data=st.data())
def test_reports_in_any_order_and_repeated_end_the_same(session, now, facts, data):
    results = []
    for order in (facts, data.draw(st.permutations(facts)) + facts[:1]):
        with writing(session):
            for table in reversed(Attempt.metadata.sorted_tables):
                if table.name != "audit_entry":  # which only grows
                    session.execute(table.delete())
        campaign = launched(session, now, people=1, retry_by="provider", retry_attempts=1)
        wave = accepted(session, campaign, now)
        for fact in order:
            begun = now + timedelta(minutes=5 * (fact["call_id"] == "b"))
            report(session, wave, 0, now=now, started_at=begun, **fact)
        results.append(content(session))
        check_boxes(session, campaign)
    assert results[0] == results[1]


def test_an_outcome_never_goes_back_to_dialling(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.NO_ANSWER, now)
    report(session, wave, 0, A.DIALLING, now)
    assert states(session, campaign) == ["no_answer"]


def test_a_contradiction_is_shown_and_counts_once(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.NO_ANSWER, now, word="no_answer")
    report(session, wave, 0, A.ANSWERED, now, word="completed")
    attempt = session.scalars(select(Attempt)).one()
    assert (attempt.status, attempt.contradiction) == ("answered", "no_answer")
    assert states(session, campaign) == ["answered"]
    check_boxes(session, campaign)


def test_a_report_without_a_call_id_is_adopted_by_the_call_it_overlaps(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.DIALLING, now, call_id=None)
    report(session, wave, 0, A.ANSWERED, now, call_id="a")
    report(session, wave, 0, A.ANSWERED, now, call_id=None)
    assert [a.call_id for a in session.scalars(select(Attempt))] == ["a"]


def test_with_a_retry_to_come_an_outcome_is_not_yet_settled(session, now):
    campaign = launched(session, now, people=1, retry_by="provider", retry_attempts=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.NO_ANSWER, now, call_id="a")
    assert session.scalars(select(Contact)).one().settled_at is None
    report(session, wave, 0, A.BUSY, later(now, minutes=5), call_id="b", started_at=later(now, minutes=5))
    contact = session.scalars(select(Contact)).one()
    assert (contact.state, contact.settled_at is not None) == ("busy", True)


def test_silence_ends_in_no_news_and_a_late_event_corrects_it(session, now):
    campaign = launched(session, now, people=2)
    wave = accepted(session, campaign, now)
    end = silence_ends(wave)
    with writing(session):
        settle_wave(session, lock_wave(session, wave.id), end, is_given_up=True)
    assert states(session, campaign) == ["no_news", "no_news"]
    check_boxes(session, campaign)
    late = report(session, wave, 0, A.VOICEMAIL, end + timedelta(days=2))
    assert (late.verdict, states(session, campaign)) == ("late", ["voicemail", "no_news"])
    check_boxes(session, campaign)


def test_after_the_provider_is_done_the_last_reports_still_have_two_minutes(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    with writing(session):
        lock_wave(session, wave.id).provider_over_at = now
        settle_wave(session, wave, now, is_given_up=False)
    assert states(session, campaign) == ["submitted"]
    assert silence_ends(wave) == now + OVER_GRACE


@pytest.mark.parametrize("after", [timedelta(0), timedelta(hours=1)])
def test_a_report_after_the_silence_gives_nobody_up(session, now, after):
    """That a call is open says that its end is still to come: the provider is asked before anybody counts as no news."""
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.DIALLING, silence_ends(wave) + after)
    assert (states(session, campaign), lock_wave(session, wave.id).state) == (["dialling"], "accepted")
