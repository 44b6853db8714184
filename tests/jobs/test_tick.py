"""Ticks are leased: one process at a time looks at everything, and none for ever."""

from datetime import timedelta

import pytest

from core.audit import Actor
from core.database import writing
from core.suppression_imports import begin_import
from jobs.queue import LISTS, queue, worker_redis
from jobs.tick import LEASE, _lease, tick_all
from tests.factories import NOW


@pytest.mark.parametrize(
    ("later", "takes"),
    [(timedelta(seconds=1), False), (LEASE, True), (timedelta(hours=-1), True)],
    ids=["it is held", "its holder died", "the clock was wrong"],
)
def test_a_lease_is_held_for_a_while_and_not_by_a_wrong_clock(session, now, later, takes):
    assert _lease(session, "one", now)
    assert _lease(session, "another", now + later) is takes


def test_a_file_of_numbers_that_nobody_reads_is_rung_for(session, settings, job_runtime):
    """Whether its bell was lost or its process was killed."""
    with writing(session):
        begun = begin_import(session, "a-file", "list.csv", "US", "", None, Actor("Ada"), NOW)
    tick_all()
    rung = queue(LISTS, worker_redis(settings.redis_url)).jobs
    (job,) = [one for one in rung if one.func_name != "jobs.clean_up.clean_up"]
    assert (job.func_name, job.args) == ("jobs.import_suppressions.import_suppressions", [begun.id])
