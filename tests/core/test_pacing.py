"""Whatever a person chooses about the dispatch is possible, and told as the people on the list will experience it."""

import pytest

from core.database import writing
from core.errors import Invalid
from core.fold import silence_ends
from core.models import Campaign
from core.pacing import check_pacing, experience
from core.submission import claim
from tests.core.cast import VAULT, accepted, check_boxes, later, launched, states, tick, why

HOURS = {"hours_days": [0, 1, 2, 3, 4], "hours_from": 540, "hours_to": 1080, "hours_by": "number", "zone": "UTC"}
DEFAULTS = {
    "pace": "flowing", "priority": 0, "breaker_percent": 50, "breaker_calls": 20, "start_by": "us", "retry_by": "us",
    "retry_attempts": 0, "retry_gap_minutes": 120, "retry_outcomes": ["no_answer"], "hours_from": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Each person gets one call, at any time of day and night."),
        (
            {"retry_attempts": 2},
            "Each person gets up to 3 calls, at least 2 h apart, at any time of day and night; another one only after: no answer.",
        ),
        (
            {"retry_attempts": 3, "retry_by": "provider"},
            "Each person gets up to 4 calls; when to try again is the provider's choice, at any time of day and night.",
        ),
    ],
)
def test_what_a_person_will_experience(settings, words):
    assert experience(Campaign(**DEFAULTS | settings)) == words


def test_the_hours_are_part_of_it():
    words = experience(Campaign(**DEFAULTS | HOURS | {"retry_attempts": 1, "retry_outcomes": ["busy", "no_answer"]}))
    assert "09:00" in words
    assert words.endswith("another one only after: busy or no answer.")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"pace": "fast"}, "pace"),
        ({"priority": 2}, "priority"),
        ({"breaker_percent": 0}, "breaker_percent"),
        ({"breaker_calls": 4}, "breaker_calls"),
        ({"retry_gap_minutes": 43_201}, "retry_gap"),
        ({"start_by": "provider"}, "start_by"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(settings, field):
    with pytest.raises(Invalid) as problem:
        check_pacing(Campaign(**DEFAULTS | settings))
    assert problem.value.field == field


@pytest.mark.parametrize("also", [HOURS, {"latest_start_at": 2}, {}])
def test_the_provider_starts_one_wave_at_a_time_of_its_own_clock_only(now, also):
    also = {name: later(now, days=2) if name == "latest_start_at" else value for name, value in also.items()}
    campaign = Campaign(**DEFAULTS | {"start_by": "provider", "start_at": later(now, days=1)} | also)
    with pytest.raises(Invalid) as problem:
        check_pacing(campaign, 101)
    assert problem.value.field == "start_by"


def test_what_the_provider_starts_is_handed_over_at_the_launch(session, now):
    start = later(now, hours=3)
    campaign = launched(session, now, start_by="provider", start_at=start)
    wave = accepted(session, campaign, now)
    assert (campaign.state, wave.request["schedule_at"]) == ("running", "2026-03-02T15:00:00+00:00")
    tick(session, campaign, later(now, hours=1))
    assert "no longer be paused or stopped" in why(session, campaign)
    assert silence_ends(wave) > later(start, minutes=10)
    assert states(session, campaign) == ["submitted"] * 3
    check_boxes(session, campaign)


def test_a_time_that_has_passed_is_never_sent(session, now):
    campaign = launched(session, now, start_by="provider", start_at=later(now, hours=1))
    (early,) = tick(session, campaign, now).submit
    late = later(now, minutes=61)
    with writing(session):
        assert claim(session, early, None, VAULT, late) is None
    wave = accepted(session, campaign, late)
    assert wave.request["schedule_at"] is None
