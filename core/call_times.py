"""When calls were made: those of waves that are over are kept by the hour, the others are read one by one."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from core.facts import AttemptStatus
from core.hours import place
from core.models import Attempt, Campaign, Wave
from core.states import WaveState

ByHour = dict[int, Counter[str]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a picture shows it: when it began, and when it ended with which outcome; None: it is still open.

    `is_kept`: the sums of its wave count it already.
    """

    status: str
    began: float
    ended: float | None
    is_kept: bool = False


def calls_of(session: Session, which: ColumnElement[bool], now: datetime) -> list[Call]:
    """The calls of these waves. Nobody was called before the wave was cut, or later than now, whatever a wrong clock reported."""
    rows = session.execute(
        select(
            Attempt.status,
            Attempt.started_at,
            Attempt.ended_at,
            Attempt.first_seen_at,
            Wave.cut_at,
            Wave.finished_at,
            Wave.calls_by_hour.is_not(None),
        )
        .join(Wave, Wave.id == Attempt.wave_id)
        .where(which)
    )
    latest = now.timestamp()
    found = []
    for status, started_at, ended_at, seen_at, cut_at, finished_at, is_kept in rows:
        earliest = min(cut_at.timestamp(), latest)
        began = min(max((started_at or seen_at).timestamp(), earliest), latest)
        ended = ended_at or (finished_at if status == AttemptStatus.DIALLING else started_at or seen_at)
        found.append(Call(status, began, min(max(ended.timestamp(), began), latest) if ended else None, is_kept))
    return found


def unkept_or_since(campaign: Campaign, since: datetime) -> ColumnElement[bool]:
    """The campaign's waves of which nothing is kept yet, and those in which anything may have happened since then."""
    return (Wave.campaign_id == campaign.id) & or_(Wave.last_event_at >= since, Wave.calls_by_hour.is_(None))


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


def keep_missing(session: Session, most: int) -> int:
    """Keep the calls of some finished waves of an earlier version, which kept nothing of them; returns how many there were."""
    unkept = select(Wave).where(Wave.state == WaveState.FINISHED, Wave.calls_by_hour.is_(None)).order_by(Wave.id)
    waves = session.scalars(unkept.limit(most).with_for_update(of=Wave, key_share=True)).all()
    for wave in waves:
        keep_calls(session, wave)
    return len(waves)


def campaign_by_hour(session: Session, campaign: Campaign, unkept: Iterable[Call]) -> ByHour:
    """All calls of a campaign by the hour: sums over the waves that are over, and the calls of those that are `unkept`."""
    told = select(Wave.calls_by_hour).where(Wave.campaign_id == campaign.id, Wave.calls_by_hour.is_not(None))
    sums: ByHour = defaultdict(Counter)
    for kept in session.scalars(told):
        for hour, counts in kept.items():
            sums[int(hour)].update(counts)
    for hour, counts in outcomes_by_hour(unkept, campaign.zone).items():
        sums[hour].update(counts)
    return dict(sums)
