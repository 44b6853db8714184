"""Lists: each row of a file is judged once, stored with its reason, and counted in exactly one box."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.launch import lock_campaign, require_draft
from core.models import Campaign, ContactList, Row
from core.phone import clean, visible
from core.states import CALLABLE_VERDICTS, RowVerdict

MOST_ROWS = 1_000_000
MOST_BYTES = 100 * 1024 * 1024
# A batch is judged outside any transaction and written in one that stays far below 100 ms.
BATCH = 1000
PAGE = 20
# An import tells of itself with every batch; one that has been silent for this long was killed.
SILENT_IMPORT = timedelta(seconds=120)
WORKING = ("waiting", "importing")


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row as it will be stored. `reason` says what was repaired or what is wrong."""

    row_number: int
    cells: list[Any]
    verdict: RowVerdict
    reason: str = ""
    number: str | None = None
    caller_id: str | None = None
    time_zone: str | None = None


class Judge:
    """Judges the rows of one list, in their order: of a number's rows the first is kept, the others are duplicates."""

    def __init__(self, country: str, mapping: Mapping[str, Any], columns: int = 0):
        self.country = country
        self.mapping = mapping
        self.columns = columns
        self.counts: Counter[str] = Counter(dict.fromkeys(RowVerdict, 0))
        self.empty: Counter[int] = Counter()
        self.emptiest: tuple[int, int] | None = None  # (filled cells, row number) of a callable row
        self._seen: dict[int, int] = {}

    def judge(self, row_number: int, cells: list[Any]) -> JudgedRow:
        row = self._judge(row_number, cells)
        self.counts[row.verdict] += 1
        if row.verdict in CALLABLE_VERDICTS:
            self._note_gaps(row)
        return row

    def gaps(self) -> dict[str, int]:
        """How many callable rows have nothing in a column, by column. (Keys are texts, as JSON has them.)"""
        return {str(column): rows for column, rows in sorted(self.empty.items())}

    def _judge(self, row_number: int, cells: list[Any]) -> JudgedRow:
        cleaned = clean(_cell(cells, self.mapping.get("number")), self.country)
        if cleaned.number is None:
            return JudgedRow(row_number, cells, RowVerdict.INVALID, cleaned.reason)
        caller, problem = self._caller_id(cells)
        if problem:
            return JudgedRow(row_number, cells, RowVerdict.INVALID, problem, cleaned.number)
        zone, zone_words = _zone(_cell(cells, self.mapping.get("time_zone")))
        reason = "; ".join(filter(None, (cleaned.reason, zone_words)))[:255]
        first = self._seen.setdefault(int(cleaned.number[1:]), row_number)
        if first != row_number:
            return JudgedRow(
                row_number, cells, RowVerdict.DUPLICATE, f"The same number as in row {first}.", cleaned.number
            )
        verdict = RowVerdict.REPAIRED if reason else RowVerdict.READY
        return JudgedRow(row_number, cells, verdict, reason, cleaned.number, caller, zone)

    def _caller_id(self, cells: list[Any]) -> tuple[str | None, str]:
        text = _cell(cells, self.mapping.get("caller_id"))
        if not text.strip():
            return None, ""
        cleaned = clean(text, self.country)
        return cleaned.number, "" if cleaned.number else f"Caller id: {cleaned.reason}"

    def _note_gaps(self, row: JudgedRow) -> None:
        filled = 0
        width = max(len(row.cells), self.columns)
        for column in range(width):
            if _cell(row.cells, column):
                filled += 1
            else:
                self.empty[column] += 1
        if self.emptiest is None or filled < self.emptiest[0]:
            self.emptiest = (filled, row.row_number)


def _cell(cells: Sequence[Any], column: int | None) -> str:
    if column is None or column >= len(cells) or cells[column] is None:
        return ""
    return str(cells[column])


@lru_cache(4096)
def _zone(name: str) -> tuple[str | None, str]:
    """An IANA zone by its name, and what to say where there is none."""
    if not name:
        return None, ""
    try:
        return ZoneInfo(name).key, ""
    except (KeyError, ValueError, OSError):
        return None, f"the time zone “{visible(name)}” is not known and was left out"


def new_list(session: Session, campaign: Campaign, now: datetime, country: str = "US") -> ContactList:
    contact_list = ContactList(campaign_id=campaign.id, country=country, changed_at=now)
    session.add(contact_list)
    session.flush()
    return contact_list


def list_of(session: Session, campaign_id: int) -> ContactList:
    contact_list = session.scalar(select(ContactList).where(ContactList.campaign_id == campaign_id))
    if contact_list is None:
        raise NotFound("There is no such list.")
    return contact_list


def lock_list(session: Session, campaign_id: int) -> ContactList:
    """The list of a draft, locked until the end of the transaction; from launch, or from asking for approval, it is immutable."""
    campaign = lock_campaign(session, campaign_id)
    require_draft(campaign)
    contact_list = session.scalar(
        select(ContactList).where(ContactList.campaign_id == campaign_id).with_for_update()
        .execution_options(populate_existing=True)
    )  # fmt: skip
    return contact_list or new_list(session, campaign, campaign.created_at)


