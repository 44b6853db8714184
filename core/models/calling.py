"""Tables of the calling itself: contacts, waves, who is in which, reservations, attempts and deliveries."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database import Base, BigId
from core.models.campaigns import Campaign


def _where(condition: str) -> dict[str, Any]:
    """Only rows that meet it are in the index: the others cost nothing as they are written."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Contact(Base):
    """One person on a launched campaign's list. `state` is a fold (core/fold.py); `wave_id` is the current wave.

    `position` is the order of the list. `clock` is the place of its zones in the campaign's `clocks`. `due_at` is set while a
    later wave of ours will try again. `tries` counts waves that took it.
    """

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("campaign_id", "position"),
        Index("ix_contact_state", "campaign_id", "state", "position"),  # the next ready ones; a page of one state
        Index("ix_contact_wave", "wave_id", "settled_at", "state"),  # is anybody of this wave unsettled; its counts
        Index("ix_contact_due", "campaign_id", "due_at", **_where("due_at IS NOT NULL")),  # who is due again
        # the next ready ones by one clock; who is due again by one clock
        Index("ix_contact_clock", "campaign_id", "clock", "position", **_where("state = 'ready'")),
        Index("ix_contact_clock_due", "campaign_id", "clock", "due_at", **_where("due_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    position: Mapped[int]
    row_number: Mapped[int | None]
    number: Mapped[str] = mapped_column(String(20), index=True)
    caller_id: Mapped[str | None] = mapped_column(String(20))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    clock: Mapped[int] = mapped_column(default=0)
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(12), default="ready")
    reason: Mapped[str] = mapped_column(Text, default="")
    wave_id: Mapped[int | None] = mapped_column(ForeignKey("wave.id"))
    tries: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    settled_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    last_event_at: Mapped[datetime | None]


class Wave(Base):
    """One submission to the provider. `request` is frozen at the cut and holds neither token nor secret (those are sealed beside it).

    `claim` is the token of the process that may POST it. `counts` is set when the wave is finished and corrected by late facts; so is
    `calls_by_hour`: calls by outcome for each hour of the campaign's clock, {"<epoch seconds>": {"answered": 3}}.
    `evidence` lists what was looked at while the wave was unknown: [{"at": iso, "looked": words, "found": words}].
    `tells_calls` says that somebody outside wants to hear of each of its calls (core/messages.py). `starts_at` is set where the
    provider was asked to start it later. `differs_since` is since when the provider's counters and ours disagree.
    """

    __tablename__ = "wave"
    __table_args__ = (
        UniqueConstraint("campaign_id", "ordinal"),
        Index("ix_wave_state", "state", "next_poll_at"),  # open waves; who is to be asked next
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    ordinal: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default="planned")
    state_since: Mapped[datetime]
    size: Mapped[int]
    lines: Mapped[int]
    retry_attempts: Mapped[int] = mapped_column(default=0)
    tells_calls: Mapped[bool] = mapped_column(default=False)
    name_sent: Mapped[str] = mapped_column(String(255))
    request: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)

    cut_at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    rung_at: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(String(36))
    claimed_at: Mapped[datetime | None]
    submissions: Mapped[int] = mapped_column(default=0)
    key_refusals: Mapped[int] = mapped_column(default=0)
    http_status: Mapped[int | None]
    words: Mapped[str] = mapped_column(Text, default="")
    errors: Mapped[list[Any]] = mapped_column(default=list)
    evidence: Mapped[list[Any]] = mapped_column(default=list)
    starts_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    excluded: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any] | None]
    calls_by_hour: Mapped[dict[str, Any] | None]

    provider_id: Mapped[str | None] = mapped_column(String(200), index=True)
    provider_status: Mapped[str | None] = mapped_column(String(200))
    provider_over_at: Mapped[datetime | None]
    provider_initiated: Mapped[int | None]
    provider_completed: Mapped[int | None]
    provider_failed: Mapped[int | None]
    next_poll_at: Mapped[datetime | None]
    polls: Mapped[int] = mapped_column(default=0)
    polled_at: Mapped[datetime | None]
    differs_since: Mapped[datetime | None]
    poll_words: Mapped[str] = mapped_column(Text, default="")
    last_event_at: Mapped[datetime | None]

    campaign: Mapped[Campaign] = relationship()


class Target(Base):
    """One contact's place in one wave, kept for ever: by its number or its `callboard_ref` an event finds the contact."""

    __tablename__ = "target"

    # No foreign keys, nor in `reservation`: to check them costs more than to write the rows, which are made of contacts.
    wave_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    contact_id: Mapped[int] = mapped_column(BigId, index=True)
    ref: Mapped[str] = mapped_column(String(32), unique=True)


class Reservation(Base):
    """This number is being called by this contact: the primary key is what keeps anybody from being called by two waves."""

    __tablename__ = "reservation"

    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    wave_id: Mapped[int] = mapped_column(BigId, index=True)
    contact_id: Mapped[int] = mapped_column(BigId)
    campaign_id: Mapped[int] = mapped_column(BigId)


class Attempt(Base):
    """One dial of one contact as reported. `call_id` is "" for reports without one (adopted by the first call with an id).

    `status` only rises in the order of core/fold.py; `contradiction` keeps the words of a report that said otherwise.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("contact_id", "wave_id", "call_id"),
        Index("ix_attempt_call_id", "call_id"),
        Index("ix_attempt_wave", "wave_id"),  # the calls of a wave, for the pictures of a campaign
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("wave.id"))
    call_id: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))
    word: Mapped[str | None] = mapped_column(String(200))
    retry_follows: Mapped[bool] = mapped_column(default=False)
    ask: Mapped[bool] = mapped_column(default=False)
    do_not_call: Mapped[bool] = mapped_column(default=False)
    contradiction: Mapped[str | None] = mapped_column(Text)
    first_seen_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    duration: Mapped[float | None]
    recording_url: Mapped[str | None] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)
    transcript: Mapped[str | None] = mapped_column(Text)
    sentiment: Mapped[str | None] = mapped_column(String(64))


class Delivery(Base):
    """One webhook request we received. `key` is the signed id or the hash of the body; unverified ones have keys of their own.

    `kept_ms` is how long after its arrival it was written. `replayed_at` is when it was last judged or read again, `forgotten_at`
    when its body and headers were taken out; its key stays for ever.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("wave_id", "key"),
        Index("ix_delivery_verdict", "verdict", "id"),
        Index("ix_delivery_campaign", "campaign_id", "id"),
        # by its number where no contact has it; the others are found by the contact
        Index("ix_delivery_number", "number", **_where("contact_id IS NULL AND number IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    wave_id: Mapped[int] = mapped_column(ForeignKey("wave.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    key: Mapped[str] = mapped_column(String(300))
    received_at: Mapped[datetime]
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    headers: Mapped[list[Any]] = mapped_column(deferred=True)
    verdict: Mapped[str] = mapped_column(String(16))
    form: Mapped[str | None] = mapped_column(String(200))
    event: Mapped[str | None] = mapped_column(String(200))
    number: Mapped[str | None] = mapped_column(String(20))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    status: Mapped[str | None] = mapped_column(String(12))
    note: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    kept_ms: Mapped[int | None]
    replayed_at: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]
