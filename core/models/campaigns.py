"""Tables of what a person composes: campaigns, their lists, and every row of every list."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, String, Text, event, func, select
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship

from core.database import Base, BigId
from core.models.people import AuditEntry
from core.models.places import Agent


class Campaign(Base):
    """What a person composes and launches; a draft is one too, from its first keystroke.

    `start_at` None means "as soon as it is launched". `lines` is calls at a time (1–10). `wave_size` None means the default rule.
    `retry_by` is us or provider; `retry_attempts` counts calls after the first; `retry_gap_minutes` and `retry_outcomes` are for us.
    `size`, `excluded_at_launch`, `left_out` (whoever was found barred as a wave was cut) and `cancelled` are the counts that do not
    live in waves. `why` is the sentence on the page.
    What happens next, and when if that is known, are `next_words` and `next_at`.
    `hold` stops dispatch until a person releases it ("refused", "restored", "breaker", "late"), `hold_words` is why; `alarm` names
    people who may have been called twice. `start_by` is us or provider (which then starts the one wave at `start_at`); after
    `latest_start_at` a person is asked. `pace` is flowing or strict; `priority` (−1, 0, 1) counts where lines are scarce, and
    `lines_wanted` is how many more it could use now, since when it waits for its turn. `state_by` is who moved it to its state.
    The safety switch opens when more than `breaker_percent` (None: never) of the last `breaker_calls` people settled since
    `breaker_from` failed.
    `is_test` marks a test call: a campaign of one person that stands in no list and no sum; `test_of_id` is the draft it is of.
    `recent_days` leaves out whoever another campaign reached or tried in that many days (0: nobody). Calling hours: on `hours_days`
    (0 is Monday) from minute `hours_from` to `hours_to` of the day (None: at any time), by the clock that `hours_by` names: the
    campaign's `zone`, the list's "column", or the one guessed from the "number". `clocks` are those of the launched list, each a
    list of zones that all have to be inside the hours; a contact's `clock` is a place in it.
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
    recent_days: Mapped[int] = mapped_column(default=0)
    hours_days: Mapped[list[Any]] = mapped_column(default=lambda: [0, 1, 2, 3, 4])
    hours_from: Mapped[int | None]
    hours_to: Mapped[int | None]
    hours_by: Mapped[str] = mapped_column(String(10), default="campaign")
    clocks: Mapped[list[Any]] = mapped_column(default=list)
    latest_start_at: Mapped[datetime | None]
    start_by: Mapped[str] = mapped_column(String(10), default="us")
    pace: Mapped[str] = mapped_column(String(10), default="flowing")
    priority: Mapped[int] = mapped_column(default=0)
    breaker_percent: Mapped[int | None] = mapped_column(default=50)
    breaker_calls: Mapped[int] = mapped_column(default=20)
    version: Mapped[int] = mapped_column(default=1)

    state: Mapped[str] = mapped_column(String(20), default="draft")
    state_since: Mapped[datetime]
    why: Mapped[str] = mapped_column(Text, default="")
    why_since: Mapped[datetime | None]
    state_by: Mapped[str] = mapped_column(String(255), default="")
    next_words: Mapped[str] = mapped_column(Text, default="")
    next_at: Mapped[datetime | None]
    hold: Mapped[str | None] = mapped_column(String(20))
    hold_words: Mapped[str] = mapped_column(Text, default="")
    lines_wanted: Mapped[int] = mapped_column(default=0)
    lines_wanted_since: Mapped[datetime | None]
    breaker_from: Mapped[datetime | None]
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
    left_out: Mapped[int] = mapped_column(default=0)
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
    """The list of one campaign, or one that was kept under a `name` to be used again (then `campaign_id` is None).

    State: empty → waiting → importing → ready | failed. `task` says what the import that waits, or runs, has to do: "read" the
    stored file, "copy" the rows of another list (`source_id`), take the "unreached" of a campaign (`source_id`, their states in
    `source_states`), "judge" the stored rows again, or "correct" them first by the uploaded file `correction`.
    `mapping` says which column (by index) is what: {"number": 0, "caller_id": None, "time_zone": None, "country": None,
    "variables": {"first_name": 1}}. `keep` is which of the rows with one number counts: the first or the last.
    `counts` has a number for each row verdict. `rows_expected` is an estimate, for the progress bar; `edited` counts rows that
    were corrected here, which reading the file again would lose. `version` grows with every change, so that a launch can say
    which list it saw.
    """

    __tablename__ = "contact_list"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"), unique=True)
    name: Mapped[str] = mapped_column(String(255), default="")
    created_by: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(12), default="empty")
    task: Mapped[str] = mapped_column(String(10), default="read")
    version: Mapped[int] = mapped_column(default=1)
    source: Mapped[str] = mapped_column(String(10), default="")
    source_id: Mapped[int | None] = mapped_column(BigId)
    source_states: Mapped[list[Any]] = mapped_column(default=list)
    filename: Mapped[str] = mapped_column(String(255), default="")
    stored_as: Mapped[str | None] = mapped_column(String(80))
    correction: Mapped[str | None] = mapped_column(String(80))
    size_bytes: Mapped[int] = mapped_column(BigId, default=0)
    country: Mapped[str] = mapped_column(String(2), default="US")
    keep: Mapped[str] = mapped_column(String(5), default="first")
    reading: Mapped[dict[str, Any]] = mapped_column(default=dict)
    headers: Mapped[list[Any]] = mapped_column(default=list)
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_expected: Mapped[int | None]
    edited: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime]
    judged_at: Mapped[datetime | None]
    import_claim: Mapped[str | None] = mapped_column(String(36))
    import_started_at: Mapped[datetime | None]


class Row(Base):
    """One line of an imported file, good or bad. `row_number` is the spreadsheet's own."""

    __tablename__ = "row"
    __table_args__ = (
        # "the rows of this box, in the file's order", a page at a time
        Index("ix_row_verdict", "list_id", "verdict", "row_number"),
        # One tree instead of two: rows are written in the order of their key, and read by it.
        {"sqlite_with_rowid": False},
    )

    # No foreign key: to check it costs as much as the rest of an import. Rows come in, and go, under the lock of their list.
    list_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    row_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cells: Mapped[list[Any]]
    verdict: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255), default="")
    number: Mapped[str | None] = mapped_column(String(20))
    caller_id: Mapped[str | None] = mapped_column(String(20))
    time_zone: Mapped[str | None] = mapped_column(String(64))


class RememberedColumns(Base):
    """What a person said the columns of such a header are; `header_hash` is the SHA-256 of all its names."""

    __tablename__ = "remembered_columns"

    header_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    mapping: Mapped[dict[str, Any]]
    country: Mapped[str] = mapped_column(String(2))
    used_at: Mapped[datetime]
