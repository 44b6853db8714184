"""Health: what is there and what is missing, each thing by its name."""

from dataclasses import replace
from threading import Thread

import pytest
from redis import Redis
from rq import Worker
from rq.cron import CronScheduler
from rq.serializers import JSONSerializer
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from app import create_app
from jobs.queue import QUEUES, queue
from tests.conftest import close_app


@pytest.fixture
def connection(settings):
    with Redis.from_url(settings.redis_url) as connection:
        yield connection


@pytest.fixture
def sandbox_url():
    server = make_server("127.0.0.1", 0, Response("ok"))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(settings, sandbox_url):
    """`ask("/healthz", redis_url=…)`: what an application with these settings answers."""
    apps = []

    def answer(path, **changed):
        app = create_app(replace(settings, **{"provider_url": sandbox_url, **changed}))
        apps.append(app)
        return app.test_client().get(path)

    yield answer
    for app in apps:
        close_app(app)


def start_work(connection):
    """What workers and scheduler write into Redis as they start."""
    for name in QUEUES:
        Worker([queue(name, connection)], connection=connection, serializer=JSONSerializer).register_birth()
    CronScheduler(connection).register_birth()


def test_with_everything_there_nothing_is_missing(ask, connection):
    start_work(connection)
    answer = ask("/healthz")
    assert (answer.status_code, answer.json) == (200, {"ok": True, "missing": []})


def test_what_is_missing_is_named(ask, connection):
    answer = ask("/healthz", provider_url="http://127.0.0.1:9")
    assert answer.status_code == 503
    assert answer.json["missing"] == [*[f"worker {name}" for name in QUEUES], "scheduler", "sandbox"]


def test_without_redis_it_lives_and_is_not_healthy(ask):
    gone = "redis://127.0.0.1:9"
    assert ask("/livez", redis_url=gone).status_code == 200
    assert ask("/healthz", redis_url=gone).json["missing"] == ["redis"]


def test_without_its_database_it_does_not_live(ask):
    gone = "postgresql+psycopg://nobody:secret@127.0.0.1:9/nothing"
    answer = ask("/livez", database_url=gone)
    assert (answer.status_code, answer.json) == (503, {"ok": False, "missing": ["database"]})
