"""How often programs may call: counted in Redis, so that several processes count together; alone where Redis is away."""

import logging
import time
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil

from flask import Response, g, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from blueprints.runtime import redis_url, settings
from core.errors import DomainError
from jobs.queue import web_redis

log = logging.getLogger(__name__)

# A create may call a hundred thousand people: it counts as much as so many other requests.
CREATE_COSTS = 10
# Tokens cannot be guessed; this keeps a program with a lost one from knocking a thousand times a second.
WRONG_TOKENS_PER_MINUTE = 60
# A Redis that just failed is not asked again for so long: each try may take a second.
REST_SECONDS = 10.0


class TooManyRequests(DomainError):
    """This caller has had its share of the minute; `retry_after` is in seconds."""

    def __init__(self, words: str, retry_after: int):
        super().__init__(words)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Share:
    """What a caller has left of its minute, and in how many seconds the next one begins."""

    limit: int
    left: int
    reset: int
    is_over: bool


@dataclass
class Counter:
    """Fixed windows of a minute from a caller's first request on."""

    shared: FixedWindowRateLimiter
    own: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))
    rests_until: float = 0.0

    def take(self, item: RateLimitItem, *caller: str) -> Share:
        """One request of this caller."""
        if time.monotonic() >= self.rests_until:
            try:
                return _take(self.shared, item, *caller)
            except (RedisError, OSError) as error:
                self.rests_until = time.monotonic() + REST_SECONDS
                log.warning("requests are counted by each process alone: %s", error)
        return _take(self.own, item, *caller)


def _take(limiter: FixedWindowRateLimiter, item: RateLimitItem, *caller: str) -> Share:
    fits = limiter.hit(item, *caller)
    window = limiter.get_window_stats(item, *caller)
    return Share(item.amount, window.remaining, max(1, ceil(window.reset_time - time.time())), not fits)


@lru_cache
def counter(url: str) -> Counter:
    pool = web_redis(url).connection_pool
    storage = RedisStorage("redis://", connection_pool=pool, key_prefix="callboard:limit")
    return Counter(FixedWindowRateLimiter(storage))


def take_request(token_id: int) -> None:
    """Any request of a token. TooManyRequests when its minute is used up."""
    g.share = _require("token", token_id, settings().api_requests_per_minute, "requests")


def take_create(token_id: int | None) -> None:
    """One that calls people. TooManyRequests when there were too many within a minute."""
    _require("create", token_id, max(1, settings().api_requests_per_minute // CREATE_COSTS), "creates")


def take_wrong_token() -> None:
    """A token that opens nothing. TooManyRequests for an address that tried too many; good tokens from there still open."""
    _require("wrong", request.remote_addr or "", WRONG_TOKENS_PER_MINUTE, "requests without a valid token")


def _require(kind: str, caller: str | int | None, limit: int, what: str) -> Share:
    share = counter(redis_url()).take(RateLimitItemPerMinute(limit), kind, str(caller))
    if share.is_over:
        g.share = share
        words = f"More than {limit:,} {what} within a minute. Come back in {share.reset} s."
        raise TooManyRequests(words, share.reset)
    return share


def add_headers(response: Response) -> Response:
    """What is left of the caller's minute."""
    if share := g.get("share"):
        response.headers["RateLimit-Limit"] = str(share.limit)
        response.headers["RateLimit-Remaining"] = str(share.left)
        response.headers["RateLimit-Reset"] = str(share.reset)
    return response
