"""The safety switch and the latest start: they stop before the next wave, say why, and one word of a person goes on."""

import pytest

from core.database import writing
from core.decisions import try_again
from core.facts import AttemptStatus
from core.models import Campaign, Wave
from tests.core.cast import LAUNCHER, accepted, claimed, later, launched, report, states, tick, why

A = AttemptStatus


def go_on(session, campaign, now):
    with writing(session):
        try_again(session, campaign.id, LAUNCHER, now)


@pytest.fixture
def failing(session, now):
    """Ten of twenty people called, a wave of ten; the switch looks at the last ten."""
    campaign = launched(session, now, people=20, lines=10, wave_size=10, breaker_percent=50, breaker_calls=10)
    return campaign, accepted(session, campaign, now)


def settle(session, wave, now, failed, of=10, first=0):
    for place in range(first, first + of):
        report(session, wave, place, A.FAILED if place - first < failed else A.ANSWERED, now)


@pytest.mark.parametrize(("failed", "opens"), [(5, False), (6, True)])
def test_the_switch_opens_above_its_share_of_the_last_calls(session, now, failing, failed, opens):
    campaign, wave = failing
    settle(session, wave, now, failed)
    assert (tick(session, campaign, now).submit == []) is opens
    if opens:
        assert why(session, campaign) == "The safety switch stopped it: 6 of the last 10 calls failed, more than 50 %."


def test_fewer_calls_than_it_looks_at_open_nothing(session, now, failing):
    campaign, wave = failing
    settle(session, wave, now, failed=9, of=9)
    assert len(tick(session, campaign, now).submit) == 1


def test_without_a_switch_nothing_stops(session, now):
    campaign = launched(session, now, people=20, lines=10, wave_size=10, breaker_percent=None)
    settle(session, accepted(session, campaign, now), now, failed=10)
    assert len(tick(session, campaign, now).submit) == 1


def test_a_person_goes_on_and_only_new_calls_count_from_then(session, now, failing):
    campaign, wave = failing
    settle(session, wave, now, failed=10)
    tick(session, campaign, now)
    go_on(session, campaign, later(now, minutes=1))
    second = accepted(session, campaign, later(now, minutes=1))
    settle(session, second, later(now, minutes=2), failed=9, of=9, first=10)
    tick(session, campaign, later(now, minutes=2))
    assert session.get_one(Campaign, campaign.id, populate_existing=True).hold is None
    settle(session, second, later(now, minutes=3), failed=1, of=1, first=19)
    tick(session, campaign, later(now, minutes=3))


def test_a_wave_that_is_only_cut_does_not_go_when_the_switch_opens(session, now):
    campaign = launched(session, now, people=30, lines=9, wave_size=9, breaker_percent=50, breaker_calls=5)
    wave = accepted(session, campaign, now)
    settle(session, wave, now, failed=0, of=4)
    (planned,) = tick(session, campaign, now).submit
    at = later(now, seconds=5)
    settle(session, wave, at, failed=5, of=5, first=4)
    tick(session, campaign, at)
    assert claimed(session, planned, at) is None
    assert session.get_one(Wave, planned, populate_existing=True).state == "void"


def test_a_campaign_that_comes_too_late_asks_a_person(session, now):
    campaign = launched(session, now, start_at=later(now, hours=1), latest_start_at=later(now, hours=2))
    assert tick(session, campaign, later(now, hours=3)).submit == []
    session.refresh(campaign)
    assert (campaign.state, campaign.hold) == ("scheduled", "late")
    assert campaign.why == "It was to begin by 2 Mar 2026, 14:00 (UTC), could not, and it is later than that now."
    go_on(session, campaign, later(now, hours=4))
    assert len(tick(session, campaign, later(now, hours=4)).submit) == 1


def test_in_time_it_begins_and_is_not_asked_about_later(session, now):
    campaign = launched(session, now, people=4, wave_size=2, latest_start_at=later(now, hours=1))
    wave = accepted(session, campaign, now)
    for place in (0, 1):
        report(session, wave, place, A.ANSWERED, later(now, hours=2))
    assert len(tick(session, campaign, later(now, hours=2)).submit) == 1


def test_a_first_wave_that_could_not_go_in_time_does_not_go_too_late(session, now):
    """Cut in time, claimed too late: the claim asks once more."""
    campaign = launched(session, now, latest_start_at=later(now, seconds=30))
    (wave_id,) = tick(session, campaign, now).submit
    assert claimed(session, wave_id, later(now, seconds=31)) is None
    tick(session, campaign, later(now, seconds=32))
    assert session.get_one(Campaign, campaign.id, populate_existing=True).hold == "late"
    assert states(session, campaign) == ["ready"] * 3
