"""The pictures of a campaign: its calls by time and outcome, how many were open at a time, and at which hours people answer."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

from sqlalchemy.orm import Session

from core.call_times import ByHour, Call, calls_of, campaign_by_hour, unkept_or_since
from core.facts import AttemptStatus
from core.hours import place
from core.lookups import last_event_at
from core.models import Campaign
from core.progress import OUTCOMES
from core.states import ENDED_CAMPAIGNS

MINUTE, HOUR, DAY = 60, 3600, 86_400
MOST_COLUMNS = 96
# Windows by their name in an address: their length and the width of a column, in seconds. "all" has those that it needs.
SPANS: dict[str, tuple[int, int]] = {
    "1h": (HOUR, MINUTE), "12h": (12 * HOUR, 10 * MINUTE), "24h": (DAY, 15 * MINUTE), "all": (0, 0),
}  # fmt: skip
WIDTHS = (MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR)


@dataclass(frozen=True, slots=True)
class Columns:
    """Calls that ended, by outcome, in columns of `width` seconds that begin at `starts` (epoch seconds).

    `open` is the most calls that were open at once in each column; None where only sums are kept.
    """

    width: int
    starts: Sequence[int]
    series: dict[str, list[int]]
    open: list[int] | None

    @property
    def moments(self) -> list[datetime]:
        return [datetime.fromtimestamp(start, UTC) for start in self.starts]

    @property
    def total(self) -> int:
        return sum(map(sum, self.series.values()))

    @property
    def is_empty(self) -> bool:
        return not self.total and not any(self.open or ())


@dataclass(frozen=True, slots=True)
class HourOfDay:
    """One hour of the campaign's clock over all its days: calls that were answered, and all that ended."""

    hour: int
    answered: int
    ended: int


@dataclass(frozen=True, slots=True)
class Charts:
    """`calls` counts all calls that ended, by outcome: calls, not people."""

    span: str
    columns: Columns
    limit: int
    zone: str
    hours: list[HourOfDay]
    calls: Counter[str]


def charts(session: Session, campaign: Campaign, span: str, now: datetime) -> Charts:
    """What is shown of the window `span` (a key of SPANS), which ends now, or with the last event of a campaign that is over."""
    ends = now
    if campaign.state in ENDED_CAMPAIGNS and campaign.ended_at is not None:
        heard_at = last_event_at(session, campaign.id) or campaign.ended_at  # a late report may tell of a later call
        ends = min(now, max(campaign.ended_at, heard_at) + timedelta(seconds=MINUTE))
    window = _window(campaign, span, ends)
    since = datetime.fromtimestamp(window[0], UTC) if window else ends
    told = calls_of(session, unkept_or_since(campaign, since), now)
    by_hour = campaign_by_hour(session, campaign, (call for call in told if not call.is_kept))
    columns = in_columns(told, window, window.step) if window else _from_hours(by_hour, ends)
    calls: Counter[str] = sum(by_hour.values(), Counter())
    return Charts(span, columns, campaign.lines, campaign.zone, hours_of_day(by_hour, campaign.zone), calls)


def _window(campaign: Campaign, span: str, ends: datetime) -> range | None:
    """Where the columns begin; None for all of a campaign that takes longer than a day: those are made of the hours that are kept."""
    length, width = SPANS[span]
    last = int(ends.timestamp())
    if span == "all":
        began = min(int((campaign.started_at or ends).timestamp()), last)  # our own clock may have been put back
        if last - began > DAY:
            return None
        width = next(width for width in WIDTHS if last - began <= width * MOST_COLUMNS)
        return range(began // width * width, last + 1, width)
    return range(last // width * width - length + width, last + 1, width)


def hours_of_day(by_hour: ByHour, zone: str) -> list[HourOfDay]:
    """The hours of the clock at which anything ended."""
    ended: Counter[int] = Counter()
    answered: Counter[int] = Counter()
    for begins, counts in by_hour.items():
        hour = datetime.fromtimestamp(begins, place(zone)).hour
        ended[hour] += sum(counts.values())
        answered[hour] += counts[AttemptStatus.ANSWERED]
    return [HourOfDay(hour, answered[hour], ended[hour]) for hour in sorted(ended)]


def in_columns(calls: Iterable[Call], starts: range, width: int) -> Columns:
    """Each ended call in the column in which it ended; each open moment in every column that it touches."""
    calls = list(calls)
    series = {str(outcome): [0] * len(starts) for outcome in OUTCOMES}
    for call in calls:
        if call.status in series and call.ended is not None and starts[0] <= call.ended < starts[-1] + width:
            series[call.status][int(call.ended - starts[0]) // width] += 1
    used = {outcome: counts for outcome, counts in series.items() if any(counts)}
    return Columns(width, starts, used, _most_open(calls, starts, width))


def _most_open(calls: Iterable[Call], starts: range, width: int) -> list[int]:
    """A call that ends in the moment in which another begins frees its line first."""
    end = starts[-1] + width
    changes: list[tuple[float, int]] = []
    for call in calls:
        ended = end if call.ended is None else call.ended
        if ended > starts[0] and call.began < end and ended > call.began:
            changes += [(max(call.began, starts[0]), 1), (min(ended, end), -1)]
    changes.sort()
    most, open_now, at = [0] * len(starts), 0, starts[0]
    for (moment, change), (following, _) in pairwise([*changes, (float(end), 0)]):
        open_now += change
        if following > moment:
            for column in range(int(moment - at) // width, ceil((following - at) / width)):
                most[column] = max(most[column], open_now)
    return most


def _from_hours(by_hour: ByHour, ends: datetime) -> Columns:
    """Whole hours, as many to a column as it needs."""
    last = max([int(ends.timestamp()), *by_hour])
    first = min(by_hour, default=last)
    width = HOUR * -(-((last - first) // HOUR + 1) // MOST_COLUMNS)
    starts = range(first, last + 1, width)
    series = {str(outcome): [0] * len(starts) for outcome in OUTCOMES}
    for begins, counts in by_hour.items():
        for outcome, count in counts.items():
            series[outcome][(begins - first) // width] += count
    return Columns(width, starts, {outcome: counts for outcome, counts in series.items() if any(counts)}, None)
