"""Tables of whom nobody may call: the numbers, and the files they came in."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigId


class Suppression(Base):
    """A number that must not be called: since when, why, by whom, until when (None: for good).

    `source` is person, file, api or call (its outcome said so). `number` is E.164.
    """

    __tablename__ = "suppression"
    __table_args__ = (Index("ix_suppression_created", "created_at"),)  # what came since a list was judged

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    reason: Mapped[str] = mapped_column(String(255), default="")
    source: Mapped[str] = mapped_column(String(10), default="person")
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(255), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    api_token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id"))
    expires_at: Mapped[datetime | None]


class SuppressionImport(Base):
    """A file or paste of numbers for the do-not-call list. State: waiting → importing → ready | failed | cancelled.

    `added`, `known` and `invalid` add up to `rows_read`; `problems` are the first rows that are no numbers: [[row, cell, reason]].
    """

    __tablename__ = "suppression_import"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    filename: Mapped[str] = mapped_column(String(255), default="")
    stored_as: Mapped[str | None] = mapped_column(String(80))
    country: Mapped[str] = mapped_column(String(2))
    reason: Mapped[str] = mapped_column(String(255), default="")
    expires_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    rows_read: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    invalid: Mapped[int] = mapped_column(default=0)
    problems: Mapped[list[Any]] = mapped_column(default=list)
    problem: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(255), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime]
    import_claim: Mapped[str | None] = mapped_column(String(36))
