"""Everything at once: many submissions while workers are killed at random and the provider misbehaves."""

import os
import random
import signal
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.database import writing
from core.decisions import try_again
from core.models import Campaign
from tests.core.cast import LAUNCHER
from tests.faults.desk import ON_SQLITE
from tests.installation import send

# The suite's run is small, for `make bench-chaos` makes the long ones; more of this:
# CHAOS_SUBMISSIONS=150 CHAOS_SEED=7 make test ARGS=tests/faults/test_chaos.py
SUBMISSIONS = int(os.environ.get("CHAOS_SUBMISSIONS", "30"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
PATIENCE = 60 + 2 * SUBMISSIONS
CAMPAIGNS = SUBMISSIONS // 10
KILLS = SUBMISSIONS // 6
MISBEHAVIOUR = {
    "error_500_after_accept": {}, "close_after_accept": {}, "accept_without_id": {}, "silence_after_accept": {"seconds": 1},
    "error_500_before": {}, "throttle": {"retry_after": 1}, "unavailable_503": {}, "refuse": {}, "slow": {"seconds": 0.5},
}  # fmt: skip


@pytest.fixture
def chance():
    return random.Random(SEED)


@ON_SQLITE
@pytest.mark.timeout(2 * PATIENCE)
def test_workers_killed_at_random_and_a_provider_that_misbehaves_submit_nobody_twice_and_lose_nobody(
    desk, installation, sandbox, chance
):
    """Nobody is submitted twice, nobody is lost, and everything ambiguous is resolved or on the list for a person."""
    for kind, options in MISBEHAVIOUR.items():
        sandbox.misbehave(kind, chance=0.04, **options)
    sandbox.post_admin("settings", {"only_final_events": True, "retry_delays": [0.3] * 200, "scale_retries": False})
    installation.start("web")
    waves = SUBMISSIONS // CAMPAIGNS
    for place in range(CAMPAIGNS):
        numbers = [f"+1415{600 + place}{number:04d}" for number in range(waves)]
        installation.create(numbers, f"Chaos {place}", concurrent_calls=10)
    one_person_in_each_wave(desk)
    for name, count in {"tick": 2, "submit": 3, "ask": 1, "scheduler": 1}.items():
        installation.start(name, count)
    for asked in range(1, KILLS + 1):
        installation.wait_until(
            lambda enough=asked: asked_for(sandbox) >= enough * SUBMISSIONS // (KILLS + 2), PATIENCE
        )
        kill_somebody(installation, chance)
    sandbox.request("DELETE", "/admin/misbehave")
    installation.wait_until(lambda: nothing_moves(desk), PATIENCE)
    for name in ("scheduler", "tick", "submit", "ask"):
        while installation.processes[name]:
            installation.kill(name)
    assert_that_time_resolves_the_rest(desk)
    assert asked_for(sandbox) >= SUBMISSIONS


def one_person_in_each_wave(desk):
    for campaign in desk.session.scalars(select(Campaign)):
        campaign.wave_size = 1
    desk.session.commit()


def nothing_moves(desk):
    """Everybody was handed over; what is left was killed between its claim and its answer, or waits for evidence or a person."""
    try_again_where_refused(desk)
    moving = ("planned", "accepted")
    return not desk.contacts()["ready"] and not any(desk.waves()[state] for state in moving)


def try_again_where_refused(desk):
    """What a person does about two refusals in a row."""
    desk.session.rollback()
    for campaign_id in desk.session.scalars(select(Campaign.id).where(Campaign.hold.is_not(None))).all():
        with writing(desk.session):
            try_again(desk.session, campaign_id, LAUNCHER, datetime.now(UTC))


def assert_that_time_resolves_the_rest(desk):
    desk.pass_time(seconds=121)
    desk.work(rounds=2)
    assert not desk.waves()["submitting"]
    desk.pass_time(minutes=15)
    desk.work(rounds=2)
    assert set(desk.waves()) <= {"finished", "refused", "void", "needs_person"}
    desk.check()


def asked_for(sandbox):
    return len(sandbox.get_admin("truth", calls=0, targets=0)["posts"])


def kill_somebody(installation, chance):
    """A work-horse, a worker's parent, or both; whoever lost a parent gets a new one."""
    name, victim = chance.choice(["submit", "submit", "submit", "tick", "ask"]), chance.random()
    if victim < 0.4:
        for horse in installation.children(name)[:1]:
            send(horse.pid, signal.SIGKILL)
        return
    installation.kill(name, children_too=victim < 0.7)
    installation.start(name)
