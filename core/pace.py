"""How fast a campaign goes, and when it is expected to end: measured by the people who settled lately."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clocks import hours_of
from core.hours import open_time_ends, opens_at
from core.models import Campaign, Contact, Wave
from core.progress import Progress
from core.states import CampaignState, ContactState

LATELY = timedelta(minutes=10)
# With fewer, a pace is a guess.
FEWEST = 5
# Nine of ten such counts lie no further than this many roots from what was to be expected.
SURE = 1.645
# Clocks of all the world, but for those that differ from these by a part of an hour: at most three quarters.
WHOLE_HOURS = tuple(f"Etc/GMT{hours:+}" for hours in range(-14, 13))
NEXT_WHOLE_HOUR = timedelta(minutes=45)


@dataclass(frozen=True, slots=True)
class Pace:
    """`people` settled within the last `window`; `ends_from` and `ends_to` are None where nothing can be said of the end."""

    people: int
    window: timedelta
    ends_from: datetime | None = None
    ends_to: datetime | None = None

    @property
    def per_minute(self) -> float:
        return self.people / (self.window / timedelta(minutes=1))


def paces(
    session: Session, campaigns: Sequence[Campaign], known: Mapping[int, Progress], now: datetime
) -> dict[int, Pace]:
    """The pace of those that run, by their ids. Two statements for however many."""
    running = [one for one in campaigns if one.state == CampaignState.RUNNING]
    if not running:
        return {}
    settled = _settled_since(session, [one.id for one in running], now - LATELY)
    due = _due_again(session, [one.id for one in running])
    return {one.id: _pace(one, known[one.id], settled.get(one.id, 0), due.get(one.id, 0), now) for one in running}


def _pace(campaign: Campaign, progress: Progress, settled: int, due: int, now: datetime) -> Pace:
    began = max(campaign.started_at or now, campaign.state_since)
    window = min(LATELY, max(now - began, timedelta(minutes=1)))
    pace = Pace(settled, window)
    left = progress.waiting + progress.of(ContactState.SUBMITTED, ContactState.DIALLING) + due
    if settled < FEWEST or not left:
        return pace
    low, high = (left / (settled + sign * SURE * sqrt(settled)) * window for sign in (1, -1))
    return Pace(settled, window, *ends_between(campaign, now, low, high))


def _settled_since(session: Session, campaign_ids: Collection[int], since: datetime) -> dict[int, int]:
    rows = session.execute(
        select(Wave.campaign_id, func.count())
        .join(Contact, Contact.wave_id == Wave.id)
        .where(Wave.campaign_id.in_(campaign_ids), Wave.last_event_at >= since, Contact.settled_at >= since)
        .group_by(Wave.campaign_id)
    )
    return dict(rows.all())


def _due_again(session: Session, campaign_ids: Collection[int]) -> dict[int, int]:
    """How many will be tried once more."""
    due = (
        select(Contact.campaign_id, func.count())
        .where(Contact.campaign_id.in_(campaign_ids), Contact.due_at.is_not(None))
        .group_by(Contact.campaign_id)
    )
    return dict(session.execute(due).all())


def ends_between(
    campaign: Campaign, start: datetime, low: timedelta, high: timedelta
) -> tuple[datetime | None, datetime | None]:
    """Between when and when calling is expected to end that begins at `start` and rests outside the hours."""
    hours = hours_of(campaign)
    if hours is None:
        return start + low, start + high
    if campaign.hours_by == "campaign":
        zones = [campaign.zone]
        return open_time_ends(hours, zones, start, low), open_time_ends(hours, zones, start, high)
    somewhere = [at for zone in WHOLE_HOURS if (at := opens_at(hours, [zone], start))]
    return (max(start, min(somewhere) - NEXT_WHOLE_HOUR) + low if somewhere else None), None
