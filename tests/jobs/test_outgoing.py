"""The job that hands messages over: against real servers, killed in the worst moment, one turn at a time."""

import os
import subprocess
import sys

import pytest
from redis import Redis
from sqlalchemy import select

from core.database import writing
from core.models import Endpoint, Message, MessageTry
from jobs.outgoing import send_messages
from jobs.queue import OUTGOING, ring
from jobs.tick import tick_all
from provider.vault import SecretVault
from tests.conftest import SECRET_KEY
from tests.factories import make_campaign, make_endpoint, make_message
from tests.provider.stub import Stub, answer, silence
from tests.sandbox_process import ROOT, wait_until

pytestmark = [
    pytest.mark.usefixtures("job_runtime"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def endpoint(session):
    """`endpoint(stub, count)`: the stub's server, to be told so many things."""

    def make(stub: Stub, count: int = 1, **given) -> Endpoint:
        with writing(session):
            made = make_endpoint(session, make_campaign(session), url=stub.url, **given)
            for _ in range(count):
                make_message(session, made)
        return made

    return make


def states(session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Message.state).order_by(Message.id)))


def lease_ends(session) -> None:
    with writing(session):
        for row in (*session.scalars(select(Endpoint)), *session.scalars(select(Message))):
            row.next_at = row.created_at


def test_everything_that_is_due_goes_out_in_one_turn_signed_with_the_caller_s_secret(session, endpoint):
    with Stub(answer(204)) as stub:
        made = endpoint(stub, 3, secret=SecretVault(SECRET_KEY).seal("the caller's own"))
        send_messages(made.id)
    assert states(session) == ["delivered"] * 3
    ids = [asked.headers["webhook-id"] for asked in stub.asked]
    assert ids == list(session.scalars(select(Message.uid).order_by(Message.id)))
    assert all(asked.headers["webhook-signature"].startswith("v1,") for asked in stub.asked)


def test_the_first_failure_ends_the_turn(session, endpoint):
    with Stub(answer(500, b"oh <no>")) as stub:
        made = endpoint(stub, 3)
        send_messages(made.id)
        send_messages(made.id)
    assert len(stub.asked) == 1
    (attempt,) = session.scalars(select(MessageTry))
    assert (attempt.http_status, attempt.answer, attempt.words) == (500, "oh <no>", "It answered 500.")


def test_a_job_killed_between_its_post_and_its_record_costs_only_time(session, endpoint):
    """At least once: the same message comes again by the same id, so that the receiver can tell."""
    with Stub(silence, answer(204)) as stub:
        made = endpoint(stub)
        command = f"from jobs.outgoing import send_messages; send_messages({made.id})"
        with subprocess.Popen([sys.executable, "-c", command], cwd=ROOT, env=os.environ) as killed:
            wait_until(lambda: stub.asked)
            killed.kill()
        send_messages(made.id)
        assert (states(session), len(stub.asked)) == (["waiting"], 1)
        lease_ends(session)
        send_messages(made.id)
    assert states(session) == ["delivered"]
    assert len({asked.headers["webhook-id"] for asked in stub.asked}) == 1


def test_nothing_goes_into_a_private_network_unless_that_is_allowed(session, endpoint, monkeypatch):
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "false")
    with Stub(answer(204)) as stub:
        send_messages(endpoint(stub).id)
    assert stub.connections == 0
    assert "private network" in session.scalars(select(MessageTry.words)).one()


def test_a_secret_that_cannot_be_opened_any_more_sends_nothing_unsigned(session, endpoint):
    with Stub(answer(204)) as stub:
        send_messages(endpoint(stub, secret="sealed with another key").id)
    assert (stub.connections, states(session)) == (0, ["waiting"])
    assert "SECRET_KEY" in session.scalars(select(MessageTry.words)).one()


def test_a_tick_rings_once_for_whoever_has_something_due(settings, endpoint):
    with Redis.from_url(settings.redis_url) as redis, Stub(answer(204)) as stub:
        made = endpoint(stub)
        for _ in range(3):
            tick_all()
        assert redis.llen("rq:queue:outgoing") == 1
        send_messages(made.id)
        ring(settings.redis_url, OUTGOING, made.id)
        assert redis.llen("rq:queue:outgoing") == 2


def test_one_whose_numbers_cannot_be_told_keeps_no_other_waiting(session, settings, endpoint):
    """Its campaign is gone from the row: whatever the reason, the tick goes on to the others."""
    with Redis.from_url(settings.redis_url) as redis, Stub(answer(204)) as stub:
        broken = endpoint(stub, 0)
        endpoint(stub)
        with writing(session):
            row = session.get_one(Endpoint, broken.id)
            row.campaign_id, row.progress_at = None, row.created_at
        tick_all()
        assert redis.llen("rq:queue:outgoing") == 1
