"""The pictures of a campaign: every call in one column, kept sums that say what the rows say, and lines that were open at once."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import null

from core.call_times import Call, calls_of, campaign_by_hour, keep_missing, outcomes_by_hour
from core.charts import DAY, HOUR, MINUTE, charts, hours_of_day, in_columns
from core.database import writing
from core.facts import AttemptStatus
from core.models import Campaign, Wave
from tests.core.cast import accepted, later, launched, report, tick

A = AttemptStatus
OUTCOMES = (A.ANSWERED, A.VOICEMAIL, A.NO_ANSWER, A.BUSY, A.FAILED)
calls = st.lists(
    st.builds(
        lambda status, began, length: Call(status, float(began), None if status == A.DIALLING else float(began + length)),
        st.sampled_from((*OUTCOMES, A.DIALLING)), st.integers(0, 4000), st.integers(0, 900),
    ),
    max_size=40,
)  # fmt: skip


@given(calls)
def test_each_call_that_ended_in_the_window_stands_in_one_column(told):
    columns = in_columns(told, range(600, 3601, MINUTE), MINUTE)
    ended = [call for call in told if call.ended is not None and 600 <= call.ended < 3660]
    assert columns.total == len(ended)
    assert all(len(counts) == len(columns.starts) for counts in columns.series.values())


@given(calls)
def test_the_most_that_were_open_at_once_is_what_counting_each_second_says(told):
    columns = in_columns(told, range(600, 3601, MINUTE), MINUTE)
    for start, most in zip(columns.starts, columns.open, strict=True):
        moments = range(start, start + MINUTE)
        assert most == max(sum(c.began <= m and (c.ended is None or c.ended > m) for c in told) for m in moments)


@given(calls)
def test_hours_of_the_day_add_up_to_all_calls(told):
    ended = [call for call in told if call.ended is not None]
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        hours = hours_of_day(outcomes_by_hour(told, zone), zone)
        assert sum(one.ended for one in hours) == len(ended)
        assert sum(one.answered for one in hours) == sum(call.status == A.ANSWERED for call in ended)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin"])
@given(told=st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 5000)), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_of_a_finished_wave_is_what_its_calls_say(session, now, zone, told):
    campaign = launched(session, now, people=len(told), first=1000, zone=zone)
    wave = accepted(session, campaign, now)
    for place, (status, seconds) in enumerate(told):
        at = later(now, seconds=seconds)
        report(session, wave, 1000 + place, status, at, started_at=at, ended_at=at)
    tick(session, campaign, later(now, hours=3))
    finished = session.get_one(Wave, wave.id, populate_existing=True)
    assert finished.state == "finished"
    kept = campaign_by_hour(session, campaign, [])
    assert kept == outcomes_by_hour(calls_of(session, Wave.id == wave.id, later(now, hours=3)), zone)
    assert sum(counts.total() for counts in kept.values()) == len(told)


def test_a_late_report_corrects_what_was_kept(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.NO_ANSWER, now, ended_at=now)
    tick(session, campaign, later(now, minutes=1))
    assert charts(session, campaign, "1h", now).calls == {"no_answer": 1}
    report(session, wave, 0, A.ANSWERED, later(now, hours=2), ended_at=now)
    told = charts(session, session.get_one(Campaign, campaign.id), "all", later(now, hours=2))
    assert (told.calls, told.columns.series.keys()) == ({"answered": 1}, {"answered"})


def test_a_wrong_clock_of_the_provider_puts_no_call_outside_the_campaign(session, now):
    campaign = launched(session, now, people=2)
    wave = accepted(session, campaign, now)
    report(
        session,
        wave,
        0,
        A.ANSWERED,
        later(now, minutes=1),
        started_at=later(now, days=-400),
        ended_at=later(now, days=-400),
    )
    report(session, wave, 1, A.BUSY, later(now, minutes=1), started_at=later(now, days=9), ended_at=later(now, days=9))
    told = charts(session, campaign, "1h", later(now, minutes=5))
    assert told.columns.total == told.calls.total() == 2


@pytest.mark.parametrize(("span", "width"), [("1h", MINUTE), ("12h", 10 * MINUTE), ("24h", 15 * MINUTE)])
def test_a_window_ends_now_and_has_columns_of_its_width(session, now, span, width):
    campaign = launched(session, now, people=1)
    report(session, accepted(session, campaign, now), 0, A.DIALLING, now, started_at=now)
    columns = charts(session, campaign, span, later(now, minutes=3)).columns
    assert (columns.width, columns.starts[-1] <= later(now, minutes=3).timestamp() < columns.starts[-1] + width) == (
        width,
        True,
    )
    assert (max(columns.open), columns.open[-1], columns.total) == (1, 1, 0)


def test_all_of_a_long_campaign_is_shown_in_hours(session, now):
    campaign = launched(session, now, people=2)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now, ended_at=now)
    after = later(now, days=9)
    report(session, wave, 1, A.BUSY, after, ended_at=after)
    tick(session, campaign, after)
    columns = charts(session, session.get_one(Campaign, campaign.id), "all", after + timedelta(minutes=1)).columns
    assert (columns.total, columns.open, columns.width % HOUR, len(columns.starts) <= 97) == (2, None, 0, True)
    assert columns.starts[-1] - columns.starts[0] >= 8 * DAY


def test_of_a_campaign_that_is_over_its_last_hour_is_shown(session, now):
    campaign = launched(session, now, people=1)
    report(session, accepted(session, campaign, now), 0, A.ANSWERED, now, ended_at=now)
    tick(session, campaign, later(now, minutes=1))
    told = charts(session, session.get_one(Campaign, campaign.id), "1h", later(now, days=30))
    assert told.columns.total == 1


def test_a_report_long_after_the_end_stands_in_the_picture_of_all(session, now):
    """Of a campaign of days, and of one of minutes: the last column is where the last call is, however late it was told of."""
    for first, length in ((0, timedelta(days=3)), (10, timedelta(minutes=9))):
        campaign = launched(session, now, people=2, first=first)
        wave = accepted(session, campaign, now)
        report(session, wave, first, A.ANSWERED, now, ended_at=now)
        end = now + length
        report(session, wave, first + 1, A.BUSY, end, ended_at=end)
        tick(session, campaign, end)
        assert session.get_one(Campaign, campaign.id, populate_existing=True).state == "completed"
        late = end + timedelta(days=2)
        report(session, session.get_one(Wave, wave.id), first, A.ANSWERED, late, call_id="another call")
        told = charts(session, session.get_one(Campaign, campaign.id), "all", late + timedelta(hours=1))
        assert told.columns.total == told.calls.total() == 3


def test_a_clock_that_was_put_back_breaks_no_picture(session, now):
    campaign = launched(session, now, people=1)
    report(session, accepted(session, campaign, now), 0, A.DIALLING, now)
    for span in ("1h", "12h", "24h", "all"):
        assert charts(session, campaign, span, now - timedelta(days=2)).span == span


def test_what_an_earlier_version_did_not_keep_is_kept_once_and_open_waves_are_left(session, now):
    over, calling = launched(session, now, people=1), launched(session, now, people=1, first=5)
    waves = [accepted(session, campaign, now) for campaign in (over, calling)]
    report(session, waves[0], 0, A.ANSWERED, now, ended_at=now)
    with writing(session):
        finished = session.get_one(Wave, waves[0].id, populate_existing=True)
        kept, finished.calls_by_hour = finished.calls_by_hour, null()
    counts = []
    for _ in range(2):
        with writing(session):
            counts.append(keep_missing(session, 50))
    assert (counts, session.get_one(Wave, waves[0].id, populate_existing=True).calls_by_hour) == ([1, 0], kept)
    assert session.get_one(Wave, waves[1].id, populate_existing=True).calls_by_hour is None
