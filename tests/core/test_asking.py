"""What is asked of the provider, and what counts as an answer about one of our waves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.asking import (
    ask_later,
    find_ours,
    may_give_up,
    question,
    record_calls,
    record_campaign,
    record_evidence,
    schedule_next,
)
from core.database import writing
from core.facts import AttemptStatus, CallFact, CampaignFact, Sent
from core.fold import silence_ends
from core.models import ProviderState, Wave
from core.provider_state import provider_state
from core.schedule import SETTLE_TIME
from core.waves import lock_wave
from tests.core.cast import (
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


@pytest.fixture
def campaign(session, now):
    return launched(session, now)


@pytest.fixture
def unknown(session, now, campaign):
    """A wave that may have been sent."""
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.UNKNOWN, now)
    return session.get_one(Wave, wave_id)


def state(session, wave):
    session.rollback()
    return session.get_one(Wave, wave.id).state


def ask(session, wave, now):
    session.rollback()
    return question(session, wave.id, now)


def call(place, at, **fields):
    return CallFact(
        **{"status": A.ANSWERED, "call_id": f"polled-{place}", "number": number(place), "started_at": at} | fields
    )


def told(session, asked, facts, now):
    with writing(session):
        return record_calls(session, asked, facts, now)


def test_a_call_of_the_agent_s_list_proves_that_an_unknown_wave_was_sent(session, now, campaign, unknown):
    told(session, ask(session, unknown, now), [call(1, later(now, seconds=20))], later(now, minutes=1))
    assert (state(session, unknown), states(session, campaign)) == ("accepted", ["submitted", "answered", "submitted"])
    check_boxes(session, campaign)


@pytest.mark.parametrize(
    "other",
    [{"number": "+14155559999"}, {"direction": "inbound"}, {"started_at": None}],
    ids=["somebody else", "inbound", "without a time"],
)
def test_calls_that_need_not_be_ours_prove_nothing(session, now, unknown, other):
    fact = call(1, later(now, seconds=20), **({} if "started_at" in other else other))
    fact = replace(fact, **other)
    told(session, ask(session, unknown, now), [fact], now)
    assert state(session, unknown) == "unknown"


def test_a_call_from_before_the_claim_proves_nothing(session, now, unknown):
    told(session, ask(session, unknown, now), [call(1, later(now, minutes=-6))], now)
    assert state(session, unknown) == "unknown"


def test_a_call_that_belongs_to_another_wave_proves_nothing(session, now):
    first = launched(session, now, people=1)
    wave = accepted(session, first, now)
    report(session, wave, 0, A.ANSWERED, now, call_id="polled-0")
    second = launched(session, now, people=1)
    (wave_id,) = tick(session, second, now).submit
    answer(session, claimed(session, wave_id, now), Sent.UNKNOWN, now)
    told(session, ask(session, session.get_one(Wave, wave_id), now), [call(0, later(now, seconds=9))], now)
    assert session.get_one(Wave, wave_id).state == "unknown"


def listed(wave, **fields):
    return CampaignFact(
        **{"provider_id": "p-1", "status": "running", "name": wave.name_sent, "total": wave.size} | fields
    )


def test_the_provider_s_list_of_campaigns_finds_a_wave_by_its_name(session, now, campaign, unknown):
    asked = ask(session, unknown, now)
    ours = find_ours(session, asked, [listed(unknown, name="Another"), listed(unknown)])
    with writing(session):
        assert record_evidence(session, asked, "The list", ours, now)
    wave = session.get_one(Wave, unknown.id)
    assert (wave.state, wave.provider_id, states(session, campaign)) == ("accepted", "p-1", ["submitted"] * 3)


def test_two_campaigns_of_one_name_prove_nothing(session, now, unknown):
    asked = ask(session, unknown, now)
    assert find_ours(session, asked, [listed(unknown), listed(unknown, provider_id="p-2")]) is None
    assert find_ours(session, asked, [listed(unknown, total=7)]) is None


def test_a_reference_that_is_echoed_finds_the_wave_under_any_name(session, now, unknown):
    ref = unknown.request["targets"][0]["context"]["callboard_ref"]
    asked = ask(session, unknown, now)
    assert find_ours(session, asked, [listed(unknown, name="x", total=99, refs=(ref,))]).provider_id == "p-1"


def test_a_campaign_of_another_wave_is_not_taken_for_ours(session, now, unknown):
    other = launched(session, now, first=50)
    wave = accepted(session, other, now)
    asked = ask(session, unknown, now)
    assert find_ours(session, asked, [listed(unknown, provider_id=wave.provider_id)]) is None


def test_what_was_looked_at_is_written_down(session, now, unknown):
    with writing(session):
        record_evidence(session, ask(session, unknown, now), "The agent's list of calls", None, now)
    assert session.get_one(Wave, unknown.id).evidence[-1]["found"] == "nothing"


def test_an_older_or_shorter_answer_moves_nothing_backwards(session, now, campaign):
    wave = accepted(session, campaign, now)
    asked = ask(session, wave, now)
    for fact in (
        CampaignFact("p", "running", initiated=3, completed=2),
        CampaignFact("p", "queued", initiated=1, completed=0),
    ):
        with writing(session):
            record_campaign(session, asked, fact, now)
    told(session, asked, [call(0, now), call(1, now)], now)
    told(session, asked, [call(0, now, status=A.DIALLING)], now)
    wave = session.get_one(Wave, wave.id)
    assert (wave.provider_initiated, wave.provider_completed) == (3, 2)
    assert states(session, campaign) == ["answered", "answered", "submitted"]


def test_a_poll_and_a_webhook_that_say_the_same_are_one_attempt(session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now, call_id="polled-0", started_at=now)
    (applied,) = told(session, ask(session, wave, now), [call(0, now)], now)
    assert applied.verdict == "repeat"
    assert states(session, campaign)[0] == "answered"


def test_calls_are_asked_for_when_the_provider_counts_more_than_we_know(session, now, campaign):
    wave = accepted(session, campaign, now)
    assert not ask(session, wave, now).calls_wanted
    with writing(session):
        record_campaign(session, ask(session, wave, now), CampaignFact("p", "running", initiated=1), now)
    assert ask(session, wave, now).calls_wanted
    report(session, wave, 0, A.DIALLING, now)
    assert not ask(session, wave, now).calls_wanted


def test_calls_are_asked_for_after_a_minute_of_silence(session, now, campaign):
    wave = accepted(session, campaign, now)
    assert ask(session, wave, later(now, seconds=61)).calls_wanted


def test_where_campaigns_cannot_be_asked_for_the_calls_are(session, now, campaign):
    wave = accepted(session, campaign, now)
    with writing(session):
        provider_state(session).get_campaign_offered = False
    asked = ask(session, wave, now)
    assert (asked.by_id, asked.calls_wanted) == (False, True)


def test_asking_is_frequent_at_first_and_then_rarer(session, now, campaign):
    wave = accepted(session, campaign, now)
    gaps = []
    for _ in range(7):
        with writing(session):
            schedule_next(session, wave.id, "", now)
        gaps.append((session.get_one(Wave, wave.id).next_poll_at - now).total_seconds())
    assert gaps == [5, 10, 20, 40, 60, 60, 60]
    with writing(session):
        schedule_next(session, wave.id, "", later(now, hours=2))
    assert session.get_one(Wave, wave.id).next_poll_at - later(now, hours=2) == timedelta(minutes=5)


def test_a_finished_wave_is_not_asked_about(session, now, campaign):
    wave = accepted(session, campaign, now)
    for place in range(3):
        report(session, wave, place, A.ANSWERED, now)
    assert ask(session, wave, now) is None
    assert session.get_one(Wave, wave.id).next_poll_at is None


def test_evidence_still_counts_when_a_person_was_already_asked(session, now, campaign, unknown):
    late = later(now + SETTLE_TIME, seconds=1)
    tick(session, campaign, late)
    assert state(session, unknown) == "needs_person"
    told(session, ask(session, unknown, late), [call(0, later(now, seconds=20))], late)
    assert state(session, unknown) == "accepted"
    assert len(reserved(session)) == 3


def test_asking_reads_only(session, now, campaign):
    wave = accepted(session, campaign, now)
    with writing(session):
        session.delete(session.get_one(ProviderState, 1))
    assert ask(session, wave, now).by_id
    assert session.get(ProviderState, 1) is None


def test_a_call_with_the_reference_of_an_earlier_wave_is_not_the_retry_s(session, now):
    campaign = launched(session, now, people=1, retry_attempts=1, retry_gap_minutes=1, retry_outcomes=["no_answer"])
    first = accepted(session, campaign, now)
    earlier = first.request["targets"][0]["context"]["callboard_ref"]
    report(session, first, 0, A.NO_ANSWER, now)
    second = accepted(session, campaign, later(now, seconds=90))
    asked = ask(session, second, later(now, seconds=100))
    assert told(session, asked, [call(0, later(now, seconds=5), ref=earlier)], later(now, seconds=100)) == []
    assert states(session, campaign) == ["submitted"]


@pytest.mark.parametrize("came_of_it", ["throttled", "half answered"])
def test_a_question_without_its_whole_answer_makes_nobody_no_news(session, now, came_of_it):
    wave = accepted(session, launched(session, now), now)
    over = silence_ends(wave) + timedelta(seconds=5)
    with writing(session):
        if came_of_it == "throttled":
            ask_later(session, wave.id, over + timedelta(minutes=1))
        else:
            schedule_next(session, wave.id, "It did not answer.", over, answered=False)
    session.refresh(wave)
    assert not may_give_up(session, wave, over + timedelta(seconds=1))
    with writing(session):
        schedule_next(session, wave.id, "", over + timedelta(minutes=2))
    session.refresh(wave)
    assert may_give_up(session, wave, over + timedelta(minutes=2))


def test_while_the_provider_answers_others_a_question_waits_for_its_turn(session, now):
    """Thousands of calls are asked for: that is no reason to say of anybody that there is no news."""
    wave, other = (accepted(session, launched(session, now, first=first), now) for first in (0, 10))
    over = silence_ends(wave)
    with writing(session):
        mine = lock_wave(session, wave.id)
        mine.rung_at, mine.polled_at = over, None
    for minutes, answered, gives_up in (
        (9, 0, False),
        (11, 10, False),
        (60, 55, False),
        (60, 30, True),
        (121, 120, True),
    ):
        with writing(session):
            lock_wave(session, other.id).polled_at = over + timedelta(minutes=answered)
        at = over + timedelta(minutes=minutes)
        assert may_give_up(session, session.get_one(Wave, wave.id), at) is gives_up, minutes
