"""Claim, commit, POST once, record: nobody is sent twice, whatever the answer and whoever dies."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.database import writing
from core.decisions import it_was_sent, leave_out, send_again, try_again
from core.errors import Conflict, Invalid
from core.facts import AttemptStatus, CallFact, CampaignFact, FieldError, Sent
from core.ledger import apply_call, apply_campaign
from core.models import AuditEntry, Contact, Wave
from core.provider_state import notice_key
from core.schedule import SETTLE_TIME, SUBMITTING_LIMIT
from core.submission import give_back
from core.waves import lock_wave
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
    reserved,
    states,
    tick,
)


def state(session, wave_id):
    session.rollback()
    return session.get_one(Wave, wave_id).state


@pytest.fixture
def campaign(session, now):
    return launched(session, now)


@pytest.fixture
def wave_id(session, now, campaign):
    (wave_id,) = tick(session, campaign, now).submit
    return wave_id


def test_fifty_claims_of_one_wave_win_once(session, now, wave_id):
    assert len([held for held in (claimed(session, wave_id, now) for _ in range(50)) if held]) == 1


def test_the_claim_alone_carries_address_and_secret(session, now, wave_id):
    held = claimed(session, wave_id, now)
    assert held.request["webhook_url"].startswith("https://callboard.example/webhooks/")
    assert len(held.request["webhook_secret"]) >= 32
    assert "webhook_secret" not in session.get_one(Wave, wave_id).request


@pytest.mark.parametrize(
    ("sent", "state_after"),
    [
        (Sent.ACCEPTED, "accepted"), (Sent.REFUSED, "refused"), (Sent.NOT_SENT, "planned"), (Sent.KEY_REFUSED, "planned"),
        (Sent.THROTTLED, "planned"), (Sent.UNKNOWN, "unknown"),
    ],
)  # fmt: skip
def test_each_answer_leads_where_the_table_says(session, now, campaign, wave_id, sent, state_after):
    answer(session, claimed(session, wave_id, now), sent, now)
    assert state(session, wave_id) == state_after
    check_boxes(session, campaign)


def test_an_answer_under_a_lost_claim_writes_nothing(session, now, campaign, wave_id):
    held = claimed(session, wave_id, now)
    with writing(session):
        give_back(session, held, "Too slow.", now)
    other = claimed(session, wave_id, now)
    answer(session, held, Sent.UNKNOWN, now)
    assert state(session, wave_id) == "submitting"
    answer(session, other, Sent.ACCEPTED, now)
    assert state(session, wave_id) == "accepted"


def test_a_wave_whose_process_died_becomes_unknown_and_then_needs_a_person(session, now, campaign, wave_id):
    claimed(session, wave_id, now)
    tick(session, campaign, now + SUBMITTING_LIMIT)
    assert state(session, wave_id) == "submitting"
    tick(session, campaign, now + SUBMITTING_LIMIT + timedelta(seconds=1))
    assert state(session, wave_id) == "unknown"
    tick(session, campaign, now + SETTLE_TIME + timedelta(seconds=1))
    assert state(session, wave_id) == "needs_person"
    session.refresh(campaign)
    assert campaign.why == "Wave 1 may or may not have been sent; somebody must decide."
    assert len(reserved(session)) == 3


def test_the_holder_of_a_claim_may_still_say_what_it_learnt_while_unknown(session, now, campaign, wave_id):
    held = claimed(session, wave_id, now)
    tick(session, campaign, now + SUBMITTING_LIMIT + timedelta(seconds=1))
    answer(session, held, Sent.ACCEPTED, later(now, seconds=125))
    assert state(session, wave_id) == "accepted"


@pytest.mark.parametrize("before", ["planned", "submitting", "unknown", "needs_person"])
def test_a_report_about_a_wave_proves_that_it_was_sent(session, now, campaign, wave_id, before):
    held = claimed(session, wave_id, now)
    with writing(session):
        wave = lock_wave(session, wave_id)
        wave.state = before
        session.flush()
        apply_call(session, wave, CallFact(AttemptStatus.DIALLING, call_id="c", number=number(0)), now)
    assert state(session, wave_id) == "accepted"
    assert claimed(session, wave_id, now) is None
    assert states(session, campaign) == ["dialling", "submitted", "submitted"]
    answer(session, held, Sent.ACCEPTED, now)
    assert session.get_one(Wave, wave_id).provider_id == f"provider-{wave_id}"


def test_the_people_a_refusal_names_are_left_out_and_the_rest_goes_again(session, now, campaign, wave_id):
    error = FieldError(("body", "targets", 1, "to_number"), "not a phone number")
    answer(session, claimed(session, wave_id, now), Sent.REFUSED, now, errors=(error,))
    assert states(session, campaign) == ["ready", "excluded", "ready"]
    assert (
        session.scalars(select(Contact.reason).where(Contact.state == "excluded")).one().endswith("not a phone number")
    )
    check_boxes(session, campaign)
    assert len(tick(session, campaign, now).submit) == 1


def test_a_second_refusal_asks_a_person(session, now, campaign, wave_id):
    error = FieldError(("body", "targets", 0, "to_number"), "not a phone number")
    answer(session, claimed(session, wave_id, now), Sent.REFUSED, now, errors=(error,))
    (second,) = tick(session, campaign, now).submit
    answer(session, claimed(session, second, now), Sent.REFUSED, now, errors=(error,))
    assert tick(session, campaign, now).submit == []
    session.refresh(campaign)
    assert campaign.hold == "refused"
    with writing(session):
        try_again(session, campaign.id, LAUNCHER, now)
    assert len(tick(session, campaign, now).submit) == 1


def refused_twice(session, now, campaign, wave_id):
    """Nobody is named, so all are cut once more, and refused once more."""
    answer(session, claimed(session, wave_id, now), Sent.REFUSED, now)
    (second,) = tick(session, campaign, now).submit
    answer(session, claimed(session, second, now), Sent.REFUSED, now)


def test_a_void_wave_between_two_refusals_does_not_hide_the_second(session, now, campaign, wave_id):
    answer(session, claimed(session, wave_id, now), Sent.REFUSED, now)
    tick(session, campaign, now)
    (third,) = tick(session, campaign, later(now, seconds=61)).submit
    answer(session, claimed(session, third, later(now, seconds=61)), Sent.REFUSED, later(now, seconds=61))
    session.refresh(campaign)
    assert campaign.hold == "refused"


def test_people_whom_the_provider_refuses_can_be_left_out(session, now, campaign, wave_id):
    refused_twice(session, now, campaign, wave_id)
    with writing(session):
        assert leave_out(session, campaign.id, LAUNCHER, now) == 3
    tick(session, campaign, now)
    session.refresh(campaign)
    assert (campaign.state, states(session, campaign)) == ("completed", ["excluded"] * 3)
    check_boxes(session, campaign)


def test_a_key_refused_twice_holds_everything_back_until_it_is_changed(session, now, campaign, wave_id):
    for _ in range(2):
        answer(session, claimed(session, wave_id, now), Sent.KEY_REFUSED, now)
    assert claimed(session, wave_id, now) is None
    tick(session, campaign, now)
    session.refresh(campaign)
    assert campaign.why.startswith("The provider refuses our key since 12:00 UTC")
    with writing(session):
        notice_key(session, "another key", now)
    assert claimed(session, wave_id, now) is not None


def test_a_throttled_provider_makes_every_campaign_wait(session, now, campaign, wave_id):
    answer(session, claimed(session, wave_id, now), Sent.THROTTLED, now, retry_after=40.0)
    other = launched(session, now, first=100)
    assert tick(session, other, later(now, seconds=39)).submit == []
    assert len(tick(session, other, later(now, seconds=41)).submit) == 1


def needs_person(session, now, campaign, wave_id):
    held = claimed(session, wave_id, now)
    answer(session, held, Sent.UNKNOWN, now)
    tick(session, campaign, now + SETTLE_TIME + timedelta(seconds=1))
    return later(now, minutes=16)


def test_a_person_may_say_that_it_was_sent(session, now, campaign, wave_id):
    at = needs_person(session, now, campaign, wave_id)
    with writing(session):
        it_was_sent(session, wave_id, LAUNCHER, at)
    assert (state(session, wave_id), states(session, campaign)) == ("accepted", ["submitted"] * 3)
    assert session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)).all()[-1] == "wave.it_was_sent"


def test_sending_again_needs_the_number_of_people_typed(session, now, campaign, wave_id):
    at = needs_person(session, now, campaign, wave_id)
    with pytest.raises(Invalid, match="Type 3"), writing(session):
        send_again(session, wave_id, 2, LAUNCHER, at)
    with writing(session):
        send_again(session, wave_id, 3, LAUNCHER, at)
    assert (state(session, wave_id), states(session, campaign), reserved(session)) == ("abandoned", ["ready"] * 3, [])
    with pytest.raises(Conflict), writing(session):
        send_again(session, wave_id, 3, LAUNCHER, at)
    check_boxes(session, campaign)


def test_a_call_of_an_abandoned_wave_withdraws_its_people_from_the_replacement(session, now, campaign, wave_id):
    """It proves that all of them were handed over, so none who still waits may be called again."""
    at = needs_person(session, now, campaign, wave_id)
    with writing(session):
        send_again(session, wave_id, 3, LAUNCHER, at)
    (second,) = tick(session, campaign, at).submit
    report(session, session.get_one(Wave, wave_id), 1, AttemptStatus.ANSWERED, at)
    assert state(session, second) == "void"
    assert states(session, campaign) == ["submitted", "answered", "submitted"]
    check_boxes(session, campaign)
    assert tick(session, campaign, at).submit == []
    tick(session, campaign, later(at, days=1))
    session.refresh(campaign)
    assert (campaign.state, states(session, campaign)) == ("completed", ["no_news", "answered", "no_news"])
    check_boxes(session, campaign)


def test_counters_of_an_abandoned_wave_withdraw_its_people_too(session, now, campaign, wave_id):
    at = needs_person(session, now, campaign, wave_id)
    with writing(session):
        send_again(session, wave_id, 3, LAUNCHER, at)
        apply_campaign(session, lock_wave(session, wave_id), CampaignFact("p", "running", initiated=1), at)
    assert tick(session, campaign, at).submit == []
    assert states(session, campaign) == ["submitted"] * 3
    check_boxes(session, campaign)


def test_a_call_of_an_abandoned_wave_raises_the_alarm_when_the_replacement_is_on_its_way(
    session, now, campaign, wave_id
):
    at = needs_person(session, now, campaign, wave_id)
    with writing(session):
        send_again(session, wave_id, 3, LAUNCHER, at)
    accepted(session, campaign, at)
    report(session, session.get_one(Wave, wave_id), 1, AttemptStatus.ANSWERED, at)
    session.refresh(campaign)
    assert number(1) in campaign.alarm
    check_boxes(session, campaign)


@pytest.mark.parametrize("told", [2, 3])
def test_a_difference_of_the_counters_ends_with_the_wave_unless_it_is_real(session, now, told):
    campaign = launched(session, now, people=2)
    wave = accepted(session, campaign, now)
    with writing(session):
        apply_campaign(
            session, lock_wave(session, wave.id), CampaignFact("p", initiated=told, completed=2, over=True), now
        )
    session.refresh(wave)
    assert wave.differs_since == now
    for place in range(2):
        report(session, wave, place, AttemptStatus.ANSWERED, later(now, seconds=1))
    session.refresh(wave)
    assert (wave.state, wave.differs_since) == ("finished", now if told == 3 else None)
