"""An RQ worker for one queue: `python -m jobs.worker submit`."""

import gc
import logging
import signal
import sys
import time

from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer

from core.log_lines import write_lines

# Imported here, once, so that each forked work-horse finds them ready.
from jobs import ask, import_list, mail, outgoing, quota, submit, tick  # noqa: F401
from jobs.provider import notice_our_key
from jobs.queue import QUEUES, queue, worker_redis
from jobs.runtime import engine, session_scope, settings

log = logging.getLogger(__name__)

RESTART_SECONDS = 2.0


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in QUEUES:
        sys.exit(f"Usage: python -m jobs.worker {'|'.join(QUEUES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until RQ listens for it
    write_lines(settings().log_level)
    with session_scope() as session:
        notice_our_key(session, settings())
    engine().dispose()  # its connections must not be shared with the work-horses
    gc.freeze()  # what stands now stays: to look through it again and again takes a tenth of a work-horse's time
    while not stopped_after_work(sys.argv[1]):
        time.sleep(RESTART_SECONDS)


def stopped_after_work(name: str) -> bool:
    """Work until somebody asks this process to stop (True), or Redis went away in the middle of a job."""
    connection = worker_redis(settings().redis_url)
    worker = Worker([queue(name, connection)], connection=connection, serializer=JSONSerializer)
    try:
        worker.work(logging_level="WARNING", with_scheduler=False)
    except (RedisError, OSError) as error:
        log.warning("Redis is away (%s); the work goes on when it is back", error)
    # RQ also returns, without a word, from a loss of Redis that was over before it had said good-bye.
    return worker._shutdown_requested_date is not None


if __name__ == "__main__":
    main()
