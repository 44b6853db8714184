"""Whose clock says whether a person may be called: the campaign's, their row's, or the one that their number hints at."""

from collections.abc import Sequence
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from core.hours import Hours, check_hours, place
from core.models import Campaign

WHOSE = {
    "campaign": "by the campaign's time zone, {zone}",
    "column": "by each person's own clock, from the list's time zone column",
    "number": "by each person's own clock, guessed from the number",
}


def hours_of(campaign: Campaign) -> Hours | None:
    """None: at any time."""
    if campaign.hours_from is None or campaign.hours_to is None:
        return None
    return Hours(frozenset(campaign.hours_days), campaign.hours_from, campaign.hours_to)


def check_hours_of(campaign: Campaign) -> None:
    """Invalid, with the field, for hours that no wave of this campaign could keep to."""
    retries = campaign.retry_by == "provider" and campaign.retry_attempts > 0
    check_hours(campaign.hours_days, campaign.hours_from, campaign.hours_to, provider_retries=retries)


def zones_of(campaign: Campaign, clock: int) -> Sequence[str]:
    """All of these have to be inside the hours. A list that was launched before there were clocks goes by the campaign's."""
    zones: Sequence[str] = campaign.clocks[clock] if clock < len(campaign.clocks) else [campaign.zone]
    return zones


def hours_words(campaign: Campaign) -> str:
    hours = hours_of(campaign)
    return f"{hours}, {WHOSE[campaign.hours_by].format(zone=campaign.zone)}" if hours else "At any time"


class Clocks:
    """The clocks of a list in the making: few, however many people. The campaign's own is the first."""

    def __init__(self, campaign: Campaign) -> None:
        self.zone = campaign.zone
        self.by = campaign.hours_by if hours_of(campaign) else "campaign"
        self.places: dict[tuple[str, ...], int] = {(self.zone,): 0}
        self.known: dict[tuple[str, ...], int] = {}

    def of(self, number: str, time_zone: str | None) -> int:
        """The place in `zones` of the clock of this person."""
        if self.by == "campaign":
            return 0
        told = guessed_zones(number) if self.by == "number" else (time_zone or self.zone,)
        if told not in self.known:
            zones = tuple(sorted({zone if _is_known(zone) else self.zone for zone in told}))
            self.known[told] = self.places.setdefault(zones, len(self.places))
        return self.known[told]

    @property
    def zones(self) -> list[list[str]]:
        return [list(zones) for zones in self.places]


def guessed_zones(number: str) -> tuple[str, ...]:
    """Where somebody with this number (E.164) may be, by libphonenumber: a mobile of a wide country may be in any of many zones.

    To ask it takes 50 µs, which is a minute for a long list, so whatever makes no difference is not asked twice: most countries
    have one answer, and in North America (+1 415 555 0123) the last four digits say nothing.
    """
    for length in (2, 3, 4):
        if zones := _whole_countries().get(number[:length]):
            return zones
    is_north_american = number.startswith("+1") and len(number) == len("+14155550123")
    return _asked(f"{number[:-4]}0000" if is_north_american else number)


@lru_cache(maxsize=100_000)
def _asked(number: str) -> tuple[str, ...]:
    try:
        zones: tuple[str, ...] = time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return (UNKNOWN_TIMEZONE,)
    return zones


@cache
def _whole_countries() -> dict[str, tuple[str, ...]]:
    """The calling codes whose numbers all have the same zones."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        code = next(prefix[:length] for length in (1, 2, 3) if int(prefix[:length]) in COUNTRY_CODE_TO_REGION_CODE)
        found.setdefault(f"+{code}", set()).add(zones)
    return {code: min(all_zones) for code, all_zones in found.items() if len(all_zones) == 1}


@cache
def _is_known(zone: str) -> bool:
    try:
        place(zone)
    except KeyError:
        return False
    return True
