"""Local times of named zones as instants, and how long calling is likely to take."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from math import ceil
from zoneinfo import ZoneInfo, available_timezones

from core.errors import Invalid
from core.models import Campaign

TYPICAL_CALL = timedelta(minutes=2)
# So long may a wave that is cut wait for its claim.
FRESH = timedelta(seconds=60)
# A process that is handing a wave over has died if it says nothing for so long; its job cannot live longer.
SUBMITTING_LIMIT = timedelta(seconds=120)
# So long evidence is looked for before a person is asked.
SETTLE_TIME = timedelta(minutes=15)
# Beyond these, some database or some zone has no such day, and a length of time added to it goes nowhere.
EARLIEST_YEAR, LATEST_YEAR = 2000, 2200
SHORT_CALL, LONG_CALL = timedelta(seconds=45), timedelta(minutes=3)
# Whoever is called again does so for about half of the list: the long end of the range.
CALLED_AGAIN = 0.5


def end_of_day(day: date) -> datetime:
    """The instant, in UTC, at which this day is over."""
    return datetime.combine(day, time.min, UTC) + timedelta(days=1)


def start_of(local: datetime, zone: str) -> datetime:
    """The instant of a naive local time in an IANA zone: of a time that the clocks show twice, the first.

    Invalid for a time that the clocks skip there, and for a year beyond reason.
    """
    if not EARLIEST_YEAR <= local.year <= LATEST_YEAR:
        raise Invalid(f"The year should be between {EARLIEST_YEAR} and {LATEST_YEAR}.", "start_local")
    place = zone_info(zone)
    instant = local.replace(tzinfo=place, fold=0).astimezone(UTC)
    shown = instant.astimezone(place).replace(tzinfo=None)
    if shown != local:
        day = f"{local.day} {local:%B %Y}"
        raise Invalid(
            f"The clocks in {zone} skip {local:%H:%M} on {day}. Choose {shown:%H:%M}, for example.", "start_local"
        )
    return instant


def moment_words(at: datetime, zone: str) -> str:
    """An instant as the clocks of a zone show it: "27 Nov 2026, 09:00 (Europe/Berlin)"."""
    return f"{at.astimezone(zone_info(zone)):%-d %b %Y, %H:%M} ({zone})"


def shown_twice(at: datetime, zone: str) -> bool:
    """Do the clocks of this zone show the local time of this instant twice?"""
    local = at.astimezone(zone_info(zone))
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def zone_info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Invalid("Choose a time zone of the list.", "zone") from None


@cache
def zone_names() -> tuple[str, ...]:
    """The zones people live in, UTC first; without the old names that say no place. Kept: the library looks through its files."""
    places = {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
    return ("UTC", *sorted(name for name in available_timezones() if name.split("/")[0] in places))


def span(length: timedelta) -> str:
    """A length of time in words: "3 h 10 min", "45 s", "2 d 4 h"."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = ceil(seconds / 60) if seconds % 60 > 30 else seconds // 60
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def wave_length(people: int, lines: int) -> timedelta:
    """How long a wave of so many people is expected to take."""
    return ceil(people / max(1, min(people, lines))) * TYPICAL_CALL


def calls_an_hour(lines: int) -> int:
    return lines * int(timedelta(hours=1) / TYPICAL_CALL)


def expected_length(campaign: Campaign, people: int) -> tuple[timedelta, timedelta]:
    """The shortest and the longest that calling `people` is likely to take: short calls once, or long calls and all retries."""
    rounds = ceil(people / campaign.lines) if people else 0
    low = rounds * SHORT_CALL
    high = rounds * LONG_CALL
    if campaign.retry_attempts and people:
        again = ceil(people * CALLED_AGAIN / campaign.lines) * LONG_CALL
        gap = timedelta(minutes=campaign.retry_gap_minutes if campaign.retry_by == "us" else 0)
        high += campaign.retry_attempts * (again + gap)
    return low, high
