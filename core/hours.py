"""Calling hours: when the clocks of some zones allow a call. Instants go in and come out; only the clocks' own words are local."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from core.errors import Invalid

DAY = 24 * 60
# A wave never takes longer than the first, and whatever does not open within it never does.
FURTHEST = timedelta(days=14)
# In less, hardly anybody could be called: a wave needs the time of a call, and a margin.
SHORTEST = 15
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """On these `days` (0 is Monday) from minute `start` to minute `end` of the local day, which 1440 ends."""

    days: frozenset[int]
    start: int
    end: int

    def __str__(self) -> str:
        return f"{days_words(self.days)} {clock_words(self.start)}–{clock_words(self.end)}"


def check_hours(days: Collection[int], start: int | None, end: int | None, *, provider_retries: bool) -> None:
    """Invalid, with the field, for hours that no wave could keep to. Both ends None means at any time."""
    if start is None and end is None:
        return
    if start is None or end is None:
        field = "hours_from" if start is None else "hours_to"
        raise Invalid("Say from when and until when people may be called.", field)
    if not days:
        raise Invalid("Choose at least one day.", "hours_days")
    if not set(days) <= set(range(7)) or not 0 <= start < DAY or end > DAY:
        raise Invalid("These are not hours of a week.", "hours_days")
    if end <= start:
        raise Invalid("The hours must end after they start.", "hours_to")
    if end - start < SHORTEST:
        raise Invalid(f"Allow at least {SHORTEST} minutes a day, or hardly anybody can be called.", "hours_to")
    if provider_retries:
        words = "The provider chooses when to call again and keeps to no hours. Let Callboard do it, or choose 0 more tries."
        raise Invalid(words, "retry_by")


def open_until(hours: Hours, zones: Collection[str], at: datetime) -> datetime | None:
    """How long from now on it stays inside the hours in all the zones; None when it is not now. At most FURTHEST is looked ahead."""
    at = at.astimezone(UTC)
    latest = at + FURTHEST
    if not _is_open(hours, zones, at):
        return None
    while at < latest and _is_open(hours, zones, at):
        at = _next_change(hours, zones, at)
    return min(at, latest)


def opens_at(hours: Hours, zones: Collection[str], at: datetime, at_least: timedelta = timedelta(0)) -> datetime | None:
    """The first instant from `at` on at which it is inside the hours in all the zones, and stays so `at_least` that long.

    None when there is none within FURTHEST: there are places whose days never meet.
    """
    at = at.astimezone(UTC)
    latest = at + FURTHEST
    while at <= latest:
        until = open_until(hours, zones, at)
        if until is not None and until - at >= at_least:
            return at
        at = until or _next_change(hours, zones, at)
    return None


def open_time_ends(hours: Hours, zones: Collection[str], at: datetime, length: timedelta) -> datetime | None:
    """When it has been inside the hours for `length` since `at`; None when that takes more than a year."""
    latest = at + timedelta(days=366)
    opening = opens_at(hours, zones, at)
    while opening is not None and opening < latest:
        until = open_until(hours, zones, opening) or opening
        if until - opening >= length:
            return opening + length
        length -= until - opening
        opening = opens_at(hours, zones, until)
    return None


@cache
def place(zone: str) -> ZoneInfo:
    """Kept for good: the library itself forgets all but a few, and reads their files again. KeyError for no zone."""
    try:
        return ZoneInfo(zone)
    except (ValueError, OSError):
        raise KeyError(zone) from None


def _is_open(hours: Hours, zones: Collection[str], at: datetime) -> bool:
    return all(_is_inside(hours, at.astimezone(place(zone))) for zone in zones)


def _is_inside(hours: Hours, local: datetime) -> bool:
    return local.weekday() in hours.days and hours.start <= local.hour * 60 + local.minute < hours.end


def _next_change(hours: Hours, zones: Collection[str], at: datetime) -> datetime:
    """No clock of these zones enters or leaves the hours before this instant."""
    return min(_next_edge(hours, place(zone), at) for zone in zones)


def _next_edge(hours: Hours, zone: ZoneInfo, at: datetime) -> datetime:
    """When this clock next shows the start, the end or midnight, or is set to another time, whichever comes first."""
    shown = at.astimezone(zone).replace(tzinfo=None)
    midnight = shown.replace(hour=0, minute=0, second=0, microsecond=0)
    edges = (midnight + timedelta(minutes=minute) for minute in (hours.start, hours.end, DAY))
    then = at + min(edge - shown for edge in edges if edge > shown)
    return then if _offset(zone, then) == _offset(zone, at) else _set_at(zone, at, then)


def _set_at(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the clock was set, somewhere after `before`: halved until it is found."""
    early, late = int(before.timestamp()), int(after.timestamp()) + 1
    while late - early > 1:
        middle = (early + late) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC)) == _offset(zone, before):
            early = middle
        else:
            late = middle
    return datetime.fromtimestamp(late, UTC)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def clock_words(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def days_words(days: Collection[int]) -> str:
    """Neighbours are drawn together: "Mon–Fri, Sun"."""
    if len(set(days)) == len(DAYS):
        return "Every day"
    runs: list[list[int]] = []
    for day in sorted(set(days)):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        DAYS[run[0]] + (f"{'–' if len(run) > 2 else ', '}{DAYS[run[-1]]}" if run[1:] else "") for run in runs
    )


def instant_words(at: datetime, zone: str, now: datetime) -> str:
    """ "09:00 on Thursday", by the clock of the zone; with the date where Thursday is not the next one."""
    local = at.astimezone(place(zone))
    far = local.date() - now.astimezone(place(zone)).date() > timedelta(days=6)
    return f"{local:%H:%M} on {local:%A}" + (f", {local.day} {local:%B}" if far else "")
