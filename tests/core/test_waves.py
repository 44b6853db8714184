"""Waves are cut just in time, hold each number once over all campaigns, and let it go when they end."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.database import writing
from core.errors import IllegalMove
from core.facts import AttemptStatus, Sent
from core.models import Contact, Wave
from core.requests import REF, sent_name, wave_plan
from core.states import CampaignState, WaveState, check_wave_move
from core.waves import cut_wave
from tests.core.cast import (
    VAULT,
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

A = AttemptStatus


@pytest.mark.parametrize(
    ("chosen", "people", "size", "waves"),
    [
        (None, 1, 100, 1),
        (None, 100, 100, 1),
        (None, 101, 100, 2),
        (None, 10_000, 500, 20),
        (None, 50_000, 1000, 50),
        (250, 812, 250, 4),
    ],
)
def test_the_default_wave_is_the_list_up_to_100_else_a_twentieth(chosen, people, size, waves):
    plan = wave_plan(chosen, people)
    assert (plan.size, plan.waves) == (size, waves)


def test_the_sent_name_says_which_wave_and_is_never_too_long():
    assert sent_name("Spring", 3, 9) == "Spring · 3/9"
    assert len(sent_name("x" * 255, 3, 9)) == 255


def test_a_wave_freezes_the_documented_request(session, now):
    campaign = launched(session, now, people=2, lines=4, context={"company": "Acme"})
    (wave_id,) = tick(session, campaign, now).submit
    request = session.get_one(Wave, wave_id).request
    assert [target["to_number"] for target in request["targets"]] == [number(0), number(1)]
    assert all(len(target["context"][REF]) == 24 for target in request["targets"])
    assert request | {"targets": 0, "agent_id": 0} == {
        "agent_id": 0, "name": "Spring · 1/1", "targets": 0, "schedule_at": None, "concurrent_calls": 2, "retry_failed": False,
        "retry_attempts": 0, "context": {"company": "Acme"}, "notify_on_call_complete": True,
    }  # fmt: skip


def test_the_second_wave_waits_until_a_third_of_the_lines_is_free(session, now):
    campaign = launched(session, now, people=12, lines=6, wave_size=6)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    assert tick(session, campaign, now).submit == []
    report(session, wave, 1, A.ANSWERED, now)
    (second,) = tick(session, campaign, now).submit
    second = session.get_one(Wave, second)
    assert (second.lines, second.size) == (2, 2)
    check_boxes(session, campaign)


def test_a_number_is_in_one_open_wave_over_all_campaigns(session, now):
    first, second = launched(session, now, people=2), launched(session, now, people=2)
    wave = accepted(session, first, now)
    assert tick(session, second, now).submit == []
    session.refresh(second)
    assert second.why.startswith("Everybody left is being called by “Spring”")
    assert states(session, second) == ["ready", "ready"]
    for place in (0, 1):
        report(session, wave, place, A.ANSWERED, now)
    assert len(tick(session, second, now).submit) == 1
    assert reserved(session) == [number(0), number(1)]


def test_a_number_twice_in_one_list_is_called_by_one_wave_at_a_time(session, now):
    campaign = launched(session, now, people=1)
    with writing(session):
        twin = session.scalars(select(Contact)).one()
        session.add(Contact(campaign_id=campaign.id, position=7, number=twin.number, context={}))
        session.get_one(type(campaign), campaign.id).size += 1
    wave = accepted(session, campaign, now)
    assert (wave.size, states(session, campaign)) == (1, ["submitted", "ready"])
    check_boxes(session, campaign)


def test_a_wave_cut_too_long_ago_is_void_and_its_people_go_with_the_next(session, now):
    campaign = launched(session, now)
    (first,) = tick(session, campaign, now).submit
    assert claimed(session, first, later(now, seconds=61)) is None
    assert session.get_one(Wave, first).state == WaveState.VOID
    (second,) = tick(session, campaign, later(now, seconds=62)).submit
    assert claimed(session, second, later(now, seconds=62)) is not None
    check_boxes(session, campaign)


def test_a_planned_wave_of_a_campaign_that_no_longer_runs_is_void(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    with writing(session):
        session.get_one(type(campaign), campaign.id).state = CampaignState.STOPPING
    assert claimed(session, wave_id, now) is None
    tick(session, campaign, now)
    session.refresh(campaign)
    assert (campaign.state, states(session, campaign), reserved(session)) == ("stopped", ["cancelled"] * 3, [])
    check_boxes(session, campaign)


def test_a_wave_finishes_when_all_its_people_are_settled_and_lets_their_numbers_go(session, now):
    campaign = launched(session, now, people=2)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    assert len(reserved(session)) == 2
    report(session, wave, 1, A.FAILED, now)
    session.refresh(wave)
    assert (wave.state, wave.counts, reserved(session)) == ("finished", {"answered": 1, "failed": 1}, [])
    tick(session, campaign, now)
    session.refresh(campaign)
    assert campaign.state == "completed"


def test_our_retry_is_a_later_wave_and_the_boxes_still_add_up(session, now):
    campaign = launched(session, now, people=2, retry_by="us", retry_attempts=1, retry_gap_minutes=30)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.NO_ANSWER, now)
    report(session, wave, 1, A.ANSWERED, now)
    assert tick(session, campaign, later(now, minutes=29)).submit == []
    session.refresh(campaign)
    assert campaign.why == "Everybody was tried; the next try is due at 12:30 on Monday (UTC)."
    second = accepted(session, campaign, later(now, minutes=31))
    assert states(session, campaign) == ["submitted", "answered"]
    check_boxes(session, campaign)
    report(session, second, 0, A.NO_ANSWER, later(now, minutes=32), call_id="again")
    tick(session, campaign, later(now, minutes=33))
    session.refresh(campaign)
    assert (campaign.state, states(session, campaign)) == ("completed", ["no_answer", "answered"])
    check_boxes(session, campaign)


def test_cutting_from_an_empty_list_leaves_nothing_behind(session, now):
    campaign = launched(session, now, people=1)
    accepted(session, campaign, now)
    with writing(session):
        assert cut_wave(session, session.get_one(type(campaign), campaign.id), 10, 5, VAULT, now) is None
    assert len(session.scalars(select(Wave)).all()) == 1


def test_a_state_does_not_go_where_the_table_does_not_let_it():
    with pytest.raises(IllegalMove):
        check_wave_move("finished", WaveState.PLANNED)


def test_a_wave_planned_again_after_a_refused_connection_goes_after_its_back_off(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.NOT_SENT, now)
    assert claimed(session, wave_id, now) is None
    held = claimed(session, wave_id, now + timedelta(seconds=3))
    assert held is not None
    answer(session, held, Sent.ACCEPTED, now)
    assert states(session, campaign) == ["submitted"] * 3
