"""Workers die, with kill -9, in the moments that matter."""

import signal

import pytest

from jobs.queue import SUBMIT, ring
from jobs.submit import submit
from tests.faults.desk import ON_SQLITE


@pytest.fixture
def posts(sandbox):
    """How many submissions the provider was asked for, and how many it accepted."""

    def count() -> tuple[int, int]:
        asked = sandbox.truth()["posts"]
        return len(asked), sum(post["accepted"] for post in asked)

    return count


def ring_submit(desk, wave):
    assert ring(desk.installation.environment["REDIS_URL"], SUBMIT, wave.id)


def test_a_worker_killed_before_the_provider_accepts_leaves_it_to_a_person(desk, installation, posts):
    """Fault 1: nothing was accepted, so there is no evidence, and nobody is called."""
    desk.sandbox.misbehave("slow", seconds=600, times=1)
    installation.start("submit")
    campaign = desk.launch()
    installation.wait_until(lambda: posts() == (1, 0))
    installation.kill("submit")
    desk.pass_time(seconds=121)
    desk.work()
    assert desk.wave(campaign).state == "unknown"
    desk.pass_time(minutes=15)
    desk.work()
    assert desk.wave(campaign).state == "needs_person"
    desk.check()
    assert posts() == (1, 0)


def test_a_worker_killed_after_the_provider_accepted_is_found_out_by_evidence(desk, installation, posts):
    """Fault 2: unknown, then accepted; one submission."""
    desk.sandbox.misbehave("silence_after_accept", seconds=600, times=1)
    installation.start("submit")
    campaign = desk.launch()
    installation.wait_until(lambda: posts() == (1, 1))
    installation.kill("submit")
    assert desk.wave(campaign).state == "submitting"
    desk.pass_time(seconds=121)
    desk.tick()
    assert desk.wave(campaign).state == "unknown"
    desk.finish()
    assert posts() == (1, 1)


def test_a_parent_killed_during_the_post_does_not_lose_its_child_s_answer(desk, installation, posts):
    """Fault 3: the child records the acceptance; a second run of the same job fails the claim."""
    desk.sandbox.misbehave("slow", seconds=2, times=1)
    installation.start("submit")
    campaign = desk.launch()
    installation.wait_until(lambda: posts() == (1, 0))
    installation.kill("submit", children_too=False)
    submit(desk.wave(campaign).id)
    installation.start("submit")
    ring_submit(desk, desk.wave(campaign))
    installation.wait_until(lambda: desk.wave(campaign).state == "accepted" and not installation.queued(SUBMIT))
    desk.finish()
    assert posts() == (1, 1)


@ON_SQLITE
def test_the_same_job_fifty_times_for_four_workers_sends_once(desk, installation, posts):
    """Fault 5: one claim, 49 no-ops."""
    desk.sandbox.misbehave("slow", seconds=1, times=1)
    campaign = desk.launch()
    for _ in range(50):
        ring_submit(desk, desk.wave(campaign))
    installation.start("submit", 4)
    installation.wait_until(lambda: not installation.queued(SUBMIT) and desk.wave(campaign).state == "accepted", 60)
    installation.wait_until(lambda: not installation.children("submit"))
    assert desk.wave(campaign).submissions == 1
    desk.finish()
    assert posts() == (1, 1)


@ON_SQLITE
def test_a_worker_that_is_asked_to_stop_stops(installation):
    """What outlives a Redis must not outlive its operator."""
    installation.start("submit")
    (worker,) = installation.processes["submit"]
    installation.wait_until(lambda: installation.has_worker("submit"))
    installation.signal("submit", signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
