"""What was read from where: each thing that a delivery tells us, with its place in the body, for a person who looks for a mistake."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from provider import fields, words
from provider.fields import Paths, Record

MOST_SHOWN = 20
LONGEST_VALUE = 200

# What is read of a call, and of a campaign, in the order of the page. `provider/webhook.py` reads with the same tables.
_CALL: tuple[tuple[str, Paths, Callable[[object], object]], ...] = (
    ("Call", fields.CALL_ID, fields.word),
    ("Number", fields.NUMBER, fields.number),
    ("Status", fields.STATUS, fields.word),
    ("Outcome", fields.OUTCOMES, fields.word),
    ("Answered by", fields.ANSWERED_BY, fields.word),
    ("What follows", fields.NEXT_ACTION, fields.word),
    ("Began", fields.STARTED_AT, fields.instant),
    ("Ended", fields.ENDED_AT, fields.instant),
    ("Told at", fields.TOLD_AT, fields.instant),
    ("Seconds", fields.SECONDS, fields.amount),
    ("Milliseconds", fields.MILLISECONDS, fields.amount),
    ("Minutes", fields.MINUTES, fields.amount),
    ("Recording", fields.RECORDING, fields.link),
    ("Summary", fields.SUMMARY, fields.summary),
    ("Transcript", fields.TRANSCRIPT, fields.transcript),
    ("Sentiment", fields.SENTIMENT, fields.sentiment),
)
_CAMPAIGN: tuple[tuple[str, Paths, Callable[[object], object]], ...] = (
    ("Campaign", fields.CAMPAIGN_ID, fields.word),
    ("Calls begun", fields.INITIATED, fields.count),
    ("Calls completed", fields.COMPLETED, fields.count),
    ("Calls failed", fields.FAILED, fields.count),
)
_ARE_WORDS = ("Event", "Status", "Outcome", "Answered by", "What follows")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing in words of the page, its place ("data.call.to_number"), the value there, and what that means where it is a word."""

    name: str
    place: str
    value: str
    meaning: str | None = None


def explain(body: bytes, extra_words: Mapping[str, words.Meaning] = words.NO_WORDS) -> list[list[Found]]:
    """For each event of the body what was found in it, the first ones only; nothing where the body cannot be read."""
    try:
        document = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return []
    if isinstance(document, dict):
        inside = fields.listed(document) if not _named(_places(document, without="campaign")) else []
        events = [document, *inside] if inside else [document]
    else:
        events = fields.records_of(document) if isinstance(document, list) else []
    return [list(_event(event, extra_words)) for event in events[:MOST_SHOWN]]


def _named(places: list[tuple[str, Record]]) -> bool:
    return next(_found(places, "", fields.CALL_ID, fields.word), None) is not None


def _event(record: Record, extra_words: Mapping[str, words.Meaning]) -> Iterator[Found]:
    places = _places(record, without="campaign")
    for found in _found([("", record)], "Event", fields.EVENT, fields.word):
        yield _with_meaning(found, extra_words)
        break
    if not _named(places):  # a bare `id` further out is the event's own
        yield from _found(places[:1], "Call", fields.BARE_ID, fields.word)
    for table, around in ((_CALL, places), (_CAMPAIGN, _places(record, without="call"))):
        for name, paths, convert in table:
            told = list(_found(around, name, paths, convert))
            # Several words may speak of how a call ended; of all else the first is believed.
            for found in told if name == "Outcome" else told[:1]:
                yield _with_meaning(found, extra_words)
    yield from _references(places)


def _places(record: Record, without: str, path: str = "", depth: int = 4) -> list[tuple[str, Record]]:
    """The record and what its wrappers hold, innermost first, each with its path: `provider.fields.layers` with names."""
    inside: list[tuple[str, Record]] = []
    for name in fields.WRAPPERS if depth else ():
        held = record.get(name)
        if isinstance(held, dict) and name != without:
            inside += _places(held, without, f"{path}{name}.", depth - 1)
    return [*inside, (path, record)]


def _found(
    places: list[tuple[str, Record]], name: str, paths: Paths, convert: Callable[[object], object]
) -> Iterator[Found]:
    for path in paths:
        for where, record in places:
            told: object = record
            for step in path:
                told = told.get(step) if isinstance(told, dict) else None
            if told is not None and convert(told) is not None:
                yield Found(name, f"{where}{'.'.join(path)}", _short(told))


def _references(places: list[tuple[str, Record]]) -> Iterator[Found]:
    for where, record in places:
        for holder in ("", *fields.REF_HOLDERS):
            held = record.get(holder) if holder else record
            if isinstance(held, dict) and (ref := fields.word(held.get(fields.REF))):
                yield Found("Our reference", f"{where}{holder + '.' if holder else ''}{fields.REF}", ref)
                return


def _with_meaning(found: Found, extra_words: Mapping[str, words.Meaning]) -> Found:
    if found.name not in _ARE_WORDS:
        return found
    if found.name == "Event":  # its name may say no more than that something happened
        meaning = words.meaning_of(found.value, extra_words, is_event=True)
        return Found(found.name, found.place, found.value, str(meaning) if meaning else None)
    return Found(found.name, found.place, found.value, str(words.meaning_of(found.value, extra_words) or "unknown"))


def _short(told: object) -> str:
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False, default=str)
    return fields.storable(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…", LONGEST_VALUE)
