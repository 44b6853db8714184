"""Late reports of earlier waves: whoever was reached is not tried again, and nobody waits for ever."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.database import writing
from core.decisions import send_again
from core.dispatch import live_campaigns
from core.errors import DatabaseBusy
from core.facts import AttemptStatus, CallFact, Sent
from core.fold import SILENCE_MARGIN
from core.inbox import Envelope, Letter, address_of, receive
from core.models import AuditEntry, Campaign, Contact, Wave
from core.schedule import SETTLE_TIME
from core.states import CampaignState, WaveState
from tests.core.cast import (
    LAUNCHER,
    accepted,
    answer,
    check_boxes,
    claimed,
    later,
    launched,
    number,
    report,
    states,
    tick,
)

A = AttemptStatus


@pytest.fixture
def retried(session, now):
    """A campaign whose second wave, a retry of one of three, is cut but not sent; its first wave is finished."""
    campaign = launched(session, now, retry_attempts=2, retry_gap_minutes=30, retry_outcomes=["no_answer"])
    first = accepted(session, campaign, now)
    for place, status in enumerate((A.NO_ANSWER, A.ANSWERED, A.FAILED)):
        report(session, first, place, status, now)
    (second,) = tick(session, campaign, later(now, minutes=31)).submit
    return campaign, first.id, second


def wave(session, wave_id):
    session.rollback()
    return session.get_one(Wave, wave_id, populate_existing=True)


def refresh(session, campaign):
    session.rollback()
    session.refresh(campaign)
    return campaign


def test_a_late_answer_withdraws_the_person_from_a_retry_that_was_not_sent(session, now, retried):
    campaign, first, second = retried
    at = later(now, minutes=31)
    report(session, wave(session, first), 0, A.ANSWERED, at)
    assert (wave(session, second).state, claimed(session, second, at)) == (WaveState.VOID, None)
    assert states(session, campaign) == ["answered", "answered", "failed"]
    check_boxes(session, campaign)
    assert tick(session, campaign, at).submit == []
    assert refresh(session, campaign).state == CampaignState.COMPLETED


def test_a_late_answer_withdraws_the_person_who_is_back_on_the_list(session, now, retried):
    campaign, first, second = retried
    at = later(now, minutes=33)
    assert claimed(session, second, at) is None  # stale: void
    assert states(session, campaign)[0] == "ready"
    report(session, wave(session, first), 0, A.ANSWERED, at)
    assert states(session, campaign)[0] == "answered"
    check_boxes(session, campaign)
    assert tick(session, campaign, at).submit == []


def test_a_late_report_that_changes_nothing_lets_the_retry_go(session, now, retried):
    campaign, first, second = retried
    at = later(now, minutes=31)
    report(session, wave(session, first), 0, A.BUSY, at)
    assert claimed(session, second, at) is not None
    check_boxes(session, campaign)


def test_a_retry_that_was_sent_goes_on_and_the_late_answer_is_kept(session, now, retried):
    campaign, first, second = retried
    at = later(now, minutes=31)
    answer(session, claimed(session, second, at), Sent.ACCEPTED, at)
    report(session, wave(session, first), 0, A.ANSWERED, at)
    assert states(session, campaign)[0] == "submitted"
    report(session, wave(session, second), 0, A.NO_ANSWER, at, call_id="again")
    assert states(session, campaign)[0] == "answered"
    check_boxes(session, campaign)


def test_an_answer_of_somebody_cancelled_while_waiting_for_a_retry_is_counted(session, now, retried):
    campaign, first, _ = retried
    at = later(now, minutes=32)
    with writing(session):
        session.get_one(Campaign, campaign.id).state = CampaignState.STOPPING
    tick(session, campaign, at)
    assert states(session, campaign) == ["cancelled", "answered", "failed"]
    report(session, wave(session, first), 0, A.ANSWERED, at)
    assert states(session, campaign) == ["answered", "answered", "failed"]
    check_boxes(session, campaign)


def test_nobody_is_due_again_in_a_campaign_that_is_over(session, now):
    campaign = launched(session, now, people=1, retry_attempts=1, retry_outcomes=["no_answer"])
    first = accepted(session, campaign, now)
    end = later(now, minutes=20) + timedelta(seconds=1)
    tick(session, campaign, end)
    end = later(end, minutes=10)
    tick(session, campaign, end)
    assert (refresh(session, campaign).state, states(session, campaign)) == ("completed", ["no_news"])
    report(session, wave(session, first.id), 0, A.NO_ANSWER, end)
    assert (states(session, campaign), session.scalars(select(Contact.due_at)).one()) == (["no_answer"], None)


def test_a_call_in_a_refused_wave_takes_the_person_back_and_is_awaited(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.REFUSED, now)
    report(session, wave(session, wave_id), 1, A.DIALLING, now)
    assert states(session, campaign) == ["ready", "dialling", "ready"]
    report(session, wave(session, wave_id), 1, A.ANSWERED, now)
    assert states(session, campaign) == ["ready", "answered", "ready"]
    check_boxes(session, campaign)


@pytest.fixture
def abandoned(session, now):
    """A campaign whose first wave a person has given up, and the moment after."""
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.UNKNOWN, now)
    at = now + SETTLE_TIME + timedelta(seconds=1)
    tick(session, campaign, at)
    with writing(session):
        send_again(session, wave_id, 3, LAUNCHER, at)
    return campaign, wave_id, at


def test_a_call_of_an_abandoned_wave_ends_by_silence_even_when_the_campaign_is_over(session, now, abandoned):
    campaign, wave_id, at = abandoned
    with writing(session):
        session.get_one(Campaign, campaign.id).state = CampaignState.STOPPING
    tick(session, campaign, at)
    report(session, wave(session, wave_id), 1, A.DIALLING, at)
    assert states(session, campaign) == ["cancelled", "dialling", "cancelled"]
    assert live_campaigns(session) == [campaign.id]
    tick(session, campaign, at + SILENCE_MARGIN + timedelta(minutes=10))
    assert states(session, campaign) == ["cancelled", "no_news", "cancelled"]
    check_boxes(session, campaign)
    assert live_campaigns(session) == []


def test_everybody_who_may_be_called_twice_is_named_once(session, now, abandoned):
    campaign, wave_id, at = abandoned
    accepted(session, campaign, at)
    for place in (0, 1, 0):
        report(session, wave(session, wave_id), place, A.ANSWERED, at)
    assert [number(place) in refresh(session, campaign).alarm for place in range(3)] == [True, True, False]
    assert session.scalars(select(AuditEntry.act)).all().count("contact.called_twice") == 2


def test_a_report_about_people_who_were_given_back_holds_the_campaign_first(engine, session, now, abandoned):
    campaign, wave_id, at = abandoned
    address = address_of(session, wave(session, wave_id).token_hash)
    letter = Letter("call", [CallFact(A.ANSWERED, call_id="c", number=number(0))], [])
    locked = select(Campaign.id).where(Campaign.id == campaign.id).with_for_update(nowait=True, key_share=True)
    with writing(session):
        receive(session, address, Envelope("id:1", b"{}", [], None, ""), letter, at)
        with Session(engine) as other, pytest.raises((OperationalError, DatabaseBusy)), writing(other, patience=0.0):
            other.execute(locked)
    assert states(session, campaign) == ["answered", "submitted", "submitted"]
