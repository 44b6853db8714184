"""The provider's quota: asked for while anything is called, and heeded while it is fresh."""

from datetime import UTC, datetime, timedelta

import pytest

import jobs.runtime
from core.database import writing
from core.models import ProviderState
from core.provider_state import keep_quota, quota_due, quota_limits
from jobs.quota import ask_quota
from sandbox.events import TENANT_ID
from tests.core.cast import accepted, later, launched, tick, why
from tests.faults.conftest import desk, faulty_app, installation, sandbox, sandbox_of_all  # noqa: F401
from tests.faults.desk import ON_SQLITE


def told(session, now, **quota):
    with writing(session):
        keep_quota(session, quota, now)


@pytest.mark.parametrize(
    ("quota", "lines", "left"),
    [
        ({"max_concurrent_calls": 3, "calls_remaining": 12}, 3, 12),
        ({"monthly_call_limit": 100, "calls_used_this_month": 104}, None, 0),
        ({"quota_exceeded": True}, None, 0),
        ({"max_concurrent_calls": 0}, 1, None),
        ({}, None, None),
    ],
)
def test_what_the_provider_tells_is_a_limit(session, now, quota, lines, left):
    told(session, now, **quota)
    limits = quota_limits(session, now)
    assert (limits.lines, limits.calls_left) == (lines, left)


def test_what_it_told_long_ago_limits_nothing(session, now):
    told(session, now, calls_remaining=0)
    assert quota_limits(session, later(now, minutes=31)).calls_left is None


def test_with_no_call_left_every_campaign_waits_and_says_so(session, now):
    campaign = launched(session, now)
    told(session, now, calls_remaining=0)
    assert tick(session, campaign, now).submit == []
    assert why(session, campaign) == "The provider's quota for this month is used up, as it said at 12:00 UTC."


def test_no_wave_is_larger_than_the_calls_that_are_left(session, now):
    campaign = launched(session, now, people=5)
    told(session, now, calls_remaining=2, max_concurrent_calls=4)
    wave = accepted(session, campaign, now)
    assert (wave.size, wave.lines) == (2, 2)


def test_it_is_asked_for_every_five_minutes(session, now):
    assert quota_due(session, now)
    told(session, now)
    assert [quota_due(session, later(now, minutes=minutes)) for minutes in (1, 5, -1)] == [False, True, True]


@ON_SQLITE
def test_the_job_asks_the_provider(desk, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PROVIDER_TENANT", TENANT_ID)
    jobs.runtime.settings.cache_clear()
    ask_quota(1)
    desk.session.rollback()
    state = desk.session.get_one(ProviderState, 1)
    assert state.quota["monthly_call_limit"] == 1_000_000
    assert datetime.now(UTC) - state.quota_asked_at < timedelta(minutes=1)
