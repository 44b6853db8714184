"""Pause, resume and stop: before the next wave, as often as asked, and in the audit log once."""

import pytest
from sqlalchemy import func, select

from core.control import act_on, finishing, not_handed_over, unschedule
from core.database import writing
from core.errors import Conflict
from core.facts import AttemptStatus, Sent
from core.launch import launch
from core.models import AuditEntry, Campaign, ContactList, Wave
from core.reasons import Out
from tests.core.cast import (
    LAUNCHER,
    VAULT,
    accepted,
    answer,
    check_boxes,
    claimed,
    later,
    launched,
    report,
    reserved,
    states,
    tick,
    why,
)

A = AttemptStatus


def act(session, campaign, name, now):
    with writing(session):
        act_on(session, campaign.id, name, LAUNCHER, VAULT, now)
    session.refresh(campaign)
    return campaign.state


def entries(session, name):
    session.rollback()
    return session.scalar(select(func.count()).where(AuditEntry.act == f"campaign.{name}"))


def test_a_pause_takes_back_the_wave_that_is_only_cut(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    assert act(session, campaign, "pause", now) == "paused"
    assert claimed(session, wave_id, now) is None
    assert (states(session, campaign), reserved(session)) == (["ready"] * 3, [])
    assert tick(session, campaign, later(now, minutes=5)).submit == []
    check_boxes(session, campaign)


def test_a_pause_says_how_many_calls_will_finish_and_who_paused(session, now):
    campaign = launched(session, now, people=4, wave_size=2)
    wave = accepted(session, campaign, now)
    act(session, campaign, "pause", now)
    assert campaign.why == "Paused by Lena Launcher; 2 calls already handed over will finish."
    assert "until somebody resumes it" in campaign.next_words
    report(session, wave, 0, A.ANSWERED, now)
    tick(session, campaign, now)
    assert why(session, campaign) == "Paused by Lena Launcher; 1 call already handed over will finish."


def test_a_resumed_campaign_goes_on_at_once(session, now):
    campaign = launched(session, now, people=4, wave_size=2)
    accepted(session, campaign, now)
    act(session, campaign, "pause", now)
    with writing(session):
        round_ = act_on(session, campaign.id, "resume", LAUNCHER, VAULT, later(now, minutes=20))
    session.refresh(campaign)
    assert (campaign.state, len(round_.submit)) == ("running", 1)
    check_boxes(session, campaign)


def test_each_act_may_be_asked_for_again_and_stands_in_the_audit_once(session, now):
    campaign = launched(session, now)
    for name, state in {"pause": "paused", "resume": "running", "stop": "stopped"}.items():
        assert [act(session, campaign, name, now) for _ in range(3)] == [state] * 3
        assert entries(session, name) == 1


def test_a_paused_campaign_whose_calls_are_over_and_that_has_nobody_left_is_complete(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    act(session, campaign, "pause", now)
    report(session, wave, 0, A.ANSWERED, now)
    tick(session, campaign, now)
    session.refresh(campaign)
    assert campaign.state == "completed"


def test_a_pause_does_not_say_that_calls_finish_of_which_nobody_knows_whether_they_began(session, now):
    campaign = launched(session, now, people=4, wave_size=2)
    accepted(session, campaign, now)
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.UNKNOWN, now)
    act(session, campaign, "pause", now)
    assert campaign.why.startswith(
        "Paused by Lena Launcher; 2 calls already handed over will finish, 1 person may have been handed over."
    )


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_what_is_over_can_be_neither_paused_nor_resumed(session, now, name):
    campaign = launched(session, now)
    act(session, campaign, "stop", now)
    with pytest.raises(Conflict, match="stopped cannot be"):
        act(session, campaign, name, now)


def test_a_stop_cancels_whoever_was_not_handed_over_and_waits_for_the_others(session, now):
    campaign = launched(session, now, people=5, wave_size=2, retry_attempts=2)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.NO_ANSWER, now)
    assert (not_handed_over(session, campaign.id), finishing(session, campaign.id)) == (4, Out(1, 0))
    assert act(session, campaign, "stop", now) == "stopping"
    assert states(session, campaign) == ["no_answer", "submitted", "cancelled", "cancelled", "cancelled"]
    assert campaign.why == "Stopping by Lena Launcher; 1 call already handed over will finish."
    report(session, wave, 1, A.BUSY, later(now, minutes=1))
    tick(session, campaign, later(now, minutes=1))
    session.refresh(campaign)
    assert (campaign.state, campaign.why) == ("stopped", "Stopped; 3 people were not called.")
    check_boxes(session, campaign)


