"""Where the provider's records keep what, under all the names in use, and how a value becomes one we can store."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

Record = Mapping[str, object]
Paths = tuple[tuple[str, ...], ...]
Value = TypeVar("Value")


def _paths(names: str) -> Paths:
    """`"call_id|call.id"` as the table of `first`: the names in the order in which they are tried."""
    return tuple(tuple(name.split(".")) for name in names.split("|"))


WRAPPERS = ("call", "campaign", "data", "payload", "message", "event")
LISTS = ("events", "calls", "data", "payload", "records", "items", "campaigns")

EVENT = _paths("event|event_type|eventType|type|message.type|event.type|kind")

CALL_ID = _paths("call_id|callId|call.id|call_sid")
BARE_ID = _paths("id")
NUMBER = _paths("to_number|to|phone_number|phone|customer_phone|customer.number|number|toNumber|user_phone_number")
FROM_NUMBER = _paths("from_number|fromNumber|from|caller_id")
DIRECTION = _paths("direction|call_direction")
STATUS = _paths("call_status|callStatus|status")
OUTCOMES = _paths(
    "disposition|outcome|call_outcome|ended_reason|endedReason|end_reason|hangup_reason|hangup_cause"
    "|disconnection_reason|failure_reason|error_message"
)
ANSWERED_BY = _paths("answered_by|answeredBy")
NEXT_ACTION = _paths("next_action|nextAction")
SECONDS = _paths("duration_seconds|duration|duration_sec|call_duration|durationSeconds")
MILLISECONDS = _paths("duration_ms|durationMs")
MINUTES = _paths("call_duration_minutes")
RECORDING = _paths("recording_url|recordingUrl|recording.url")
SUMMARY = _paths("summary|ai_summary.summary|analysis.summary")
TRANSCRIPT = _paths("transcript")
SENTIMENT = _paths("sentiment|sentiment_score")
STARTED_AT = _paths("started_at|startedAt")
ENDED_AT = _paths("ended_at|endedAt")
TOLD_AT = _paths("occurred_at|timestamp|created_at")

SAID = _paths("text|content|message")
SPEAKER = _paths("role|speaker")

CAMPAIGN_ID = _paths("campaign_id|campaignId|campaign.id")
CAMPAIGN_STATUS = _paths("campaign_status|status")
CAMPAIGN_NAME = _paths("name|campaign_name")
TOTAL = _paths("total_targets|total")
INITIATED = _paths("calls_initiated|initiated")
COMPLETED = _paths("calls_completed|completed")
FAILED = _paths("calls_failed|failed")

REF = "callboard_ref"
REF_HOLDERS = ("context", "metadata", "variables", "custom_args_values", "dynamic_variables")

# PostgreSQL refuses NUL, and UTF-8 has no lone surrogates; JSON can bring both.
NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")
NUMBER_PUNCTUATION = re.compile(r"[\s().\-\u2010-\u2015]")
LOOKS_LIKE_A_NUMBER = re.compile(r"\+?[0-9]{4,15}")
LINK = re.compile(r"https://[^\s\x00-\x20\x7f\"'<>\\`]+", re.IGNORECASE)
PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
LONGEST_CALL = 86_400.0
LARGEST_COUNT = 10**9


class Places(tuple[Record, ...]):
    """Records in the order in which they are looked at, with an index of what they hold: most names are in none of them."""

    held: dict[str, list[object]]

    def __new__(cls, records: Iterable[Record]) -> "Places":
        places = super().__new__(cls, records)
        held: dict[str, list[object]] = {}
        places.held = held
        for record in places:
            for name, value in record.items():
                if name in held:
                    held[name].append(value)
                else:
                    held[name] = [value]
        return places


def layers(record: Record, *, without: str) -> Places:
    """The record and all that its wrappers hold, innermost first; the wrapper `without` is left closed."""
    return Places(_layers(record, without, 4))


def _layers(record: Record, without: str, depth: int) -> Iterator[Record]:
    for name in WRAPPERS if depth else ():
        inner = record.get(name)
        if isinstance(inner, dict) and name != without:
            yield from _layers(inner, without, depth - 1)
    yield record


def listed(record: Record) -> list[Record]:
    """The records of the first list in this one or its wrappers: a batch of events, or a page of calls."""
    for layer in reversed(layers(record, without="")):
        for name in LISTS:
            held = layer.get(name)
            if isinstance(held, list) and held:
                return records_of(held)
    return []


def records_of(values: Sequence[object]) -> list[Record]:
    return [value for value in values if isinstance(value, dict)]


def first(
    places: Places, paths: Paths, convert: Callable[[object], Value | None], *, outermost: bool = False
) -> Value | None:
    """The first value, by name and then by place, that `convert` can make something of."""
    return next(_values(places.held, paths, convert, -1 if outermost else 1), None)


def first_of(record: Record, paths: Paths, convert: Callable[[object], Value | None]) -> Value | None:
    """The same of one record alone."""
    return next(_values({path[0]: [record.get(path[0])] for path in paths}, paths, convert), None)


def every(places: Places, paths: Paths, convert: Callable[[object], Value | None]) -> list[Value]:
    """All such values, in the same order."""
    return list(_values(places.held, paths, convert))


def _values(
    held: Mapping[str, list[object]], paths: Paths, convert: Callable[[object], Value | None], step: int = 1
) -> Iterator[Value]:
    for path in paths:
        if path[0] not in held:
            continue
        for told in held[path[0]][::step]:
            for name in path[1:]:
                told = told.get(name) if isinstance(told, dict) else None
            if told is not None and (value := convert(told)) is not None:
                yield value


def refs(places: Sequence[Record]) -> tuple[str, ...]:
    """Every `callboard_ref` in the places or in what they hold for context, each once."""
    found: list[str] = []
    for place in places:
        for holder in (place, *(place.get(name) for name in REF_HOLDERS)):
            value = word(holder.get(REF)) if isinstance(holder, dict) else None
            if value is not None:
                found.append(value)
    return tuple(dict.fromkeys(found))


def storable(text: str, limit: int) -> str:
    """The text as any database takes it, cut to `limit` characters."""
    return NOT_STORABLE.sub("\ufffd", text[:limit])


def text_up_to(limit: int) -> Callable[[object], str | None]:
    """A converter for free text."""

    def convert(value: object) -> str | None:
        return storable(value.strip(), limit) or None if isinstance(value, str) else None

    return convert


summary = text_up_to(20_000)


def word(value: object) -> str | None:
    """A word, a name or an id: short text, or a whole number that stands for one."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        value = str(value)
    return storable(value.strip(), 200) or None if isinstance(value, str) else None


