"""Instants as seconds since the epoch inside, as ISO text with an offset outside."""

import re
from datetime import UTC, datetime

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")


def iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> float:
    """The instant an RFC 3339 text names; ValueError for anything else, a time without an offset included."""
    if not RFC3339.fullmatch(text):
        raise ValueError("not a date-time with an offset")
    moment = datetime.fromisoformat(text).timestamp()
    iso(moment)
    return moment
