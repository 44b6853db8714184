"""A campaign's numbers: kept counts of finished waves plus a count over the open ones, so the cost follows the open waves."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.models import Attempt, AuditEntry, Campaign, Contact, Delivery, Wave
from core.states import ContactState

OUTCOMES = (
    ContactState.ANSWERED, ContactState.VOICEMAIL, ContactState.NO_ANSWER, ContactState.BUSY, ContactState.DECLINED,
    ContactState.FAILED, ContactState.UNCLEAR,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of contacts by state; they always add up to `total`."""

    counts: dict[str, int]
    total: int

    def of(self, *states: ContactState) -> int:
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def waiting(self) -> int:
        return self.of(ContactState.READY, ContactState.QUEUED)

    @property
    def reached_or_not(self) -> int:
        """Contacts with an outcome."""
        return self.of(*OUTCOMES, ContactState.NO_NEWS)

    @property
    def dialled(self) -> int:
        return self.of(*OUTCOMES)

    @property
    def pick_up(self) -> float | None:
        """Answered ÷ dialled, 0..1."""
        return self.of(ContactState.ANSWERED) / self.dialled if self.dialled else None

    @property
    def completion(self) -> float | None:
        """Contacts that need no further call for now ÷ contacts, 0..1."""
        done = self.reached_or_not + self.of(ContactState.EXCLUDED, ContactState.CANCELLED)
        return done / self.total if self.total else None


def progress(session: Session, campaign: Campaign) -> Progress:
    """Sums over waves that are over, one grouped count over those that are not, and the rest is ready."""
    counts = dict.fromkeys(map(str, ContactState), 0)
    open_waves = []
    for wave_id, kept, excluded in session.execute(
        select(Wave.id, Wave.counts, Wave.excluded).where(Wave.campaign_id == campaign.id)
    ):
        counts[ContactState.EXCLUDED] += excluded
        if kept is None:
            open_waves.append(wave_id)
        for state, count in (kept or {}).items():
            counts[state] += count
    if open_waves:
        for state, count in session.execute(
            select(Contact.state, func.count()).where(Contact.wave_id.in_(open_waves)).group_by(Contact.state)
        ):
            counts[state] += count
    counts[ContactState.EXCLUDED] += campaign.excluded_at_launch
    counts[ContactState.CANCELLED] += campaign.cancelled
    counts[ContactState.READY] = campaign.size - sum(counts.values())
    return Progress(counts, campaign.size)


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One line of the feed, in plain words; `tone` is ok, bad or quiet."""

    at: datetime
    words: str
    tone: str
    delivery_id: int | None = None


def feed(session: Session, campaign_id: int, most: int = 20) -> list[FeedLine]:
    """What happened lately: deliveries and what people did, newest first. Numbers are left to the caller to mask: see Delivery."""
    deliveries = session.execute(
        select(Delivery.id, Delivery.received_at, Delivery.event, Delivery.status, Delivery.verdict, Delivery.note)
        .where(Delivery.campaign_id == campaign_id)
        .order_by(Delivery.id.desc())
        .limit(most)
    )
    entries = session.execute(
        select(AuditEntry.at, AuditEntry.summary)
        .where(AuditEntry.subject == "campaign", AuditEntry.subject_id == campaign_id, AuditEntry.summary != "")
        .order_by(AuditEntry.id.desc())
        .limit(most)
    )
    lines = [
        FeedLine(d.received_at, _words(d.event, d.status, d.verdict, d.note), _tone(d.verdict), d.id)
        for d in deliveries
    ]
    lines += [FeedLine(e.at, e.summary, "quiet") for e in entries]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:most]


def _words(event: str | None, status: str | None, verdict: str, words: str) -> str:
    if verdict == "bad_signature":
        return "A delivery with a wrong or missing signature was refused."
    if verdict == "stale":
        return "A delivery with a right signature but a wrong time was refused."
    said = (status or event or "a report").replace("_", " ")
    return (
        f"{said.capitalize()}."
        if verdict == "applied" and not words
        else f"{said.capitalize()}: {verdict.replace('_', ' ')}. {words}".strip()
    )


def _tone(verdict: str) -> str:
    return {"applied": "ok", "bad_signature": "bad", "stale": "bad", "unreadable": "bad", "unmatched": "bad"}.get(
        verdict, "quiet"
    )


def attempt_count(session: Session, campaign_id: int) -> int:
    """All dials of a campaign; counted over its contacts' own column, apart from contacts."""
    query = select(func.coalesce(func.sum(Contact.attempts), 0)).where(Contact.campaign_id == campaign_id)
    return session.scalar(query) or 0


def contact_attempts(session: Session, contact_id: int) -> list[Attempt]:
    """The attempts of one contact in time order."""
    attempts = session.scalars(select(Attempt).where(Attempt.contact_id == contact_id))
    return sorted(attempts, key=lambda a: (a.started_at or a.first_seen_at, a.call_id))
