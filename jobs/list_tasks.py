"""What can be done to a list: its rows come in from a file, another list or a campaign; or those that are there are judged again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.bars import barred, batches
from core.cleaning import Cleaner, filled_cells
from core.columns import guess_mapping
from core.database import writing
from core.judging import Judge, JudgedRow, as_replaced
from core.lists import remembered_mapping, still_claimed
from core.models import Campaign, ContactList, Row
from core.row_store import all_rows, drop_rows, rewrite_rows, rows_named, store_rows
from core.tables import ROW_COLUMN
from core.unreached import unreached_rows
from jobs.fenced import Unreadable, place_of, read_file
from jobs.runtime import now

NO_NUMBERS = "No column looks like phone numbers. Choose the column yourself, or another file."
NO_ROW_NUMBERS = f"This is not a corrected file of problem rows: it has no column “{ROW_COLUMN}”. Nothing was changed."
NOTHING_KNOWN = "None of the rows in the corrected file are rows of this list. Nothing was changed."


class ClaimLost(Exception):
    """The list was changed, or another process has taken its import over: nothing more may be written."""


@dataclass(slots=True)
class Work:
    """One run over one list, as far as it is. Whatever it writes, it writes under its claim, in short transactions."""

    session: Session
    list_id: int
    claim: str
    country: str
    keep: str
    task: str
    recent_days: int
    campaign_id: int | None
    began: datetime
    judge: Judge = field(init=False)
    rows_read: int = 0

    def __post_init__(self) -> None:
        self.judge = Judge(self.keep)

    def own(self, **values: Any) -> None:
        """Tell of progress, in the caller's transaction. ClaimLost when the list is no longer ours."""
        if not still_claimed(self.session, self.list_id, self.claim, now(), **values):
            raise ClaimLost

    def tell(self, **values: Any) -> None:
        with writing(self.session):
            self.own(**values)

    def judged(self, rows: Sequence[Sequence[Any]]) -> list[JudgedRow]:
        """Read before the transaction that stores them: who is barred is asked again at the launch and as each wave is cut."""
        numbers = {row[3] for row in rows if not row[7]}
        bars = barred(self.session, numbers, self.began, recent_days=self.recent_days, campaign_id=self.campaign_id)
        self.session.rollback()
        self.rows_read += len(rows)
        return self.judge.judge(rows, bars)

    def mark_replaced(self) -> None:
        """Rows that a later one took the place of are duplicates now; where the first one counts there are none."""
        replaced, self.judge.replaced = self.judge.replaced, {}
        for batch in batches(sorted(replaced), 500):
            rows = rows_named(self.session, self.list_id, batch)
            for row in rows:
                self.judge.forget(row.verdict, filled_cells(row.cells))
            rewrite_rows(self.session, self.list_id, [as_replaced(n, replaced[n]) for n in batch])


def open_work(session: Session, list_id: int, claim: str) -> Work:
    contact_list = session.get_one(ContactList, list_id, populate_existing=True)
    campaign = session.get(Campaign, contact_list.campaign_id) if contact_list.campaign_id else None
    work = Work(
        session, list_id, claim, contact_list.country, contact_list.keep, contact_list.task,
        campaign.recent_days if campaign else 0, contact_list.campaign_id, now(),
    )  # fmt: skip
    session.rollback()
    return work


def read_upload(work: Work) -> dict[str, Any]:
    """The rows of the stored file. Returns what is kept of how it was read."""
    asked = dict(_list(work).reading.get("asked") or {})
    stored_as = _list(work).stored_as
    drop_all(work)
    with read_file(stored_as, asked) as reader:
        reading = {"asked": asked, "used": reader.used, "sample": reader.sample[:20]}
        mapping = _mapping_for(work, reader.headers, reader.sample)
        work.tell(headers=reader.headers, mapping=mapping, reading=reading)
        if mapping.get("number") is None:
            raise Unreadable(NO_NUMBERS)
        for rows, expected in reader.batches(work.country, mapping):
            store(work, rows, expected)
        return reading | {"blank": reader.blank}


def copy_list(work: Work) -> dict[str, Any]:
    """The rows of another list, judged anew: much may have happened since it was made."""
    source_id = _list(work).source_id
    source = work.session.get(ContactList, source_id)
    if source is None:
        raise Unreadable("The list that was to be used is no longer there.")
    version, expected = source.version, _count(source)
    reading = _take(work, source, all_rows(work.session, source.id), expected) if source.state == "ready" else {}
    source = work.session.get(ContactList, source_id, populate_existing=True)
    if source is None or (source.state, source.version) != ("ready", version):
        raise Unreadable("The list was changed while it was being kept. Keep it again.")
    return reading


def take_unreached(work: Work) -> dict[str, Any]:
    """Those of a campaign's list whose people ended in the chosen states."""
    campaign_id, states = _list(work).source_id, _list(work).source_states
    assert campaign_id is not None
    source, rows = unreached_rows(work.session, campaign_id, states)
    return _take(work, source, rows, None)


def _take(work: Work, source: ContactList, batches: Iterable[Sequence[Row]], expected: int | None) -> dict[str, Any]:
    reading = {"used": source.reading.get("used") or {}, "sample": source.reading.get("sample") or []}
    mapping, country = dict(source.mapping), source.country
    drop_all(work)
    work.country = country
    work.tell(headers=source.headers, mapping=mapping, reading=reading, country=country)
    cleaner = Cleaner(country, mapping)
    for rows in batches:
        store(work, [cleaner.clean(row.row_number, row.cells) for row in rows], expected)
    if not work.rows_read:
        raise Unreadable("Nobody is left to be taken from there.")
    return reading


