"""Tables of what a person composes: campaigns, their lists, and every row of every list."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, String, Text, UniqueConstraint, event, func, select
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from core.database import Base, BigId
from core.models.people import AuditEntry
from core.models.places import Agent


class Campaign(Base):
    """What a person composes and launches; a draft is one too, from its first keystroke.

    `start_at` None means "as soon as it is launched". `lines` is calls at a time (1–10). `wave_size` None means the default rule.
    `retry_by` is us or provider; `retry_attempts` counts calls after the first; `retry_gap_minutes` and `retry_outcomes` are for us.
    `size`, `excluded_at_launch` and `cancelled` are the counts that do not live in waves. `why` is the sentence on the page.
    `hold` stops dispatch until a person releases it ("refused", "restored"); `alarm` names people who may have been called twice.
    `is_test` marks a test call: a campaign of one person that stands in no list and no sum; `test_of_id` is the draft it is of.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        Index("ix_campaign_state", "state", "id"),
        Index("ix_campaign_test_of", "test_of_id", "id"),  # the test calls of this draft
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    start_at: Mapped[datetime | None]
    zone: Mapped[str] = mapped_column(String(64), default="UTC")
    lines: Mapped[int] = mapped_column(default=5)
    wave_size: Mapped[int | None]
    retry_by: Mapped[str] = mapped_column(String(10), default="us")
    retry_attempts: Mapped[int] = mapped_column(default=0)
    retry_gap_minutes: Mapped[int] = mapped_column(default=120)
    retry_outcomes: Mapped[list[Any]] = mapped_column(default=lambda: ["no_answer", "busy"])
    version: Mapped[int] = mapped_column(default=1)

    state: Mapped[str] = mapped_column(String(20), default="draft")
    state_since: Mapped[datetime]
    why: Mapped[str] = mapped_column(Text, default="")
    why_since: Mapped[datetime | None]
    hold: Mapped[str | None] = mapped_column(String(20))
    alarm: Mapped[str | None] = mapped_column(Text)

    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(255), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    api_token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id"))
    launched_at: Mapped[datetime | None]
    launched_by: Mapped[str] = mapped_column(String(255), default="")
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    size: Mapped[int] = mapped_column(default=0)
    excluded_at_launch: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)

    is_test: Mapped[bool] = mapped_column(default=False)
    test_of_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))

    agent: Mapped[Agent | None] = relationship(lazy="joined")


@event.listens_for(Campaign, "before_insert")
def _number_never_used(_mapper: Mapper[Campaign], connection: Connection, campaign: Campaign) -> None:
    """SQLite gives the number of a deleted draft to the next campaign, and with it the draft's entries in the audit log."""
    if connection.dialect.name == "sqlite" and not campaign.id:
        told = select(func.max(AuditEntry.subject_id)).where(AuditEntry.subject == "campaign")
        used = [
            connection.scalar(told),
            connection.scalar(select(func.max(Campaign.id))),
            connection.info.get("campaign"),
        ]
        # Of several added at once none is in the table yet, so the connection remembers too.
        campaign.id = connection.info["campaign"] = 1 + max(number or 0 for number in used)


class Approval(Base):
    """A launch that asked for a second person: for exactly the list and the settings that `digest` stands for.

    `verdict` is asked, approved, refused, or void (the draft was changed or taken back before anybody decided).
    """

    __tablename__ = "approval"
    __table_args__ = (Index("ix_approval_campaign", "campaign_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    digest: Mapped[str] = mapped_column(String(64))
    people: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(12), default="asked")
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(255))
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    api_token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id"))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(String(255), default="")
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    words: Mapped[str] = mapped_column(Text, default="")


class ContactList(Base):
    """The list of one campaign: where it came from, how it is read, how far its import is.

    State: empty → waiting → importing → ready | failed. `mapping` says which column (by index) is what:
    {"number": 0, "caller_id": None, "time_zone": None, "variables": {"first_name": 1}}. `counts` has a number for each row verdict.
    `version` grows with every change, so that a launch can say which list it saw.
    """

    __tablename__ = "contact_list"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), unique=True)
    state: Mapped[str] = mapped_column(String(12), default="empty")
    version: Mapped[int] = mapped_column(default=1)
    source: Mapped[str] = mapped_column(String(10), default="")
    filename: Mapped[str] = mapped_column(String(255), default="")
    stored_as: Mapped[str | None] = mapped_column(String(80))
    size_bytes: Mapped[int] = mapped_column(BigId, default=0)
    country: Mapped[str] = mapped_column(String(2), default="US")
    reading: Mapped[dict[str, Any]] = mapped_column(default=dict)
    headers: Mapped[list[Any]] = mapped_column(default=list)
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rows_read: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime]
    import_claim: Mapped[str | None] = mapped_column(String(36))
    import_started_at: Mapped[datetime | None]


class Row(Base):
    """One line of an imported file, good or bad. `row_number` is the spreadsheet's own."""

    __tablename__ = "row"
    __table_args__ = (
        UniqueConstraint("list_id", "row_number"),
        # "the problem rows of this list, in the file's order", a page at a time
        Index("ix_row_verdict", "list_id", "verdict", "row_number"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"))
    row_number: Mapped[int]
    cells: Mapped[list[Any]]
    verdict: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255), default="")
    number: Mapped[str | None] = mapped_column(String(20))
    caller_id: Mapped[str | None] = mapped_column(String(20))
    time_zone: Mapped[str | None] = mapped_column(String(64))
