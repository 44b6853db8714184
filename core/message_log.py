"""The log of what an endpoint was told, and what a person may do there: send again, and let a closed address be told again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, defer

from core.audit import Actor, note
from core.errors import Conflict, NotFound
from core.lookups import PAGE, Page, page_of
from core.messages import PATIENCE
from core.models import Endpoint, Message, MessageTry
from core.sending import LEASE

STATES = ("waiting", "delivered", "given_up")


def find_endpoint(session: Session, campaign_id: int) -> Endpoint | None:
    """The address that is told of this campaign, if there is one."""
    return session.scalar(select(Endpoint).where(Endpoint.campaign_id == campaign_id))


def endpoint_of(session: Session, campaign_id: int) -> Endpoint:
    endpoint = find_endpoint(session, campaign_id)
    if endpoint is None:
        raise NotFound("Nobody outside is told of this campaign.")
    return endpoint


def shown_address(url: str) -> str:
    """The address without what may be a key of its owner's: user, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?…' if parts.query else ''}"


def messages_page(
    session: Session, endpoint_id: int, state: str | None, before: int | None, most: int = PAGE
) -> Page[Message]:
    """Newest first, without bodies; `before` is the id that the previous page ended with."""
    query = select(Message).where(Message.endpoint_id == endpoint_id).order_by(Message.id.desc()).limit(most + 1)
    if state:
        query = query.where(Message.state == state)
    if before:
        query = query.where(Message.id < before)
    rows = session.scalars(query.options(defer(Message.body))).all()
    return page_of(rows, most, lambda message: message.id)


def message_counts(session: Session, endpoint_id: int) -> dict[str, int]:
    """How many are in each state."""
    rows = session.execute(
        select(Message.state, func.count()).where(Message.endpoint_id == endpoint_id).group_by(Message.state)
    )
    return dict.fromkeys(STATES, 0) | dict(rows.all())


def find_message(session: Session, campaign_id: int, message_id: int) -> Message:
    mine = select(Message).join(Endpoint, Endpoint.id == Message.endpoint_id)
    message = session.scalar(mine.where(Message.id == message_id, Endpoint.campaign_id == campaign_id))
    if message is None:
        raise NotFound("There is no such message.")
    return message


def tries_of(session: Session, message_id: int) -> Sequence[MessageTry]:
    """Newest first."""
    tries = select(MessageTry).where(MessageTry.message_id == message_id)
    return session.scalars(tries.order_by(MessageTry.id.desc()).limit(100)).all()


def send_again(session: Session, campaign_id: int, message_id: int, actor: Actor, now: datetime) -> None:
    """Send one message, whatever became of it before, as soon as can be."""
    endpoint = _awake_endpoint(session, campaign_id, now)
    message = find_message(session, campaign_id, message_id)
    before = {"message": message.uid, "state": message.state}
    # One that is due within the lease may be on its way in this moment, and is sent soon enough by itself.
    if message.state != "waiting" or message.next_at > now + LEASE:
        _wait(session, now, Message.id == message.id)
    words = f"{actor.name} had a message ({message.event}) sent again."
    note(session, actor, "message.send_again", "campaign", endpoint.campaign_id, now, summary=words, before=before,
         after={"message": message.uid, "state": "waiting"})  # fmt: skip


def send_all_again(session: Session, campaign_id: int, actor: Actor, now: datetime) -> int:
    """Send everything that was given up; returns how many. Conflict when nothing was."""
    endpoint = _awake_endpoint(session, campaign_id, now)
    count = _wait(session, now, Message.endpoint_id == endpoint.id, Message.state == "given_up")
    if not count:
        raise Conflict("No message of this campaign was given up.")
    words = f"{actor.name} had messages sent again that were given up: {count:,}."
    note(session, actor, "message.send_again", "campaign", endpoint.campaign_id, now, summary=words,
         before={"given_up": count}, after={"given_up": 0})  # fmt: skip
    return count


def resume(session: Session, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Let an address that said it is gone be told again, from now on."""
    endpoint = _locked_endpoint(session, campaign_id)
    if endpoint.disabled_at is None:
        raise Conflict("This address is told already.")
    before = {"disabled_at": endpoint.disabled_at.isoformat(), "words": endpoint.disabled_words}
    endpoint.disabled_at, endpoint.disabled_words, endpoint.failures, endpoint.next_at = None, "", 0, None
    endpoint.progress_at = now
    words = f"{actor.name} let the address of this campaign be told again."
    note(session, actor, "endpoint.resume", "campaign", campaign_id, now, summary=words, before=before,
         after={"disabled_at": None})  # fmt: skip


def _locked_endpoint(session: Session, campaign_id: int) -> Endpoint:
    endpoint_id = endpoint_of(session, campaign_id).id
    mine = select(Endpoint).where(Endpoint.id == endpoint_id).with_for_update(key_share=True)
    return session.scalars(mine.execution_options(populate_existing=True)).one()


def _awake_endpoint(session: Session, campaign_id: int, now: datetime) -> Endpoint:
    """The endpoint, locked, with what is left of a long rest taken from it: the person knows that it is back."""
    endpoint = _locked_endpoint(session, campaign_id)
    if endpoint.disabled_at is not None:
        raise Conflict("This address said that it is gone. Resume it first.")
    if endpoint.next_at is not None and endpoint.next_at > now + LEASE:
        endpoint.next_at = None
    return endpoint


def _wait(session: Session, now: datetime, *which: Any) -> int:
    values = {"state": "waiting", "tries": 0, "next_at": now, "give_up_at": now + PATIENCE, "delivered_at": None}
    return int(session.execute(update(Message).where(*which).values(values)).rowcount)  # type: ignore[attr-defined]
