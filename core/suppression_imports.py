"""Files of numbers for the do-not-call list: each row is judged, and taken or told with its reason; a job does the work."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, Actor, note
from core.columns import guess_mapping, reason_and_end_columns
from core.database import LONGEST_NAME
from core.errors import Conflict, Invalid, NotFound
from core.lists import SILENT_IMPORT, WORKING
from core.models import SuppressionImport
from core.phone import clean_or_form, visible
from core.suppressions import Entry, checked_end, checked_reason, cut_reason, end_after, put

PROBLEMS_KEPT = 20
RECENT = 5
_GERMAN_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


class LeftOut(Exception):
    """A row that cannot be taken: the cell that is to blame, and why."""

    def __init__(self, cell: str, reason: str):
        super().__init__(cell, reason)
        self.cell, self.reason = visible(cell), reason


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of the file is what; None where there is none."""

    number: int
    reason: int | None
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Judge:
    """Makes an entry of a row. Without a reason of its own a row has the form's; without a column for it, the form's end too."""

    columns: Columns
    country: str
    reason: str
    expires_at: datetime | None
    now: datetime

    def judge(self, cells: Sequence[str]) -> Entry:
        """LeftOut says why the row cannot be taken."""
        cell = _cell(cells, self.columns.number)
        cleaned = clean_or_form(cell, self.country)
        if cleaned.number is None:
            raise LeftOut(cell, cleaned.reason)
        reason = cut_reason(_cell(cells, self.columns.reason)) or self.reason
        return Entry(cleaned.number, reason, self._end(cells))

    def _end(self, cells: Sequence[str]) -> datetime | None:
        if self.columns.expires_at is None:
            return self.expires_at
        cell = _cell(cells, self.columns.expires_at)
        try:
            return checked_end(read_end(cell), self.now)
        except Invalid:
            raise LeftOut(cell, "This day is over, so the row would bar nobody.") from None
        except ValueError:
            raise LeftOut(cell, "This is not a day. Write it like 2026-12-31.") from None


@dataclass(frozen=True, slots=True)
class Judged:
    """Some rows of a file: the entries to be put on the list, and [row number, cell, reason] of those that cannot be."""

    entries: list[Entry]
    problems: list[list[Any]]


def judge_rows(judge: Judge, rows: Iterable[tuple[int, Sequence[str]]]) -> Judged:
    judged = Judged([], [])
    for row_number, cells in rows:
        try:
            judged.entries.append(judge.judge(cells))
        except LeftOut as row:
            judged.problems.append([row_number, row.cell, row.reason])
    return judged


