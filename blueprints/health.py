"""Is everything there? For load balancers (/livez) and for whoever started it (/healthz)."""

from datetime import datetime, timedelta

import requests
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.cron import CronScheduler
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from blueprints.database import db
from blueprints.runtime import now, redis_url, settings
from blueprints.security import open_door
from jobs.queue import QUEUES, queue, web_redis

bp = Blueprint("health", __name__)

# A scheduler says every minute that it lives; a worker's row in Redis goes away by itself.
SCHEDULER_SILENCE = timedelta(minutes=3)
SANDBOX_PATIENCE = 1.0


@bp.get("/livez")
@open_door("load balancers have no account")
def livez() -> ResponseReturnValue:
    """This process and the database: what a webhook needs to be received."""
    missing = _database()
    return jsonify(ok=not missing, missing=missing), 503 if missing else 200


@bp.get("/healthz")
@open_door("monitors have no account")
def healthz() -> ResponseReturnValue:
    """Everything that `make run` starts; `missing` names what is not there."""
    missing = [*_database(), *_queue(), *_sandbox()]
    return jsonify(ok=not missing, missing=missing), 503 if missing else 200


def _database() -> list[str]:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return ["database"]
    return []


def _queue() -> list[str]:
    """Redis, a worker for each queue, the scheduler."""
    connection = web_redis(redis_url())
    try:
        connection.ping()
        missing = [f"worker {name}" for name in QUEUES if not _has_worker(connection, name)]
        return missing if _has_scheduler(connection, now()) else [*missing, "scheduler"]
    except (RedisError, OSError):
        return ["redis"]


def _has_worker(connection: Redis, name: str) -> bool:
    workers = Worker.all(queue=queue(name, connection), serializer=JSONSerializer)
    return any(worker.death_date is None for worker in workers)


def _has_scheduler(connection: Redis, moment: datetime) -> bool:
    heartbeats = [scheduler.last_heartbeat for scheduler in CronScheduler.all(connection, cleanup=False)]
    return any(beat is not None and moment - beat < SCHEDULER_SILENCE for beat in heartbeats)


def _sandbox() -> list[str]:
    if not settings().is_sandbox:
        return []
    try:
        with requests.Session() as http:
            http.trust_env = False
            answer = http.get(f"{settings().provider_url}/healthz", timeout=SANDBOX_PATIENCE, allow_redirects=False)
    except requests.RequestException:
        return ["sandbox"]
    return [] if answer.ok else ["sandbox"]
