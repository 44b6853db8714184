"""A forgotten password: the same answer to everybody, a mail to whoever has an account."""

from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import select

from app import create_app
from config import Mail
from core.models import PersonLink
from jobs.queue import OUTGOING, queue
from tests.conftest import Browser, close_app
from tests.factories import PASSWORD, make_person

# What the databases have to do with it is tested with core/links.py.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SMTP = Mail("127.0.0.1", 1, "none", None, None, "callboard@example.com")


@pytest.fixture
def client(settings):
    app = create_app(replace(settings, mail=SMTP))
    yield Browser(app, use_cookies=True)
    close_app(app)


def ask(client, email):
    return client.post("/forgotten-password", data={"email": email})


def test_without_a_mail_server_the_page_sends_people_to_an_admin(app):
    browser = app.test_client()
    assert "Ask an admin for a reset link" in browser.get("/forgotten-password").text
    assert ask(browser, "ada@example.com").status_code == 422


def test_an_unknown_address_is_answered_like_a_known_one_and_both_ring(client, session, settings):
    make_person(session, email="ada@example.com")
    make_person(session, email="left@example.com", is_active=False)
    session.commit()
    answers = set()
    for email in (" Ada@example.com", "nobody@example.com", "left@example.com", "a\0b", "ada@example.com"):
        answer = ask(client, email)
        answers.add((answer.status_code, answer.location, client.get("/sign-in").text.count("a link is on its way")))
    assert answers == {(303, "/sign-in", 1)}
    link = session.scalars(select(PersonLink)).one()
    with Redis.from_url(settings.redis_url) as redis:
        rung = [job.args[0] for job in queue(OUTGOING, redis).jobs]
        assert sorted(rung) == [0, 0, 0, 0, link.id]


def test_links_are_asked_for_only_so_often_and_wrong_passwords_are_counted_apart(client, session):
    make_person(session, email="ada@example.com")
    session.commit()
    assert {ask(client, "ada@example.com").status_code for _ in range(10)} == {303}
    refused = ask(client, "ADA@example.com")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert ask(client, "nobody@example.com").status_code == 303
    assert client.post("/sign-in", data={"email": "ada@example.com", "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("email", ["", "x" * 300])
def test_what_is_no_address_is_told(client, email):
    assert ask(client, email).status_code == 422