def columns_of(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns | None:
    """By their names and by what stands in them; None where no column looks like numbers."""
    number = guess_mapping(headers, rows)["number"]
    return None if number is None else Columns(number, *reason_and_end_columns(headers, number))


def read_end(text: str) -> datetime | None:
    """2026-12-31, 31.12.2026 (the whole day, in UTC), or an exact moment; None for an empty cell. ValueError for anything else."""
    if not text:
        return None
    if german := _GERMAN_DAY.fullmatch(text):
        return end_after(date(int(german[3]), int(german[2]), int(german[1])))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None and moment.time() == time.min:  # a day, as spreadsheets write it
        return end_after(moment.date())
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such moment") from None


def _cell(cells: Sequence[str], column: int | None) -> str:
    return "" if column is None or column >= len(cells) else str(cells[column])


def begin_import(
    session: Session, stored_as: str, filename: str, country: str, reason: str, last_day: date | None, actor: Actor, now: datetime
) -> SuppressionImport:  # fmt: skip
    """Keep that this file waits for its import. Invalid (field "reason" or "expires_at") names what is wrong with the form's own."""
    begun = SuppressionImport(
        stored_as=stored_as, filename=filename[-255:], country=country, reason=checked_reason(reason),
        expires_at=checked_end(end_after(last_day), now), created_at=now, created_by=actor.name[:LONGEST_NAME],
        created_by_id=actor.person_id, changed_at=now, problems=[],
    )  # fmt: skip
    session.add(begun)
    session.flush()
    after = {"file": begun.filename, "country": country, "reason": begun.reason, "expires_at": begun.expires_at}
    words = f"{actor.name} gave a file of numbers for the do-not-call list."
    note(session, actor, "suppression.import", "suppression_import", begun.id, now, summary=words, after=after)
    return begun


def get_import(session: Session, import_id: int) -> SuppressionImport:
    found = session.get(SuppressionImport, import_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such import.")
    return found


def recent_imports(session: Session) -> Sequence[SuppressionImport]:
    """Newest first."""
    return session.scalars(select(SuppressionImport).order_by(SuppressionImport.id.desc()).limit(RECENT)).all()


def cancel_import(session: Session, import_id: int, actor: Actor, now: datetime) -> str | None:
    """What was added stays; its process finds its claim gone. Returns the file's stored name, to be removed. Conflict: it is over."""
    ended = session.execute(
        update(SuppressionImport)
        .where(SuppressionImport.id == import_id, SuppressionImport.state.in_(WORKING))
        .values(state="cancelled", import_claim=None, changed_at=now)
    )
    found = get_import(session, import_id)
    if not ended.rowcount:  # type: ignore[attr-defined]
        raise Conflict("This import is over already.")
    words = f"{actor.name} cancelled an import into the do-not-call list; what it had added stays."
    note(
        session,
        actor,
        "suppression.cancel_import",
        "suppression_import",
        import_id,
        now,
        summary=words,
        after=_counts(found),
    )
    stored_as, found.stored_as = found.stored_as, None
    return stored_as


def waiting_imports(session: Session, now: datetime) -> list[int]:
    """Imports that nobody does: not begun yet, or their process was killed."""
    query = select(SuppressionImport.id).where(_is_waiting(now)).order_by(SuppressionImport.id)
    return list(session.scalars(query))


def claim_import(session: Session, import_id: int, claim: str, now: datetime) -> bool:
    """Take a waiting import, to go on where its counts say that it was; False when another one has it, or it is over."""
    taken = session.execute(
        update(SuppressionImport)
        .where(SuppressionImport.id == import_id, _is_waiting(now))
        .values(state="importing", import_claim=claim, changed_at=now)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def still_claimed(session: Session, import_id: int, claim: str, now: datetime, **values: Any) -> bool:
    """Tell of progress; False when the claim is gone, and then nothing more may be written."""
    told = session.execute(
        update(SuppressionImport)
        .where(SuppressionImport.id == import_id, SuppressionImport.import_claim == claim)
        .values(changed_at=now, **values)
    )
    return bool(told.rowcount)  # type: ignore[attr-defined]


def store_rows(session: Session, import_id: int, claim: str, judged: Judged, now: datetime) -> bool:
    """Put judged rows on the list, and count them in the same transaction: run again, an import goes on behind them.

    False when the claim is gone; the caller then rolls back.
    """
    held = session.get_one(SuppressionImport, import_id, populate_existing=True)
    done = put(session, judged.entries, "file", Actor(held.created_by, held.created_by_id), now)
    return still_claimed(
        session, import_id, claim, now,
        rows_read=held.rows_read + len(judged.entries) + len(judged.problems), added=held.added + done.added,
        known=held.known + done.known, invalid=held.invalid + len(judged.problems),
        problems=[*held.problems, *judged.problems][:PROBLEMS_KEPT],
    )  # fmt: skip


def note_end(session: Session, import_id: int, now: datetime) -> None:
    """What came of the file."""
    found = get_import(session, import_id)
    words = f"{found.added:,} of {found.rows_read:,} rows of a file are new on the do-not-call list."
    if not found.rows_read:
        words = "A file for the do-not-call list could not be read."
    after = _counts(found) | ({"problem": found.problem} if found.problem else {})
    note(session, CALLBOARD, "suppression.imported", "suppression_import", import_id, now, summary=words, after=after)


def _is_waiting(now: datetime) -> ColumnElement[bool]:
    silent = and_(SuppressionImport.state == "importing", SuppressionImport.changed_at < now - SILENT_IMPORT)
    return or_(SuppressionImport.state == "waiting", silent)


def _counts(found: SuppressionImport) -> dict[str, Any]:
    return {"rows": found.rows_read, "added": found.added, "there_already": found.known, "left_out": found.invalid}