def test_nobody_is_tried_again_after_a_stop(session, now):
    campaign = launched(session, now, people=1, retry_attempts=3, retry_gap_minutes=1)
    wave = accepted(session, campaign, now)
    act(session, campaign, "stop", now)
    report(session, wave, 0, A.NO_ANSWER, now)
    assert tick(session, campaign, later(now, hours=1)).submit == []
    session.refresh(campaign)
    assert (campaign.state, states(session, campaign)) == ("stopped", ["no_answer"])


def test_a_scheduled_campaign_can_be_stopped_before_it_starts(session, now):
    campaign = launched(session, now, start_at=later(now, days=1))
    assert act(session, campaign, "stop", now) == "stopped"
    assert tick(session, campaign, later(now, days=2)).submit == []
    assert states(session, campaign) == ["cancelled"] * 3


def test_a_stop_between_claim_and_answer_lets_the_answer_be_written_down(session, now):
    """The POST was under way: whatever comes of it is true, and nothing starts after it."""
    campaign = launched(session, now, people=4, wave_size=2)
    (wave_id,) = tick(session, campaign, now).submit
    held = claimed(session, wave_id, now)
    act(session, campaign, "stop", now)
    answer(session, held, Sent.ACCEPTED, now)
    assert session.get_one(Wave, wave_id, populate_existing=True).state == "accepted"
    assert states(session, campaign) == ["submitted", "submitted", "cancelled", "cancelled"]
    assert tick(session, campaign, later(now, seconds=5)).submit == []


def test_a_wave_that_was_surely_not_sent_is_void_after_a_stop(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    held = claimed(session, wave_id, now)
    act(session, campaign, "stop", now)
    answer(session, held, Sent.NOT_SENT, now)
    tick(session, campaign, later(now, seconds=5))
    assert session.get_one(Campaign, campaign.id, populate_existing=True).state == "stopped"
    assert states(session, campaign) == ["cancelled"] * 3
    check_boxes(session, campaign)


def test_what_waits_for_its_start_can_be_changed_and_calls_each_person_once(session, now):
    campaign = launched(session, now, start_at=later(now, hours=2), zone="UTC")
    assert campaign.state == "scheduled"
    for _ in range(2):
        with writing(session):
            unschedule(session, campaign.id, LAUNCHER, now)
    session.refresh(campaign)
    assert (campaign.state, campaign.size, campaign.launched_at, campaign.why) == ("draft", 0, None, "")
    assert entries(session, "unschedule") == 1
    assert tick(session, campaign, later(now, hours=3)).submit == []
    campaign.start_at, mine = None, session.scalars(select(ContactList)).one()
    session.commit()
    with writing(session):
        launch(
            session, campaign.id, campaign_version=campaign.version, list_version=mine.version, actor=LAUNCHER, now=now
        )
    accepted(session, campaign, now)
    assert states(session, campaign) == ["submitted"] * 3


@pytest.mark.parametrize("state", ["running", "paused", "stopping", "stopped", "completed", "awaiting_approval"])
def test_what_may_have_begun_does_not_become_a_draft(session, now, state):
    campaign = launched(session, now)
    campaign.state = state
    session.commit()
    with pytest.raises(Conflict), writing(session):
        unschedule(session, campaign.id, LAUNCHER, now)
    assert states(session, campaign) == ["ready"] * 3
