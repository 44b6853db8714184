"""When calls were made: those of waves that are over are kept by the hour, the others are read one by one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from core.facts import AttemptStatus
from core.hours import place
from core.models import Attempt, Campaign, Wave
from core.states import OPEN_WAVES

ByHour = dict[int, Counter[str]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a picture shows it: when it began, and when it ended with which outcome; None: it is still open."""

    status: str
    began: float
    ended: float | None


def calls_of(session: Session, which: ColumnElement[bool], now: datetime) -> list[Call]:
    """The calls of these waves. Nobody was called before the wave was cut, or later than now, whatever a wrong clock reported."""
    rows = session.execute(
        select(
            Attempt.status, Attempt.started_at, Attempt.ended_at, Attempt.first_seen_at, Wave.cut_at, Wave.finished_at
        )
        .join(Wave, Wave.id == Attempt.wave_id)
        .where(which)
    )
    latest = now.timestamp()
    found = []
    for status, started_at, ended_at, seen_at, cut_at, finished_at in rows:
        earliest = min(cut_at.timestamp(), latest)
        began = min(max((started_at or seen_at).timestamp(), earliest), latest)
        ended = ended_at or (finished_at if status == AttemptStatus.DIALLING else started_at or seen_at)
        found.append(Call(status, began, min(max(ended.timestamp(), began), latest) if ended else None))
    return found


def lately(campaign: Campaign, since: datetime) -> ColumnElement[bool]:
    """The campaign's waves in which anything may have happened since then."""
    return (Wave.campaign_id == campaign.id) & or_(Wave.last_event_at >= since, Wave.state.in_(OPEN_WAVES))


def outcomes_by_hour(calls: Iterable[Call], zone: str) -> ByHour:
    """Ended calls by outcome, for each hour of this zone's clock (as the epoch second at which the hour began)."""
    clock, hours = place(zone), defaultdict(Counter)  # type: ignore[var-annotated]
    for call in calls:
        if call.ended is not None and call.status != AttemptStatus.DIALLING:
            local = datetime.fromtimestamp(call.ended, clock).replace(minute=0, second=0, microsecond=0)
            hours[int(local.timestamp())][call.status] += 1
    return dict(hours)


def keep_calls(session: Session, wave: Wave) -> None:
    """Keep the calls of a wave that is over by the hour, or correct what is kept after a late report."""
    ended = max(filter(None, (wave.finished_at, wave.last_event_at)), default=wave.cut_at)
    hours = outcomes_by_hour(calls_of(session, Wave.id == wave.id, ended), wave.campaign.zone)
    wave.calls_by_hour = {str(hour): dict(counts) for hour, counts in hours.items()}


def campaign_by_hour(session: Session, campaign: Campaign, now: datetime) -> ByHour:
    """All calls of a campaign by the hour: sums over the waves that are over, the calls of the others one by one."""
    told = select(Wave.id, Wave.calls_by_hour).where(Wave.campaign_id == campaign.id)
    sums: ByHour = defaultdict(Counter)
    unkept: list[int] = []
    for wave_id, kept in session.execute(told):
        if kept is None:
            unkept.append(wave_id)
        for hour, counts in (kept or {}).items():
            sums[int(hour)].update(counts)
    for hour, counts in outcomes_by_hour(_calls_in(session, unkept, now), campaign.zone).items():
        sums[hour].update(counts)
    return dict(sums)


def _calls_in(session: Session, wave_ids: Sequence[int], now: datetime) -> list[Call]:
    return calls_of(session, Wave.id.in_(wave_ids), now) if wave_ids else []
