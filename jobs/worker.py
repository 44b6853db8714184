"""An RQ worker for one queue: `python -m jobs.worker submit`."""

import logging
import sys

from rq import Worker
from rq.serializers import JSONSerializer

# Imported here, once, so that each forked work-horse finds them ready.
from jobs import ask, import_list, submit, tick  # noqa: F401
from jobs.provider import notice_our_key
from jobs.queue import QUEUES, queue, worker_redis
from jobs.runtime import engine, session_scope, settings


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in QUEUES:
        sys.exit(f"Usage: python -m jobs.worker {'|'.join(QUEUES)}")
    logging.basicConfig(level=settings().log_level, format="%(levelname)s %(name)s %(message)s")
    with session_scope() as session:
        notice_our_key(session)
    engine().dispose()  # its connections must not be shared with the work-horses
    connection = worker_redis(settings().redis_url)
    worker = Worker([queue(sys.argv[1], connection)], connection=connection, serializer=JSONSerializer)
    worker.work(logging_level="WARNING", with_scheduler=False)


if __name__ == "__main__":
    main()
