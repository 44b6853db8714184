"""Local times of named zones as instants, and how long calling is likely to take."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo, available_timezones

from core.errors import Invalid
from core.models import Campaign

TYPICAL_CALL = timedelta(minutes=2)
SHORT_CALL, LONG_CALL = timedelta(seconds=45), timedelta(minutes=3)
# Whoever is called again does so for about half of the list: the long end of the range.
CALLED_AGAIN = 0.5


@dataclass(frozen=True, slots=True)
class Start:
    """An instant for a local time; `twice` when the clocks showed that time twice, and the first one was taken."""

    at: datetime
    twice: bool = False


def start_of(local: datetime, zone: str) -> Start:
    """The instant of a naive local time in an IANA zone. Invalid for a time that the clocks skip there."""
    place = zone_info(zone)
    first = local.replace(tzinfo=place, fold=0)
    instant = first.astimezone(UTC)
    if instant.astimezone(place).replace(tzinfo=None) != local:
        after = instant.astimezone(place).replace(tzinfo=None)
        raise Invalid(
            f"The clocks in {zone} skip {local:%H:%M} on {local:%-d %B %Y}. The next time there is {after:%H:%M}.",
            "start_local",
        )
    second = local.replace(tzinfo=place, fold=1)
    return Start(instant, first.utcoffset() != second.utcoffset())


def zone_info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Invalid("Choose a time zone of the list.", "zone") from None


def zone_names() -> list[str]:
    """The zones people live in, UTC first; without the old names that say no place."""
    places = {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
    return ["UTC", *sorted(name for name in available_timezones() if name.split("/")[0] in places)]


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