def accept_file(
    contact_list: ContactList, *, source: str, filename: str, stored_as: str, size: int, country: str, now: datetime
) -> str | None:
    """A new file takes the place of the old one; returns the old one's stored name, to be removed after the commit."""
    old = contact_list.stored_as
    contact_list.source, contact_list.filename = source, filename[-255:]
    contact_list.stored_as, contact_list.size_bytes, contact_list.country = stored_as, size, country
    contact_list.reading, contact_list.headers, contact_list.mapping = {}, [], {}
    read_again(contact_list, now)
    return old


def read_again(contact_list: ContactList, now: datetime) -> None:
    """Whatever was read is void: an import that runs finds its claim gone, and the list waits for the next one."""
    contact_list.state = "waiting" if contact_list.stored_as else "empty"
    contact_list.import_claim = contact_list.import_started_at = contact_list.problem = None
    contact_list.rows_read, contact_list.counts = 0, {}
    touch(contact_list, now)


def touch(contact_list: ContactList, now: datetime) -> None:
    contact_list.version += 1
    contact_list.changed_at = now


def change_reading(contact_list: ContactList, asked: Mapping[str, Any], country: str, now: datetime) -> None:
    """Read the file again in another way (separator, encoding, header, sheet), or its numbers as another country's.

    In another way the columns may be others, so the mapping is guessed anew.
    """
    used = contact_list.reading.get("used") or {}
    if any(used.get(name) != value for name, value in asked.items()):
        contact_list.reading = {"asked": dict(asked)}
        contact_list.mapping = {}
    elif country == contact_list.country:
        return
    contact_list.country = country
    read_again(contact_list, now)


def change_mapping(contact_list: ContactList, mapping: Mapping[str, Any], now: datetime) -> None:
    """Names of variables change at once; another number, caller id or zone column judges every row again."""
    old, contact_list.mapping = contact_list.mapping, dict(mapping)
    same = all(old.get(name) == mapping.get(name) for name in ("number", "caller_id", "time_zone"))
    if same and contact_list.state == "ready":
        touch(contact_list, now)
    else:
        read_again(contact_list, now)


def _is_waiting(now: datetime) -> ColumnElement[bool]:
    silent = and_(ContactList.state == "importing", ContactList.changed_at < now - SILENT_IMPORT)
    return or_(ContactList.state == "waiting", silent)


def waiting_lists(session: Session, now: datetime) -> list[int]:
    """Lists whose import nobody does: not begun yet, or its process was killed."""
    return list(session.scalars(select(ContactList.id).where(_is_waiting(now)).order_by(ContactList.id)))


def claim_import(session: Session, list_id: int, claim: str, now: datetime) -> bool:
    """Take the import of a waiting list; False when another one has it, or there is nothing to do."""
    taken = session.execute(
        update(ContactList)
        .where(ContactList.id == list_id, _is_waiting(now))
        .values(state="importing", import_claim=claim, import_started_at=now, changed_at=now, rows_read=0)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def still_claimed(session: Session, list_id: int, claim: str, now: datetime, **values: Any) -> bool:
    """Tell of progress; False when the claim is gone, and then nothing more may be written."""
    told = session.execute(
        update(ContactList)
        .where(ContactList.id == list_id, ContactList.import_claim == claim)
        .values(changed_at=now, **values)
    )
    return bool(told.rowcount)  # type: ignore[attr-defined]


def drop_rows(session: Session, list_id: int, limit: int = 2 * BATCH) -> int:
    """Remove up to `limit` rows of a list; returns how many. Repeat, each in a transaction of its own, until 0."""
    some = select(Row.row_number).where(Row.list_id == list_id).limit(limit)
    dropped = session.execute(delete(Row).where(Row.list_id == list_id, Row.row_number.in_(some)))
    return int(dropped.rowcount)  # type: ignore[attr-defined]


def store_rows(session: Session, list_id: int, rows: Iterable[JudgedRow]) -> None:
    """Insert judged rows. Callers with many of them do it in batches of `BATCH`, each in a transaction of its own."""
    values = [
        {
            "list_id": list_id, "row_number": row.row_number, "cells": row.cells, "verdict": row.verdict.value,
            "reason": row.reason, "number": row.number, "caller_id": row.caller_id, "time_zone": row.time_zone,
        }
        for row in rows
    ]  # fmt: skip
    if values:
        session.execute(insert(Row), values)


def problem_rows(session: Session, list_id: int) -> Iterator[Row]:
    """Every row that will not be called, in the file's order, read a page at a time."""
    after = 0
    while True:
        query = (
            select(Row)
            .where(Row.list_id == list_id, Row.verdict.not_in(CALLABLE_VERDICTS), Row.row_number > after)
            .order_by(Row.row_number)
            .limit(BATCH)
        )
        rows = list(session.scalars(query))
        if not rows:
            return
        yield from rows
        after = rows[-1].row_number
        session.expunge_all()


def rows_page(
    session: Session, list_id: int, verdict: str | None = None, after: int = 0
) -> tuple[list[Row], int | None]:
    """A page of rows in the file's order, and the row number to continue after (None on the last page)."""
    query = select(Row).where(Row.list_id == list_id, Row.row_number > after).order_by(Row.row_number).limit(PAGE + 1)
    if verdict:
        query = query.where(Row.verdict == verdict)
    rows = list(session.scalars(query))
    return rows[:PAGE], rows[PAGE - 1].row_number if len(rows) > PAGE else None
