"""Ticks are leased: one process at a time looks at everything, and none for ever."""

from datetime import timedelta

import pytest

from jobs.tick import LEASE, _lease


@pytest.mark.parametrize(
    ("later", "takes"),
    [(timedelta(seconds=1), False), (LEASE, True), (timedelta(hours=-1), True)],
    ids=["it is held", "its holder died", "the clock was wrong"],
)
def test_a_lease_is_held_for_a_while_and_not_by_a_wrong_clock(session, now, later, takes):
    assert _lease(session, "one", now)
    assert _lease(session, "another", now + later) is takes
