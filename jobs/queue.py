"""The queue in one place: names, connections, how a job is rung. The queue is only a doorbell, so ringing never raises."""

import logging
from contextlib import suppress
from functools import lru_cache

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

TICK, SUBMIT, ASK, LISTS, OUTGOING = "tick", "submit", "ask", "lists", "outgoing"
QUEUES = (TICK, SUBMIT, ASK, LISTS, OUTGOING)
# A bell beside those of the queues: mail goes out where messages do, before those that wait for slow servers.
MAIL = "mail"
# And one for files of numbers that must not be called, which go where lists do.
SUPPRESSIONS = "suppressions"
# And ones for deliveries that are read again, for what is kept no longer, and for a delivery that we send to ourselves.
REPLAY, CLEAN_UP, CONNECTION = "replay", "clean_up", "connection"
# And one for what a person is told of campaigns.
NOTICE = "notice"
# And one for the question how many calls the provider still allows us.
QUOTA = "quota"
# The longest a job may run, in seconds. A wave that is `submitting` for longer than its job can live is `unknown`.
TIME_LIMITS = {TICK: 60, SUBMIT: 110, ASK: 120, LISTS: 3600, OUTGOING: 120}
# The queue and the job of each bell; a job is rung with a row's id.
JOBS = {
    TICK: (TICK, "jobs.tick.tick"),
    SUBMIT: (SUBMIT, "jobs.submit.submit"),
    ASK: (ASK, "jobs.ask.ask"),
    LISTS: (LISTS, "jobs.import_list.import_list"),
    SUPPRESSIONS: (LISTS, "jobs.import_suppressions.import_suppressions"),
    OUTGOING: (OUTGOING, "jobs.outgoing.send_messages"),
    QUOTA: (ASK, "jobs.quota.ask_quota"),
    MAIL: (OUTGOING, "jobs.mail.mail_link"),
    NOTICE: (OUTGOING, "jobs.notices.send_notice"),
    REPLAY: (LISTS, "jobs.replay.replay"),
    CLEAN_UP: (LISTS, "jobs.clean_up.clean_up"),
    CONNECTION: (OUTGOING, "jobs.connection.try_connection"),
}
A_MINUTE, TEN_MINUTES, A_DAY = 60, 600, 86400
# Seconds: a job that died before it began is rung for again by the tick after them. Where many wait, no more may be added than go.
ONCE_WITHIN = {TICK: A_MINUTE, SUBMIT: 10, ASK: 2 * A_MINUTE, OUTGOING: A_MINUTE, QUOTA: A_MINUTE, MAIL: A_MINUTE, NOTICE: A_MINUTE,
               REPLAY: 2 * A_MINUTE, CLEAN_UP: TEN_MINUTES}  # fmt: skip
CHANNEL = "callboard:changed"


@lru_cache
def web_redis(url: str) -> Redis:
    """A client that gives up quickly: a dead Redis must not hold a page or a webhook."""
    return Redis.from_url(
        url,
        socket_timeout=1,
        socket_connect_timeout=0.5,
        retry=Retry(ConstantBackoff(0.05), 1),
        health_check_interval=30,
    )


def worker_redis(url: str) -> Redis:
    """A client that may block for long: for workers and the scheduler."""
    return Redis.from_url(url, socket_timeout=None, socket_connect_timeout=5, health_check_interval=30)


def queue(name: str, connection: Redis) -> Queue:
    return Queue(name, connection=connection, serializer=JSONSerializer, default_timeout=TIME_LIMITS[name])


def ring(redis_url: str, name: str, row_id: int, *, always: bool = False) -> bool:
    """Ask for a job soon. False when the bell is out of order: the next tick finds the row anyway.

    A bell that was rung lately, and whose job has not begun, is not rung again, unless it is to be rung `always`: a thousand reports
    of one campaign need one look.
    """
    queue_name, job = JOBS[name]
    try:
        redis = web_redis(redis_url)
        is_first = name not in ONCE_WITHIN or redis.set(_rung(name, row_id), 1, nx=True, ex=ONCE_WITHIN[name])
        if not is_first and not always:
            return True
        bell = queue(queue_name, redis)
        bell.enqueue_call(
            job,
            args=(row_id,),
            result_ttl=0,
            failure_ttl=A_DAY,
            ttl=TEN_MINUTES,
            at_front=name in (MAIL, NOTICE, CONNECTION),
        )
    except (RedisError, OSError) as error:
        log.warning("could not ring %s: %s", name, error)
        return False
    return True


def begin(redis_url: str, name: str, row_id: int) -> None:
    """The job begins: whatever is written from now on is worth a new ring."""
    with suppress(RedisError, OSError):
        web_redis(redis_url).delete(_rung(name, row_id))


def _rung(name: str, row_id: int) -> str:
    return f"callboard:rung:{name}:{row_id}"


def announce(redis_url: str, campaign_id: int) -> None:
    """Tell every web process that a campaign changed, after the commit that changed it. Best effort: pages also ask by themselves."""
    try:
        web_redis(redis_url).publish(CHANNEL, str(campaign_id))
    except (RedisError, OSError) as error:
        log.warning("could not announce campaign %s: %s", campaign_id, error)
