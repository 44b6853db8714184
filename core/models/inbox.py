"""Tables of the inbox beside its deliveries: words that nobody has explained yet, replays, and tests of the connection."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigId


class HeardWord(Base):
    """A word of the provider that our tables do not have. `meaning` is what a person said it means, None until then."""

    __tablename__ = "heard_word"

    word: Mapped[str] = mapped_column(String(60), primary_key=True)
    first_heard_at: Mapped[datetime]
    meaning: Mapped[str | None] = mapped_column(String(16))
    mapped_at: Mapped[datetime | None]


class DeliveryWord(Base):
    """This delivery holds that word, and was read without knowing it: what a replay has to read again."""

    __tablename__ = "delivery_word"
    __table_args__ = (Index("ix_delivery_word_delivery", "delivery_id"),)

    word: Mapped[str] = mapped_column(String(60), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), primary_key=True)


class Replay(Base):
    """A wish to judge and read deliveries again. `wanted` is which (core/deliveries.py), up to the newest one when it was asked for.

    `next_id` is where it goes on, `moved` how many came to which verdict that they had not before.
    """

    __tablename__ = "replay"
    __table_args__ = (Index("ix_replay_finished", "finished_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    wanted: Mapped[dict[str, Any]]
    asked_by: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[datetime]
    up_to_id: Mapped[int] = mapped_column(BigId)
    next_id: Mapped[int] = mapped_column(BigId, default=0)
    seen: Mapped[int] = mapped_column(default=0)
    moved: Mapped[dict[str, Any]] = mapped_column(default=dict)
    finished_at: Mapped[datetime | None]


class ConnectionTest(Base):
    """A delivery that we send to ourselves over the public address. `token` and `secret` are sealed; `words` say what came of it."""

    __tablename__ = "connection_test"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[datetime]
    arrived_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    http_status: Mapped[int | None]
    words: Mapped[str] = mapped_column(Text, default="")
