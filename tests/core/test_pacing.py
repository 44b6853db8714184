"""Whatever a person chooses about the dispatch is possible, and told as the people on the list will experience it."""

import pytest

from core.database import writing
from core.errors import Invalid
from core.fold import silence_ends
from core.models import Campaign
from core.pacing import check_pacing, experience, switch_words
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


@pytest.mark.parametrize("clock", ["campaign", "column", "number"])
@pytest.mark.parametrize("attempts", [0, 1, 10])
@pytest.mark.parametrize(("gap", "apart"), [(1, "1 min"), (120, "2 h"), (43_200, "30 d")])
def test_the_hours_and_their_clock_are_part_of_it(clock, attempts, gap, apart):
    settings = {"retry_attempts": attempts, "retry_gap_minutes": gap, "retry_outcomes": ["busy", "no_answer"]}
    words = experience(Campaign(**DEFAULTS | HOURS | settings | {"hours_by": clock}))
    assert "Mon–Fri 09:00–18:00, by " in words
    assert ("each person's own clock" in words) == (clock != "campaign")
    if attempts:
        assert f"up to {attempts + 1} calls, at least {apart} apart, " in words
        assert words.endswith("another one only after: busy or no answer.")
    else:
        assert words.startswith("Each person gets one call, ")
        assert apart not in words


def test_the_provider_that_tries_once_chooses_nothing():
    once = DEFAULTS | {"retry_by": "provider"}
    assert experience(Campaign(**once)) == "Each person gets one call, at any time of day and night."


@pytest.mark.parametrize(("percent", "words"), [(None, "None: it calls on"), (30, "30 % of the last 1,000 calls")])
def test_the_safety_switch_in_words(percent, words):
    assert words in switch_words(Campaign(**DEFAULTS | {"breaker_percent": percent, "breaker_calls": 1000}))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"pace": "fast"}, "pace"),
        ({"priority": 2}, "priority"),
        ({"breaker_percent": 0}, "breaker_percent"),
        ({"breaker_calls": 4}, "breaker_calls"),
        ({"retry_gap_minutes": 43_201}, "retry_gap"),
        ({"start_by": "provider"}, "start_by"),
        ({"start_by": "nobody"}, "start_by"),
        ({"retry_by": "nobody"}, "retry_by"),
        ({"retry_attempts": 1, "retry_outcomes": []}, "retry_outcomes"),
        ({"retry_attempts": 1, "retry_outcomes": ["answered"]}, "retry_outcomes"),
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


@pytest.mark.parametrize(("name", "value"), [("pace", "fast"), ("breaker_calls", 4), ("start_by", "provider")])
def test_a_launch_asks_for_all_of_it_again(session, now, name, value):
    with pytest.raises(Invalid) as problem:
        launched(session, now, **{name: value})
    assert problem.value.field == name


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
