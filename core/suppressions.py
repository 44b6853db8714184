"""The do-not-call list: numbers are put on it, looked for, taken along and removed. Who is barred by it is asked in core/bars.py."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, not_, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.bars import batches, in_force
from core.database import LONGEST_NAME, breathe
from core.errors import Invalid, NotFound
from core.lookups import PAGE, Page, page_of
from core.models import Suppression
from core.phone import NO_COUNTRY, clean_or_form
from core.schedule import LATEST_YEAR, end_of_day
from core.tables import plain_cell, trimmed

LONGEST_REASON = 255
# So many numbers are written in one statement, or taken from one form or one request of a program.
MOST_AT_ONCE = 1000
BATCH = 500
FEWEST_DIGITS = 3
# To read so many numbers takes some milliseconds; then others served by this process get a turn.
TURN = 100
SOURCES = ("person", "file", "api", "call")
_BETWEEN_DIGITS = re.compile(r"[\s()./+-]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A number (E.164) to be put on the list, why, and until when (None: for good)."""

    number: str
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What came of putting numbers on the list: `known` were barred already, `changed` of them now longer or with a reason."""

    added: int
    known: int
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for. `shown` is in_force, expired or all; "" leaves the other questions open."""

    shown: str = "all"
    source: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """What somebody typed, and why it is no number."""

    text: str
    reason: str


def read_numbers(lines: Iterable[str], country: str) -> tuple[list[str], list[Unread]]:
    """The numbers in lines of any writing, each once, and the lines that are none."""
    numbers, unread = [], []
    for place, line in enumerate(lines):
        if place % TURN == 0:
            breathe()
        cleaned = clean_or_form(line, country)
        if cleaned.number is None:
            unread.append(Unread(line, cleaned.reason))
        else:
            numbers.append(cleaned.number)
    return list(dict.fromkeys(numbers)), unread


def plain_reason(text: str) -> str:
    """A reason as it is kept: one line, and without the apostrophe that our own CSV puts before what looks like a formula."""
    one_line = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())
    return plain_cell(trimmed(one_line))


def checked_reason(text: str) -> str:
    """The plain reason of a form or a program; Invalid (field "reason") when it is too long."""
    if len(reason := plain_reason(text)) > LONGEST_REASON:
        raise Invalid(f"At most {LONGEST_REASON} characters.", "reason")
    return reason


def cut_reason(text: str) -> str:
    """A reason that nobody typed here, of any length."""
    reason = plain_reason(text)
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"