def judge_stored(work: Work) -> dict[str, Any]:
    """The rows that are there, corrections and all, by the mapping and the rules of now."""
    contact_list = _list(work)
    reading, expected = dict(contact_list.reading), _count(contact_list)
    cleaner = Cleaner(work.country, contact_list.mapping)
    for batch in all_rows(work.session, work.list_id):
        stored = {row.row_number: row for row in batch}
        rows = [cleaner.clean(row.row_number, row.cells) for row in batch]
        judged = work.judged(rows)
        with writing(work.session):
            work.own(rows_read=work.rows_read, rows_expected=expected)
            rewrite_rows(work.session, work.list_id, [_verdict_of(row) for row in judged if _is_other(row, stored)])
            work.mark_replaced()
    return reading


def _is_other(row: JudgedRow, stored: Mapping[int, Row]) -> bool:
    held = stored[row.row_number]
    return (held.verdict, held.reason, held.number, held.caller_id, held.time_zone) != row[2:]


def _verdict_of(row: JudgedRow) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "cells"}


def correct_rows(work: Work) -> dict[str, Any]:
    """Lay a corrected file over the rows that are there, then judge them all: run twice, it does the same again."""
    contact_list = _list(work)
    headers, correction = list(contact_list.headers), contact_list.correction
    known = edited = 0
    with read_file(correction, {"header": True}) as reader:
        # The file that came in may have such a column too, as one that was once exported here has: ours stands behind it.
        places = [
            i for i, name in enumerate(reader.headers) if name == ROW_COLUMN or name.startswith(f"{ROW_COLUMN} (")
        ]
        if not places:
            raise Unreadable(NO_ROW_NUMBERS)
        place = places[-1]
        columns = {column: headers.index(name) for column, name in enumerate(reader.headers) if name in headers}
        for rows in reader.raw_batches():
            cells = dict(_by_row(rows, place))
            with writing(work.session):
                work.own()
                here = [
                    row
                    for batch in batches(sorted(cells), 500)
                    for row in rows_named(work.session, work.list_id, batch)
                ]
                changed = list(_corrected(here, cells, columns))
                rewrite_rows(work.session, work.list_id, changed)
            known, edited = known + len(here), edited + len(changed)
    if not known:
        raise Unreadable(NOTHING_KNOWN)
    end_correction(work, edited=contact_list.edited + edited)
    return judge_stored(work)


def end_correction(work: Work, **values: Any) -> None:
    """The corrected file has done its part, or cannot: it is not kept, and the rows that are there are judged."""
    correction = _list(work).correction
    work.tell(task="judge", correction=None, **values)
    place_of(correction).unlink(missing_ok=True)


def _by_row(rows: Iterable[tuple[int, list[str]]], place: int) -> Iterator[tuple[int, list[str]]]:
    """The cells of a corrected file by the row they belong to, which stands in column `place`."""
    for _, told in rows:
        named = told[place].replace(",", "") if place < len(told) else ""
        if named.isascii() and named.isdigit() and len(named) < 10:
            yield int(named), told


def _corrected(
    rows: Iterable[Row], cells: Mapping[int, list[str]], columns: Mapping[int, int]
) -> Iterator[dict[str, Any]]:
    """The rows in which something is different now."""
    for row in rows:
        told, now_there = cells[row.row_number], list(row.cells)
        for column, mine in columns.items():
            now_there += [""] * (mine + 1 - len(now_there))
            now_there[mine] = told[column] if column < len(told) else ""
        if now_there != [*row.cells, *[""] * (len(now_there) - len(row.cells))]:
            yield {"row_number": row.row_number, "cells": now_there}


TASKS = {
    "read": read_upload, "copy": copy_list, "unreached": take_unreached, "judge": judge_stored, "correct": correct_rows,
}  # fmt: skip


def store(work: Work, rows: Sequence[Sequence[Any]], expected: int | None) -> None:
    judged = work.judged(rows)
    with writing(work.session):
        work.own(rows_read=work.rows_read, rows_expected=expected)
        work.mark_replaced()
        store_rows(work.session, work.list_id, judged)


def drop_all(work: Work) -> None:
    """What an earlier run stored goes, in short writes."""
    removed = 1
    while removed:
        with writing(work.session):
            work.own()
            removed = drop_rows(work.session, work.list_id)


def _mapping_for(work: Work, headers: list[str], sample: list[list[str]]) -> dict[str, Any]:
    """The person's own, else the one that was chosen for such a file before, else a guess."""
    contact_list = _list(work)
    if contact_list.mapping:
        return dict(contact_list.mapping)
    if remembered := remembered_mapping(work.session, headers):
        return remembered
    campaign = work.session.get(Campaign, contact_list.campaign_id) if contact_list.campaign_id else None
    needed = campaign.agent.variables if campaign and campaign.agent else []
    return guess_mapping(headers, sample, needed)


def _list(work: Work) -> ContactList:
    return work.session.get_one(ContactList, work.list_id)


def _count(contact_list: ContactList) -> int | None:
    return sum(contact_list.counts.values()) or None
