"""Fault 42: two schedulers double nothing, and after an hour with none everything catches up."""

from datetime import UTC, datetime, timedelta

from jobs.tick import tick_all
from tests.core.cast import launched
from tests.faults.desk import ON_SQLITE
from tests.faults.test_asked_twice import together


def test_ticks_at_the_same_moment_cut_each_wave_once(desk):
    for place in range(5):
        launched(desk.session, datetime.now(UTC), people=2, first=10 * place)
    for _ in range(3):
        together(*[tick_all] * 4)
    assert desk.waves() == {"planned": 5}
    desk.finish()
    assert desk.posts() == [True] * 5


@ON_SQLITE
def test_two_schedulers_whose_ticks_are_run_by_two_workers_call_everybody_once(desk, installation):
    installation.start("web")
    for name, count in {"scheduler": 2, "tick": 2, "submit": 1}.items():
        installation.start(name, count)
    ids = [installation.create([f"+1415557{place:04d}"], f"Campaign {place}") for place in range(6)]
    installation.wait_until(lambda: all(installation.show(one)["status"] == "completed" for one in ids), 60)
    installation.check()
    assert desk.posts() == [True] * 6


def test_an_hour_without_a_scheduler_only_costs_time(desk):
    """A wave that is with the provider, one that is only cut, a campaign whose start fell into that hour, one yet to start."""
    now = datetime.now(UTC)
    desk.accepted()
    desk.launch(first=10)
    launched(desk.session, now, first=20, start_at=now + timedelta(minutes=30))
    later = launched(desk.session, now, first=30, start_at=now + timedelta(hours=2))
    desk.pass_time(hours=1)
    for _ in range(3):
        tick_all()
        desk.work()
    assert desk.posts() == [True] * 3
    desk.session.refresh(later)
    assert later.state == "scheduled"
    desk.pass_time(hours=2)
    desk.work(2)
    desk.finish()
    assert desk.posts() == [True] * 4