def checked_end(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Invalid (field "expires_at") for an end that has come already: such an entry would bar nobody."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("This day is over. Choose a later one, or none.", "expires_at")
    return expires_at


def end_after(last_day: date | None) -> datetime | None:
    """When an entry ends whose last day, in UTC, is this one; Invalid (field "expires_at") for a year beyond reason."""
    if last_day is not None and last_day.year > LATEST_YEAR:
        raise Invalid(f"The year should be at most {LATEST_YEAR}.", "expires_at")
    return None if last_day is None else end_of_day(last_day)


def last_day(expires_at: datetime) -> date:
    """The last day, in UTC, on which the number is barred, or the day in which that ends."""
    return (expires_at.astimezone(UTC) - timedelta(microseconds=1)).date()


def add_numbers(
    session: Session, numbers: Iterable[str], reason: str, expires_at: datetime | None, source: str, actor: Actor, now: datetime
) -> Added:  # fmt: skip
    """Put numbers (E.164) on the list. Adding again never weakens: the later end counts, and a reason that is there stays.

    Invalid (field "reason" or "expires_at") when nothing can be added so.
    """
    reason, expires_at = checked_reason(reason), checked_end(expires_at, now)
    entries = [Entry(number, reason, expires_at) for number in numbers]
    done = put(session, entries, source, actor, now)
    if done.added or done.changed:
        only = find(session, entries[0].number) if len(entries) == 1 else None
        after = {
            "reason": reason,
            "expires_at": expires_at,
            "source": source,
            "added": done.added,
            "there_already": done.known,
        }
        words = f"{actor.name} put {_numbers(done.added + done.changed)} on the do-not-call list."
        note(
            session, actor, "suppression.add", "suppression", only.id if only else None, now, summary=words, after=after
        )
    return done


def put(session: Session, entries: Sequence[Entry], source: str, actor: Actor, now: datetime) -> Added:
    """Write entries without an entry in the audit log: for those who add one for all of many calls of this."""
    strongest: dict[str, Entry] = {}
    for entry in entries:
        held = strongest.get(entry.number)
        strongest[entry.number] = entry if held is None else _both(held, entry)
    # In the order of the numbers: two transactions that write the same ones must not wait for each other.
    rows = [_row(strongest[number], source, actor, now) for number in sorted(strongest)]
    statement = _upsert(session, now)
    added = changed = 0
    for some in batches(rows, MOST_AT_ONCE):
        written = session.execute(statement, some).all()
        fresh = sum(created_at == now for _, created_at in written)
        added, changed = added + fresh, changed + len(written) - fresh
    return Added(added, len(entries) - added, changed)


def _row(entry: Entry, source: str, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "number": entry.number, "reason": entry.reason, "expires_at": entry.expires_at, "source": source, "created_at": now,
        "created_by": actor.name[:LONGEST_NAME], "created_by_id": actor.person_id, "api_token_id": actor.api_token_id,
    }  # fmt: skip


def _both(first: Entry, second: Entry) -> Entry:
    """The same number twice in one go: as if the second had been added after the first."""
    ends = (first.expires_at, second.expires_at)
    end = None if ends[0] is None or ends[1] is None else max(ends[0], ends[1])
    return Entry(first.number, first.reason or second.reason, end)


def _upsert(session: Session, now: datetime) -> Any:
    """Insert, or strengthen what is there; returns (id, since) of the rows that were written, and only of those.

    `over` is an entry that bars nobody any more: it begins anew. Of the others the end moves only to later, a reason is filled
    in only where there was none.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(Suppression)
    old, new = Suppression, statement.excluded
    over = not_(in_force(now))
    lasts_longer = and_(old.expires_at.is_not(None), or_(new.expires_at.is_(None), new.expires_at > old.expires_at))
    fills_in = and_(old.reason == "", new.reason != "")
    begins_anew = ("source", "created_at", "created_by", "created_by_id", "api_token_id")
    return statement.on_conflict_do_update(
        index_elements=["number"],
        set_={
            "expires_at": case((lasts_longer, new.expires_at), else_=old.expires_at),
            "reason": case((or_(over, fills_in), new.reason), else_=old.reason),
            **{name: case((over, new[name]), else_=getattr(old, name)) for name in begins_anew},
        },
        where=or_(lasts_longer, fills_in),
    ).returning(Suppression.id, Suppression.created_at)


def remove(session: Session, suppression_id: int, actor: Actor, now: datetime) -> str:
    """Take an entry off the list; returns its number, which may be called again. NotFound when it is not there (any more)."""
    gone = session.execute(
        delete(Suppression)
        .where(Suppression.id == suppression_id)
        .returning(Suppression.number, Suppression.reason, Suppression.expires_at, Suppression.source)
    ).first()
    if gone is None:
        raise NotFound("This number is not on the do-not-call list.")
    before = {"reason": gone.reason, "expires_at": gone.expires_at, "source": gone.source}
    words = f"{actor.name} took a number off the do-not-call list; it may be called again."
    note(session, actor, "suppression.remove", "suppression", suppression_id, now, summary=words, before=before)
    return str(gone.number)


def find(session: Session, number: str) -> Suppression | None:
    """The entry of a number in E.164, in force or over."""
    return session.scalar(select(Suppression).where(Suppression.number == number))


def get(session: Session, suppression_id: int) -> Suppression:
    entry = session.get(Suppression, suppression_id)
    if entry is None:
        raise NotFound("This number is not on the do-not-call list.")
    return entry


def entries_of(session: Session, numbers: Iterable[str]) -> Sequence[Suppression]:
    """The entries of at most MOST_AT_ONCE numbers, in the numbers' order."""
    query = select(Suppression).where(Suppression.number.in_(set(numbers))).order_by(Suppression.number)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def entries_page(
    session: Session, wanted: Filter, before: int | None, now: datetime, most: int = PAGE
) -> Page[Suppression]:
    """Newest first; `before` is the id that the previous page ended with."""
    rows = session.scalars(_older(_query(wanted, now), before).limit(most + 1)).all()
    return page_of(rows, most, lambda entry: entry.id)


def count_entries(session: Session, wanted: Filter, now: datetime) -> int:
    return session.scalar(select(func.count()).select_from(Suppression).where(*_conditions(wanted, now))) or 0


def all_entries(session: Session, wanted: Filter, now: datetime) -> Iterator[Sequence[Suppression]]:
    """Every entry that fits, newest first, in batches; no transaction is open while the caller handles one."""
    query, before = _query(wanted, now), None
    while batch := session.scalars(_older(query, before).limit(BATCH)).all():
        session.expunge_all()
        session.rollback()
        yield batch
        before = batch[-1].id


def _query(wanted: Filter, now: datetime) -> Select[Suppression]:
    return select(Suppression).where(*_conditions(wanted, now)).order_by(Suppression.id.desc())


def _older(query: Select[Suppression], before: int | None) -> Select[Suppression]:
    return query if before is None else query.where(Suppression.id < before)


def _conditions(wanted: Filter, now: datetime) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.shown == "in_force":
        conditions.append(in_force(now))
    if wanted.shown == "expired":
        conditions.append(not_(in_force(now)))
    if wanted.source:
        conditions.append(Suppression.source == wanted.source)
    if wanted.text:
        conditions.append(_holds(wanted.text))
    return conditions


def _holds(text: str) -> ColumnElement[bool]:
    """The number itself in any writing with its country; else digits anywhere in it (a national zero is not one), or words."""
    if number := clean_or_form(text, NO_COUNTRY).number:
        return Suppression.number == number
    in_reason = func.lower(Suppression.reason).contains(text.lower(), autoescape=True)
    digits = _BETWEEN_DIGITS.sub("", text).lstrip("0")
    if digits.isascii() and digits.isdigit() and len(digits) >= FEWEST_DIGITS:
        return or_(Suppression.number.contains(digits, autoescape=True), in_reason)
    return in_reason


def _numbers(count: int) -> str:
    return "a number" if count == 1 else f"{count:,} numbers"
