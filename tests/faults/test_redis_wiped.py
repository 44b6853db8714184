"""Fault 7: Redis dies with everything that is rung, and comes back empty."""

from datetime import UTC, datetime

from rq import SimpleWorker
from rq.serializers import JSONSerializer

from jobs.queue import SUBMIT, queue, worker_redis
from jobs.tick import tick_all
from tests.core.cast import launched
from tests.faults.desk import ON_POSTGRESQL

WAVES = 100


def work_off(installation, name):
    """All jobs of a queue, in this process: a fork for each of them would be most of the test's time."""
    with worker_redis(installation.environment["REDIS_URL"]) as connection:
        worker = SimpleWorker([queue(name, connection)], connection=connection, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="WARNING")


@ON_POSTGRESQL
def test_redis_killed_and_back_empty_loses_no_planned_wave(desk, installation):
    """All go out, each once; only time is lost. A campaign has one planned wave at a time, so there are as many campaigns."""
    for place in range(WAVES):
        launched(desk.session, datetime.now(UTC), people=1, first=place)
    tick_all()
    assert (desk.waves(), installation.queued(SUBMIT)) == ({"planned": WAVES}, WAVES)
    installation.wipe_redis()
    assert (desk.posts(), installation.queued(SUBMIT)) == ([], 0)
    desk.pass_time(seconds=6)
    tick_all()
    assert installation.queued(SUBMIT) == WAVES
    work_off(installation, SUBMIT)
    assert (desk.waves(), desk.posts()) == ({"accepted": WAVES}, [True] * WAVES)
    desk.finish()
    assert len(desk.posts()) == WAVES
