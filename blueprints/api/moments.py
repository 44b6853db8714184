"""Moments in a request: RFC 3339 texts with an offset, since a time without a zone means another moment to everybody."""

import re
from datetime import UTC, datetime

from core.schedule import EARLIEST_YEAR, LATEST_YEAR

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


def read_moment(text: str) -> datetime:
    """The moment in UTC. ValueError says, in words for people, what is wrong."""
    match = MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("Write it as in 2026-11-24T09:00:00Z.")
    if match[3] is None:
        raise ValueError("Say which zone it is in: add Z, or an offset such as +02:00.")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such day or time.") from None
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"The year should be between {EARLIEST_YEAR} and {LATEST_YEAR}.")
    return moment
