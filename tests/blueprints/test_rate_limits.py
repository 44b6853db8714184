"""How often programs may call: their share of a minute, what they are told of it, and that a dead Redis holds nobody up."""

from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import func, select

from app import create_app
from core.database import writing
from core.models import Campaign
from tests.blueprints.test_api import TOKEN, Program, request_of
from tests.conftest import Browser, close_app
from tests.factories import make_token

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def web_of(settings, session):
    """`web_of(redis_url=…)`: a web process with these settings, three requests a minute, and two tokens."""
    apps = []
    with writing(session):
        make_token(session, token=TOKEN)
        make_token(session, token="another")

    def web(**changed):
        app = create_app(replace(settings, api_requests_per_minute=3, **changed))
        app.test_client_class = Browser
        apps.append(app)
        return app

    yield web
    for app in apps:
        close_app(app)


def test_each_token_has_its_share_which_all_processes_count_together(web_of):
    programs = [Program(web_of()), Program(web_of())]
    answers = [programs[place % 2].look(1) for place in range(5)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    assert Program(web_of(), "another").look(1).status_code == 404


def test_who_asks_too_often_is_told_when_to_come_back_and_may(web_of, settings):
    program = Program(web_of())
    answer = [program.look(1) for _ in range(4)][-1]
    wait = answer.headers["Retry-After"]
    assert 0 < int(wait) <= 60
    assert answer.headers["RateLimit-Reset"] == wait
    assert answer.json == {"detail": f"More than 3 requests within a minute. Come back in {wait} s."}
    with Redis.from_url(settings.redis_url) as redis:
        redis.delete(*redis.keys("callboard:limit*"))  # the minute is over
    assert program.look(1).status_code == 404


def test_creates_have_a_smaller_share_of_their_own(web_of, session):
    program = Program(web_of())
    answers = [program.create(request_of(name=name)) for name in ("a", "b")]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].json["detail"].startswith("More than 1 creates within a minute.")
    assert program.look(1).status_code == 200
    assert session.scalar(select(func.count()).select_from(Campaign)) == 1


def test_an_address_that_tries_wrong_tokens_is_slowed_down_and_holds_up_no_good_one(web_of, monkeypatch):
    monkeypatch.setattr("blueprints.rate_limits.WRONG_TOKENS_PER_MINUTE", 2)
    app = web_of()
    answers = [Program(app, f"guess-{place}").look(1) for place in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert Program(app).look(1).status_code == 404


def test_without_redis_each_process_counts_alone(web_of):
    app = web_of(redis_url="redis://127.0.0.1:1/0")
    program = Program(app)
    assert [program.look(1).status_code for _ in range(4)] == [404, 404, 404, 429]
    assert Program(app, "another").look(1).status_code == 404
