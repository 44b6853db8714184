"""Calling hours are kept to the minute by every clock, through every change of it: held against looking at each minute."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from core.hours import FURTHEST, Hours, check_hours, instant_words, open_time_ends, open_until, opens_at, place

WORKDAYS = frozenset(range(5))
OFFICE = Hours(WORKDAYS, 9 * 60, 20 * 60)
MINUTE = timedelta(minutes=1)
# Each with a day on which its clocks did, or will do, something: half an hour, a whole day, at midnight, at noon in Antarctica.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"), ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"), ("Australia/Lord_Howe", "2026-04-05"), ("Australia/Lord_Howe", "2026-10-04"),
    ("Pacific/Apia", "2011-12-30"), ("America/Havana", "2026-03-08"), ("America/Havana", "2026-11-01"), ("Asia/Beirut", "2026-03-29"),
    ("America/Santiago", "2026-09-06"), ("Africa/Cairo", "2026-10-29"), ("Asia/Pyongyang", "2018-05-04"),
    ("America/Caracas", "2016-05-01"), ("Antarctica/Troll", "2026-03-29"), ("Africa/Casablanca", "2026-02-15"),
    ("Asia/Kathmandu", "2026-01-01"), ("America/St_Johns", "2011-11-06"), ("Pacific/Chatham", "2026-04-05"), ("UTC", "2026-01-01"),
]  # fmt: skip

many_days = st.frozensets(st.integers(0, 6), min_size=1)
some_hours = st.builds(
    lambda days, one, other: Hours(days, min(one, other), max(one, other)),
    many_days, st.integers(0, 1439), st.integers(0, 1439).map(lambda minute: minute + 1),
).filter(lambda hours: hours.end > hours.start)  # fmt: skip
whole_days = many_days.map(lambda days: Hours(days, 0, 1440))
moments = st.builds(
    lambda change, minutes: (change[0], datetime.fromisoformat(change[1]).replace(tzinfo=UTC) + timedelta(minutes=minutes)),
    st.sampled_from(CHANGES), st.integers(-2000, 2000),
)  # fmt: skip


def is_open(hours, zones, at):
    """By the words of the rule: what each clock shows."""
    shown = [at.astimezone(place(zone)) for zone in zones]
    return all(one.weekday() in hours.days and hours.start <= one.hour * 60 + one.minute < hours.end for one in shown)


def changes(hours, zones, at, days=4):
    """Minute by minute: until when it stays as it is, at most so many days."""
    now, then = is_open(hours, zones, at), at
    while then < at + timedelta(days=days) and is_open(hours, zones, then) == now:
        then += MINUTE
    return now, then


@settings(max_examples=150, deadline=None)
@given(
    hours=some_hours | whole_days,
    moment=moments,
    others=st.lists(st.sampled_from([zone for zone, _ in CHANGES]), max_size=2),
)
@example(
    hours=Hours(frozenset({6}), 120, 180), moment=("Europe/Berlin", datetime(2026, 3, 29, 0, 30, tzinfo=UTC)), others=[]
)
@example(
    hours=Hours(frozenset({6}), 120, 150),
    moment=("Europe/Berlin", datetime(2026, 10, 25, 0, 10, tzinfo=UTC)),
    others=[],
)
@example(
    hours=Hours(frozenset({4}), 0, 1440), moment=("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)), others=[]
)
def test_looking_at_every_minute_says_the_same(hours, moment, others):
    zone, at = moment
    zones = [zone, *others]
    now, then = changes(hours, zones, at)
    is_near = then < at + timedelta(days=4)
    if now:
        assert opens_at(hours, zones, at) == at
        assert open_until(hours, zones, at) == then if is_near else open_until(hours, zones, at) >= then
    else:
        assert open_until(hours, zones, at) is None
        opening = opens_at(hours, zones, at)
        assert opening == then if is_near else opening is None or opening >= then


@settings(max_examples=60, deadline=None)
@given(hours=some_hours, moment=moments, needed=st.integers(1, 300).map(lambda minutes: timedelta(minutes=minutes)))
def test_what_opens_for_long_enough_stays_open_that_long_and_nothing_did_before(hours, moment, needed):
    zone, at = moment
    opening = opens_at(hours, [zone], at, needed)
    if opening is not None:
        assert open_until(hours, [zone], opening) - opening >= needed
    before = at
    while before < min(opening or at + timedelta(days=2), at + timedelta(days=2)):
        until = open_until(hours, [zone], before)
        assert until is None or until - before < needed
        before += timedelta(minutes=7)


@settings(max_examples=60, deadline=None)
@given(hours=some_hours, moment=moments, length=st.integers(1, 600))
def test_open_time_is_counted_by_the_minutes_in_which_it_is_open(hours, moment, length):
    zone, at = moment
    end = open_time_ends(hours, [zone], at, timedelta(minutes=length))
    if end is not None and end - at < timedelta(days=5):
        minutes = int((end - at) / MINUTE)
        assert sum(is_open(hours, [zone], at + passed * MINUTE) for passed in range(minutes)) == length


def test_days_that_adjoin_run_on_and_always_is_looked_at_no_further_than_two_weeks():
    thursday = datetime(2026, 3, 5, 15, tzinfo=UTC)
    assert open_until(Hours(WORKDAYS, 0, 1440), ["UTC"], thursday) == datetime(2026, 3, 7, tzinfo=UTC)
    assert open_until(Hours(frozenset(range(7)), 0, 1440), ["UTC"], thursday) == thursday + FURTHEST


def test_seconds_of_the_last_minute_are_inside_and_the_next_are_not():
    end = datetime(2026, 3, 5, 20, tzinfo=UTC)
    assert open_until(OFFICE, ["UTC"], end - timedelta(microseconds=1)) == end
    assert open_until(OFFICE, ["UTC"], end) is None


def test_places_whose_days_never_meet_never_open():
    at, far = datetime(2026, 3, 2, 12, tzinfo=UTC), ["Pacific/Guam", "America/St_Johns"]
    assert opens_at(OFFICE, far, at) == datetime(2026, 3, 2, 23, tzinfo=UTC)  # half an hour, each evening
    mornings = Hours(WORKDAYS, 9 * 60, 12 * 60)
    assert opens_at(mornings, far, at) is None
    assert open_time_ends(mornings, far, at, MINUTE) is None


def test_the_night_between_friday_and_monday_is_named_by_the_clock_of_the_zone():
    friday = datetime(2026, 3, 27, 22, tzinfo=UTC)
    opening = opens_at(OFFICE, ["Europe/Berlin"], friday)
    assert opening == datetime(2026, 3, 30, 7, tzinfo=UTC)  # one hour earlier than the Monday before
    assert instant_words(opening, "Europe/Berlin", friday) == "09:00 on Monday"
    assert instant_words(opening, "Europe/Berlin", friday - timedelta(days=9)) == "09:00 on Monday, 30 March"


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (OFFICE, "Mon–Fri 09:00–20:00"),
        (Hours(frozenset(range(7)), 0, 1440), "Every day 00:00–24:00"),
        (Hours(frozenset({0, 1, 3, 4, 5}), 600, 1110), "Mon, Tue, Thu–Sat 10:00–18:30"),
        (Hours(frozenset({6}), 600, 1110), "Sun 10:00–18:30"),
    ],
)
def test_hours_in_words(hours, words):
    assert str(hours) == words


@pytest.mark.parametrize(
    ("days", "start", "end", "retries", "field"),
    [
        ([], 540, 1200, False, "hours_days"),
        ([7], 540, 1200, False, "hours_days"),
        ([0], 540, 540, False, "hours_to"),
        ([0], 540, 554, False, "hours_to"),
        ([0], 540, 1441, False, "hours_days"),
        ([0], None, 1200, False, "hours_from"),
        ([0], 540, None, False, "hours_to"),
        ([0], 540, 1200, True, "retry_by"),
    ],
)
def test_hours_that_cannot_be_kept_are_refused_at_their_field(days, start, end, retries, field):
    with pytest.raises(Invalid) as told:
        check_hours(days, start, end, provider_retries=retries)
    assert told.value.field == field


def test_at_any_time_goes_with_anything():
    check_hours([], None, None, provider_retries=True)
    check_hours([0], 540, 555, provider_retries=False)
