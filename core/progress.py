"""A campaign's numbers: kept counts of finished waves plus a count over the open ones, so the cost follows the open waves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from core.models import Attempt, AuditEntry, Campaign, Contact, Delivery, Wave
from core.states import GIVEN_BACK, ContactState, Verdict

OUTCOMES = (
    ContactState.ANSWERED, ContactState.VOICEMAIL, ContactState.NO_ANSWER, ContactState.BUSY, ContactState.DECLINED,
    ContactState.FAILED, ContactState.UNCLEAR,
)  # fmt: skip
MOST_ASKED_WAVES = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of contacts by state; they always add up to `total`."""

    counts: dict[str, int]
    total: int

    def of(self, *states: ContactState) -> int:
        return sum(self.counts[state] for state in states)

    @property
    def waiting(self) -> int:
        return self.of(ContactState.READY, ContactState.QUEUED)

    @property
    def dialled(self) -> int:
        """Contacts with an outcome of a call."""
        return self.of(*OUTCOMES)

    @property
    def done(self) -> int:
        """Contacts that nothing more is expected of for now."""
        return self.dialled + self.of(ContactState.NO_NEWS, ContactState.EXCLUDED, ContactState.CANCELLED)

    @property
    def pick_up(self) -> float | None:
        """Answered ÷ dialled, 0..1."""
        return self.of(ContactState.ANSWERED) / self.dialled if self.dialled else None

    @property
    def completion(self) -> float | None:
        """Done ÷ contacts, 0..1."""
        return self.done / self.total if self.total else None


def progress(session: Session, campaign: Campaign) -> Progress:
    return progress_of_each(session, [campaign])[campaign.id]


def progress_of_each(session: Session, campaigns: Sequence[Campaign]) -> dict[int, Progress]:
    """Sums over waves that are over, one grouped count over those that are not; whoever is in no wave and not set aside is ready.

    Two statements for however many campaigns; the answer is by their ids.
    """
    told = {one.id: dict.fromkeys(map(str, ContactState), 0) for one in campaigns}
    for one in campaigns:
        excluded = one.excluded_at_launch + one.left_out
        _add(told[one.id], {ContactState.EXCLUDED: excluded, ContactState.CANCELLED: one.cancelled})
    waves = select(Wave.id, Wave.campaign_id, Wave.counts, Wave.excluded).where(Wave.campaign_id.in_(told))
    open_waves = {}
    for wave in session.execute(waves):
        _add(told[wave.campaign_id], {ContactState.EXCLUDED: wave.excluded})
        _add(told[wave.campaign_id], wave.counts or {})
        if wave.counts is None:
            open_waves[wave.id] = wave.campaign_id
    if open_waves:
        people = select(Contact.wave_id, Contact.state, func.count()).where(Contact.wave_id.in_(open_waves))
        for wave_id, state, count in session.execute(people.group_by(Contact.wave_id, Contact.state)):
            _add(told[open_waves[wave_id]], {state: count})
    for one in campaigns:
        told[one.id][ContactState.READY] = one.size - sum(told[one.id].values())
    return {one.id: Progress(told[one.id], one.size) for one in campaigns}


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for state, count in more.items():
        counts[state] += count


def wave_counts(session: Session, wave: Wave) -> dict[str, int]:
    """One wave's people by state: kept, or counted while it is open."""
    if wave.counts is not None:
        return wave.counts
    return count_states(session, wave.id)


def recount(session: Session, wave_id: int) -> None:
    """Correct the kept counts of a wave that is over, after a late fact or after a later wave took some of its people."""
    counts = count_states(session, wave_id)
    over = or_(Wave.counts.is_not(None), Wave.state.in_(GIVEN_BACK))
    session.execute(update(Wave).where(Wave.id == wave_id, over).values(counts=counts))


def count_states(session: Session, wave_id: int) -> dict[str, int]:
    rows = session.execute(
        select(Contact.state, func.count()).where(Contact.wave_id == wave_id).group_by(Contact.state)
    )
    return dict(rows.all())


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One line of the feed: a state, plain words, or both; `tone` is good, bad or neutral. `number` is whole: the page masks it."""

    at: datetime
    words: str
    tone: str
    number: str | None = None
    delivery_id: int | None = None
    state: str | None = None


_TONES = {
    "applied": "good",
    "late": "good",
    "bad_signature": "bad",
    "stale": "bad",
    "unreadable": "bad",
    "unmatched": "bad",
}
_REFUSED = {
    "bad_signature": "A delivery with a wrong or missing signature was refused.",
    "stale": "A delivery with a right signature but a wrong time was refused.",
    "unreadable": "A genuine delivery could not be read; it is kept.",
    "unmatched": "A delivery about somebody who is not in its wave; it is kept.",
}


def feed(session: Session, campaign_id: int, most: int = 12) -> list[FeedLine]:
    """What happened lately, newest first: deliveries that moved something or were refused, and what people did.

    Where nothing that counts is delivered, the newest calls that were found by asking.
    """
    told = select(
        Delivery.id,
        Delivery.received_at,
        Delivery.event,
        Delivery.status,
        Delivery.verdict,
        Delivery.number,
        Delivery.note,
    )
    moving = told.where(Delivery.campaign_id == campaign_id, Delivery.verdict != Verdict.REPEAT)
    deliveries = session.execute(moving.order_by(Delivery.id.desc()).limit(most))
    entries = session.execute(
        select(AuditEntry.at, AuditEntry.summary)
        .where(AuditEntry.subject == "campaign", AuditEntry.subject_id == campaign_id, AuditEntry.summary != "")
        .where(AuditEntry.act.not_like("draft.%"))  # how it was composed stands in the audit log
        .order_by(AuditEntry.id.desc())
        .limit(most)
    )
    lines = [
        FeedLine(
            d.received_at,
            _words(d.event, d.status, d.verdict, d.note),
            _TONES.get(d.verdict, "neutral"),
            d.number,
            d.id,
            d.status if d.verdict not in _REFUSED else None,
        )
        for d in deliveries
    ]
    if not any(line.tone == "good" for line in lines):
        lines += _asked(session, campaign_id, most)
    lines += [FeedLine(entry.at, entry.summary, "neutral") for entry in entries]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:most]


def _asked(session: Session, campaign_id: int, most: int) -> list[FeedLine]:
    waves = select(Wave.id).where(Wave.campaign_id == campaign_id).order_by(Wave.id.desc()).limit(MOST_ASKED_WAVES)
    calls = (
        select(Attempt.ended_at, Attempt.first_seen_at, Attempt.status, Contact.number)
        .join(Contact, Contact.id == Attempt.contact_id)
        .where(Attempt.wave_id.in_(session.scalars(waves).all()))
    )
    return [
        FeedLine(ended_at or seen_at, "Found by asking the provider.", "good", number, state=status)
        for ended_at, seen_at, status, number in session.execute(calls.order_by(Attempt.id.desc()).limit(most))
    ]


def _words(event: str | None, status: str | None, verdict: str, words: str) -> str:
    if verdict in _REFUSED:
        return _REFUSED[verdict]
    if status:
        return words if verdict in ("applied", "late") else f"({verdict.replace('_', ' ')}) {words}".strip()
    said = (event or "report").replace("_", " ").replace(".", " ")
    return f"{said.capitalize()}: {words}" if words else f"{said.capitalize()} ({verdict.replace('_', ' ')})"