def number(value: object) -> str | None:
    """A phone number to compare with ours, as in "+1 (415) 555-0123" without the punctuation; anything else as told."""
    told = word(value)
    if told is None:
        return None
    bare = NUMBER_PUNCTUATION.sub("", told.removeprefix("tel:"))
    return bare if is_phone(bare) else told[:64]


def is_phone(number: str | None) -> bool:
    return number is not None and LOOKS_LIKE_A_NUMBER.fullmatch(number) is not None


def amount(value: object) -> float | None:
    """A number from 0 up, or its digits as text."""
    if isinstance(value, str) and PLAIN_NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**18:
        return None
    return float(value)


def count(value: object) -> int | None:
    told = amount(value)
    return int(told) if told is not None and told <= LARGEST_COUNT else None


def duration(places: Places) -> float | None:
    """How long the call was, in seconds, under whichever name and unit; nothing where that is longer than a day."""
    for paths, unit in ((SECONDS, 1.0), (MILLISECONDS, 0.001), (MINUTES, 60.0)):
        for told in every(places, paths, amount):
            if told * unit <= LONGEST_CALL:
                return told * unit
    return None


def instant(value: object) -> datetime | None:
    """An ISO time (UTC where it names no zone), or unix seconds or milliseconds, of this century."""
    unix = amount(value)
    try:
        if unix is not None:
            moment = datetime.fromtimestamp(unix / 1000 if unix >= 10**11 else unix, UTC)
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
        else:
            return None
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if 2000 <= moment.year < 2100 else None


def link(value: object) -> str | None:
    """An https address; anything else, `javascript:` above all, is dropped. It is shown, never fetched."""
    if not isinstance(value, str) or len(value) > 2000 or not LINK.fullmatch(value.strip()):
        return None
    try:
        return storable(value.strip(), 2000) if urlsplit(value.strip()).hostname else None
    except ValueError:
        return None


def sentiment(value: object) -> str | None:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return word(value)


def transcript(value: object) -> str | None:
    """Plain text as it is; a list of turns as one line each, "agent: Good morning"."""
    if isinstance(value, list):
        lines = [line for turn in value[:10_000] if (line := _turn(turn))]
        value = "\n".join(lines)
    return storable(value.strip(), 200_000) or None if isinstance(value, str) else None


def _turn(turn: object) -> str | None:
    if not isinstance(turn, dict):
        return turn if isinstance(turn, str) else None
    said, speaker = first_of(turn, SAID, summary), first_of(turn, SPEAKER, word)
    return f"{speaker}: {said}" if speaker and said else said
