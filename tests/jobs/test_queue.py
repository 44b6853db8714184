"""Bells: one look for however many reasons to look, and never one too few."""

import pytest
from redis import Redis

from jobs.queue import ASK, SUBMIT, TICK, begin, ring


@pytest.mark.parametrize("name", [TICK, SUBMIT, ASK])
def test_a_bell_whose_job_has_not_begun_is_not_rung_again(redis_url, name):
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        assert all(ring(redis_url, name, row_id) for row_id in (1, 1, 1, 2))
        assert redis.llen(f"rq:queue:{name}") == 2
        begin(redis_url, name, 1)
        assert ring(redis_url, name, 1)
        assert redis.llen(f"rq:queue:{name}") == 3


def test_a_bell_whose_job_was_lost_is_rung_again_before_anybody_waits_long(redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        ring(redis_url, SUBMIT, 1)
        assert 0 < redis.ttl("callboard:rung:submit:1") <= 10
