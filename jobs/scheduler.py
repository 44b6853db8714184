"""RQ's own cron scheduler, ringing the tick every few seconds. Two of them do no harm: ticks are leased."""

import logging
import time

from redis import Redis
from redis.exceptions import RedisError
from rq.cron import CronJob, CronScheduler
from rq.job import Job

from core.log_lines import write_lines
from jobs.queue import TICK, queue, worker_redis
from jobs.runtime import settings
from jobs.tick import tick_all

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2
RESTART_SECONDS = 2.0


class JsonCronJob(CronJob):
    """A cron job on our own queues: RQ's would pickle it, and our workers read JSON only."""

    def enqueue(self, connection: Redis) -> Job:
        return queue(self.queue_name, connection).enqueue_call(
            self.func_name, result_ttl=0, failure_ttl=3600, ttl=INTERVAL_SECONDS * 5
        )


def main() -> None:
    write_lines(settings().log_level)
    logging.getLogger("rq.cron").setLevel(logging.WARNING)
    while True:
        scheduler = CronScheduler(worker_redis(settings().redis_url), logging_level="WARNING")
        scheduler._cron_jobs.append(JsonCronJob(TICK, func=tick_all, interval=INTERVAL_SECONDS))
        try:
            scheduler.start()  # type: ignore[no-untyped-call]
            return
        except (RedisError, OSError) as error:
            log.warning("Redis is away (%s); the clock goes on when it is back", error)
            time.sleep(RESTART_SECONDS)


if __name__ == "__main__":
    main()
