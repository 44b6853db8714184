"""What asking the provider comes to: typed answers instead of exceptions, and the small readings that all of them share."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Generic, TypeVar

from core.facts import CallFact

Value = TypeVar("Value")

A_DAY = 86_400.0
LIST_NAMES = ("calls", "campaigns", "data", "items", "results")


class Asked(StrEnum):
    """What one GET came to. `NOT_OFFERED` is 404, 405 and 501: an unknown id looks like an unknown route."""

    OK = "ok"
    NOT_OFFERED = "not_offered"
    REFUSED = "refused"
    KEY_REFUSED = "key_refused"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """`value` is there exactly when `kind` is OK; `words` is one sentence for people; `retry_after` is in seconds."""

    kind: Asked
    value: Value | None = None
    words: str = ""
    http_status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class CallPage:
    """One page of an agent's calls; `next_offset` is None on the last. `skipped` counts what was no call record."""

    calls: tuple[CallFact, ...]
    next_offset: int | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """A tenant's limits and their use, as far as the provider told them."""

    monthly_call_limit: int | None = None
    calls_used_this_month: int | None = None
    calls_remaining: int | None = None
    max_concurrent_calls: int | None = None
    current_active_calls: int | None = None
    concurrent_calls_remaining: int | None = None
    quota_exceeded: bool | None = None
    status: str | None = None


def read_json(body: bytes) -> object:
    """The body's value, or None for whatever is not JSON (null included): nothing of ours is ever answered with null."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


def read_list(value: object, depth: int = 2) -> list[object] | None:
    """A bare list, or the one that an object holds under a usual name; None where there is none."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and depth:
        for name in LIST_NAMES:
            found = read_list(value.get(name), depth - 1)
            if found is not None:
                return found
    return None


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by `Retry-After`, given in seconds or as an HTTP date; at most a day, None where it is unreadable."""
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", told):
        return min(float(told[:12]), A_DAY)
    try:
        at = parsedate_to_datetime(told)
        seconds = (at - now).total_seconds() if at.tzinfo else (at - now.replace(tzinfo=None)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), A_DAY)


def read_quota(value: object) -> Quota | None:
    """The documented fields, bare or under `data` or `quota`; None where not one of them is there."""
    if not isinstance(value, Mapping):
        return None
    record = next((value[name] for name in ("data", "quota") if isinstance(value.get(name), Mapping)), value)
    known = {name: _of_kind(record.get(name), kind) for name, kind in QUOTA_KINDS.items()}
    if all(each is None for each in known.values()):
        return None
    return Quota(**known)  # type: ignore[arg-type]


QUOTA_KINDS: dict[str, type] = {
    "monthly_call_limit": int,
    "calls_used_this_month": int,
    "calls_remaining": int,
    "max_concurrent_calls": int,
    "current_active_calls": int,
    "concurrent_calls_remaining": int,
    "quota_exceeded": bool,
    "status": str,
}


def _of_kind(value: object, kind: type) -> object:
    """The value if it is exactly of that kind: True is no number here."""
    return value if type(value) is kind else None
