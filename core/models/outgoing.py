"""Tables of what we tell others: programs by messages to their endpoints, people by notices."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database import Base, BigId


class Endpoint(Base):
    """An address of somebody else's that is told about our campaigns; with a `campaign_id` only about that one.

    `events` names the kinds it wants: "campaign" (how a campaign goes on), "call" (each finished call). `secret` is sealed.
    `next_at` holds all its messages back, after a failure and while one is on its way; `failures` counts those in a row,
    `disabled_at` ends it. `told` is what it was told of its campaign's numbers last, `progress_at` when to look for newer ones.
    """

    __tablename__ = "endpoint"
    __table_args__ = (Index("ix_endpoint_progress", "progress_at"),)  # whom to tell how far their campaign is

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"), unique=True)
    name: Mapped[str] = mapped_column(String(255), default="")
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str | None] = mapped_column(Text)
    events: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    told: Mapped[dict[str, Any] | None]
    progress_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_words: Mapped[str] = mapped_column(Text, default="")


class Message(Base):
    """One thing to tell one endpoint. `uid` is its webhook-id, the same in every try; `key` keeps a thing from being told twice.

    `body` is the exact text that is signed and sent. State: waiting → delivered | given_up; "send again" makes it waiting.
    `next_at` is the next try, or until when the one under way may last; after `give_up_at` it no longer outlives a dead endpoint.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "key"),
        Index(
            "ix_message_due", "state", "endpoint_id", "next_at", "id"
        ),  # who has something to be sent now; what comes first
        Index("ix_message_endpoint", "endpoint_id", "id"),  # the log of an endpoint, a page at a time
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"))
    uid: Mapped[str] = mapped_column(String(40), unique=True)
    key: Mapped[str] = mapped_column(String(120))
    event: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    give_up_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    http_status: Mapped[int | None]
    words: Mapped[str] = mapped_column(Text, default="")
    endpoint: Mapped[Endpoint] = relationship()


class MessageTry(Base):
    """One try to hand a message over, and what the other side said (the beginning of its answer)."""

    __tablename__ = "message_try"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), index=True)
    at: Mapped[datetime]
    milliseconds: Mapped[int]
    http_status: Mapped[int | None]
    words: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(Text, default="")


class NoticeChoice(Base):
    """What one person wants to be told of campaigns, and where. `failing_percent`: when more than so many of those dialled failed.

    `only_own` leaves out campaigns that others made. `chat` is the sealed address of a chat room, as Apprise writes them;
    `chat_hint` is what of it may be shown.
    """

    __tablename__ = "notice_choice"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    ended: Mapped[bool] = mapped_column(default=False)
    attention: Mapped[bool] = mapped_column(default=False)
    failing_percent: Mapped[int | None]
    only_own: Mapped[bool] = mapped_column(default=False)
    by_mail: Mapped[bool] = mapped_column(default=True)
    chat: Mapped[str | None] = mapped_column(Text)
    chat_hint: Mapped[str] = mapped_column(String(64), default="")


class Notice(Base):
    """One thing to tell one person by one way ("mail" or "chat"), once for each `key`. State: waiting → sent or given_up.

    `next_at` is the next try, or until when the one under way may last.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("person_id", "way", "key"),
        Index("ix_notice_due", "state", "next_at"),  # what is to be sent now
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    way: Mapped[str] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(String(120))
    subject: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")
