"""Fault 11: a provider accepts and then says nothing, or says it a byte at a time: each limit ends what stands inside it."""

import pytest

from core.schedule import SUBMITTING_LIMIT
from jobs.queue import SUBMIT, TIME_LIMITS, queue, worker_redis
from provider.auth import LONGEST_SIGN_IN
from provider.wire import Timeouts
from tests.faults.desk import ON_SQLITE

STARTING_SECONDS = 10


def ring_with_limit(desk, wave, seconds):
    """In place of whatever is rung already: the same job, which may run for so long."""
    with worker_redis(desk.installation.environment["REDIS_URL"]) as connection:
        bell = queue(SUBMIT, connection)
        bell.empty()
        bell.enqueue_call("jobs.submit.submit", args=(wave.id,), timeout=seconds)


def test_the_exchange_ends_before_its_job_and_the_job_before_its_wave_is_given_up():
    """Otherwise a job could still be sending what somebody else has begun to look for."""
    longest = LONGEST_SIGN_IN + Timeouts().connect + Timeouts().total
    assert longest + STARTING_SECONDS <= TIME_LIMITS[SUBMIT] < SUBMITTING_LIMIT.total_seconds()


@ON_SQLITE
@pytest.mark.parametrize(
    ("kind", "options"),
    [("silence_after_accept", {"seconds": 600}), ("drip", {"interval": 1})],
    ids=["silence", "drip"],
)
def test_a_job_that_its_own_limit_ends_leaves_an_unknown_wave_and_one_submission(desk, installation, kind, options):
    desk.sandbox.misbehave(kind, times=1, **options)
    campaign = desk.launch()
    ring_with_limit(desk, desk.wave(campaign), seconds=4)
    installation.start("submit")
    installation.wait_until(lambda: desk.posts() == [True])
    installation.wait_until(lambda: not installation.children("submit"))
    assert desk.wave(campaign).state == "submitting"
    ring_with_limit(desk, desk.wave(campaign), seconds=4)
    installation.wait_until(lambda: not installation.queued(SUBMIT) and not installation.children("submit"))
    desk.pass_time(seconds=121)
    desk.tick()
    assert desk.wave(campaign).state == "unknown"
    desk.finish()
    assert desk.posts() == [True]
