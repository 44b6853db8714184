"""Handing messages over: claim, commit, POST, record. The POST itself stands in jobs/outgoing.py, outside any transaction.

A message is delivered at least once: whoever dies between its POST and the record leaves it to be sent again, with the same id.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.models import Endpoint, Message, MessageTry

# Longer than the longest exchange: until then nobody else sends to this endpoint.
LEASE = timedelta(seconds=60)
GAPS = tuple(timedelta(seconds=s) for s in (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600))
# Chance stretches a gap by up to this part of it, so that not everybody knocks at once when a server is back.
JITTER = 0.2
# After a failure nothing at all is sent to an endpoint for this long, doubled with each further one.
SHORTEST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)
# So many failures in a row are no hiccup: what waits beyond its day is then given up, tried or not.
DEAD_AFTER = 8
GONE = 410


@dataclass(frozen=True, slots=True)
class Handover:
    """The right to POST one message until `ends`. `secret` is sealed; the URL may hold a password, so keep it out of logs."""

    message_id: int
    endpoint_id: int
    url: str
    secret: str | None
    uid: str
    body: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one POST came to. `words` is a sentence for people, `answer` the beginning of what came back; `wait` is in seconds."""

    delivered: bool
    words: str
    milliseconds: int
    http_status: int | None = None
    answer: str = ""
    wait: float | None = None


def endpoints_due(session: Session, now: datetime) -> list[int]:
    """Whom something is to be sent to now."""
    waiting = select(Message.endpoint_id).where(Message.state == "waiting", Message.next_at <= now)
    return list(session.scalars(select(Endpoint.id).where(_is_awake(now), Endpoint.id.in_(waiting))))


def claim_next(session: Session, endpoint_id: int, now: datetime) -> Handover | None:
    """Win the right to send the endpoint's next message; None when nothing is due, or somebody else is sending to it."""
    endpoint = session.scalar(_locked(endpoint_id).where(_is_awake(now)))
    if endpoint is None:
        return None
    due = (Message.endpoint_id == endpoint_id, Message.state == "waiting", Message.next_at <= now)
    message = session.scalar(select(Message).where(*due).order_by(Message.next_at, Message.id).limit(1))
    if message is None:
        return None
    if message.tries > len(GAPS) and message.give_up_at <= now:  # whoever tried it never lived to say what came of it
        message.state, message.words = "given_up", "No try of a whole day came to an end."
        return None
    endpoint.next_at = message.next_at = now + LEASE
    message.tries += 1
    return Handover(message.id, endpoint_id, endpoint.url, endpoint.secret, message.uid, message.body, message.next_at)


def record(session: Session, held: Handover, outcome: Outcome, now: datetime, chance: float) -> None:
    """Write down what a POST came to, and when to go on. `chance` (0..1) spreads the tries of many."""
    endpoint = session.scalars(_locked(held.endpoint_id)).one()
    message = session.get_one(Message, held.message_id, populate_existing=True)
    session.add(
        MessageTry(
            message_id=message.id, at=now, milliseconds=outcome.milliseconds, http_status=outcome.http_status,
            words=outcome.words, answer=outcome.answer,
        )
    )  # fmt: skip
    message.http_status, message.words = outcome.http_status, outcome.words
    if outcome.delivered:
        message.state, message.delivered_at = "delivered", now
        endpoint.delivered_at, endpoint.next_at, endpoint.failures = now, None, 0
    elif message.state == "waiting" and message.next_at == held.ends:  # else the claim ran out, and others went on
        _fail(session, endpoint, message, outcome, now, chance)


def _fail(
    session: Session, endpoint: Endpoint, message: Message, outcome: Outcome, now: datetime, chance: float
) -> None:
    endpoint.failures += 1
    if outcome.http_status == GONE:
        _disable(session, endpoint, now)
        return
    wait = min(timedelta(seconds=outcome.wait or 0), LONGEST_WAIT)
    rest = min(SHORTEST_REST * 2 ** min(endpoint.failures - 1, 10), LONGEST_REST)
    endpoint.next_at = now + max(rest, wait)
    if message.tries > len(GAPS):
        message.state = "given_up"
    else:
        message.next_at = now + max(GAPS[message.tries - 1] * (1 + JITTER * chance), wait)
    if endpoint.failures >= DEAD_AFTER:
        _give_up(session, endpoint, "The address took nothing for a day.", Message.give_up_at <= now)


def _disable(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """The other side said that it is gone for good: nothing more is told to it until a person resumes it."""
    endpoint.disabled_at, endpoint.disabled_words = now, "It answered 410: it does not want to hear of this any more."
    endpoint.next_at = endpoint.progress_at = None
    _give_up(session, endpoint, "The address answered 410, so nothing more is sent to it.")
    words = "The address that was told of this campaign answered that it is gone; nothing more is sent to it."
    note(session, CALLBOARD, "endpoint.disable", "campaign", endpoint.campaign_id, now, summary=words)


def _give_up(session: Session, endpoint: Endpoint, words: str, *which: ColumnElement[bool]) -> None:
    waiting = (Message.endpoint_id == endpoint.id, Message.state == "waiting", *which)
    session.execute(update(Message).where(*waiting).values(state="given_up", words=words))


def _is_awake(now: datetime) -> ColumnElement[bool]:
    return Endpoint.disabled_at.is_(None) & or_(Endpoint.next_at.is_(None), Endpoint.next_at <= now)


def _locked(endpoint_id: int) -> Any:
    """The endpoint before its messages: one order for everybody."""
    mine = select(Endpoint).where(Endpoint.id == endpoint_id)
    return mine.with_for_update(key_share=True).execution_options(populate_existing=True)
