"""Tests of the connection: a signed delivery that we send to ourselves, over the address at which the provider reaches us."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import Conflict
from core.models import ConnectionTest
from core.sending import Outcome
from core.vault import Vault
from core.waves import token_hash

# So long a test may be under way; its address is good for no longer.
LASTS = timedelta(minutes=10)
SHOWN = 5
BODY = '{"event": "callboard.test", "message": "Callboard sends this to itself."}'


def begin_test(session: Session, public_url: str | None, vault: Vault, actor: Actor, now: datetime) -> ConnectionTest:
    """Make the address of a test; jobs/connection.py sends to it. Conflict without a public address, or while one is under way."""
    if not public_url:
        raise Conflict("There is no public address to test: set PUBLIC_URL.")
    if any(is_under_way(test, now) for test in latest_tests(session)):
        raise Conflict("A test is under way already.")
    token, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    test = ConnectionTest(
        token_hash=token_hash(token), token=vault.seal(token), secret=vault.seal(secret), address=public_url.rstrip("/"),
        asked_by=actor.name, asked_at=now,
    )  # fmt: skip
    session.add(test)
    note(session, actor, "connection.test", "inbox", None, now, summary=f"{actor.name} tested the connection.")
    session.flush()
    return test


def latest_tests(session: Session) -> Sequence[ConnectionTest]:
    return session.scalars(select(ConnectionTest).order_by(ConnectionTest.id.desc()).limit(SHOWN)).all()


def is_under_way(test: ConnectionTest, now: datetime) -> bool:
    return test.answered_at is None and now - test.asked_at < LASTS


def awaited_test(session: Session, hashed: str, now: datetime) -> ConnectionTest | None:
    """The test whose address this is, while it lasts: one read by the unique hash."""
    mine = select(ConnectionTest).where(ConnectionTest.token_hash == hashed, ConnectionTest.asked_at > now - LASTS)
    return session.scalar(mine)


def note_arrival(session: Session, test_id: int, now: datetime) -> None:
    test = session.get_one(ConnectionTest, test_id)
    test.arrived_at = test.arrived_at or now


def note_answer(session: Session, test_id: int, outcome: Outcome, now: datetime) -> None:
    """What our own POST came to, as its job saw it, held against what the door saw."""
    test = session.get_one(ConnectionTest, test_id, populate_existing=True)
    test.answered_at, test.http_status = now, outcome.http_status
    if test.arrived_at and outcome.delivered:
        test.words = f"It arrived, and the answer came back after {outcome.milliseconds:,} ms."
    elif test.arrived_at:
        test.words = f"It arrived, but on its way back the answer was changed: {outcome.words}"
    elif outcome.http_status is None:
        test.words = f"It did not arrive: {outcome.words}"
    else:
        test.words = f"Somebody else answers there, or lets nothing through to us. {outcome.words}"
