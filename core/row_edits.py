"""A row is corrected in place: it is judged again, and with it whoever else has the number that it had, or has now."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.bars import barred
from core.cleaning import MOST_COLUMNS, Cleaner, filled_cells, plain_json
from core.errors import Conflict, Invalid, NotFound
from core.judging import EMPTIEST, Judge, JudgedRow
from core.lists import lock_list, touch
from core.models import Campaign, ContactList, Row
from core.row_store import rewrite_rows, row_of, rows_with_number
from core.states import CALLABLE_VERDICTS
from core.tables import trimmed

LONGEST_CELL = 32_767


def edit_row(
    session: Session,
    campaign_id: int,
    row_number: int,
    cells: Sequence[str],
    seen: Sequence[str],
    actor: Actor,
    now: datetime,
) -> Row:
    """Give a row of a draft's list these cells, and judge it again.

    `seen` says what the form showed (`seen_of`). Conflict: somebody else changed them meanwhile, or the list is being worked on.
    """
    contact_list = lock_list(session, campaign_id)
    if contact_list.state != "ready":
        raise Conflict("The list is being worked on. Wait until that is done.")
    row = row_of(session, contact_list.id, row_number)
    if row is None:
        raise NotFound("The list has no such row.")
    told = _whole(row.cells, cells)
    if told == _whole(told, row.cells):
        return row
    if contact_list.mapping.get("context") is not None:
        raise Conflict("The rows of this list came from a program, which has to correct them.")
    if seen != seen_of(row):
        raise Conflict("Somebody else has corrected this row since you opened it. Look at it once more.")
    _judge_anew(session, contact_list, row, told, now)
    contact_list.edited += 1
    touch(contact_list, now)
    note(session, actor, "draft.row", "campaign", campaign_id, now, summary=f"{actor.name} corrected a row of the list.",
         after={"row": row_number, "verdict": row.verdict})  # fmt: skip
    return row


def seen_of(row: Row) -> str:
    """The same as long as the row's cells are."""
    return sha256(plain_json(row.cells).encode()).hexdigest()[:20]


def _whole(stored: Sequence[object], cells: Sequence[object]) -> list[str]:
    """The cells as texts, as many as the row has at least."""
    if len(cells) > MOST_COLUMNS or any(len(str(cell)) > LONGEST_CELL for cell in cells):
        raise Invalid(f"A cell holds at most {LONGEST_CELL:,} characters.")
    texts = [trimmed(str(cell or "").replace("\0", "").replace("\r\n", "\n")) for cell in cells]
    return texts + [""] * (len(stored) - len(texts))


def _judge_anew(session: Session, contact_list: ContactList, row: Row, cells: list[str], now: datetime) -> None:
    cleaner = Cleaner(contact_list.country, contact_list.mapping)
    edited = cleaner.clean(row.row_number, cells)
    concerned = {row.row_number: row}
    for number in {row.number, edited.number} - {None}:
        concerned |= {other.row_number: other for other in rows_with_number(session, contact_list.id, str(number))}
    rows = [
        edited if place == row.row_number else cleaner.clean(place, other.cells)
        for place, other in sorted(concerned.items())
    ]
    campaign = session.get_one(Campaign, contact_list.campaign_id)
    numbers = {clean.number for clean in rows if clean.number}
    bars = barred(session, numbers, now, recent_days=campaign.recent_days, campaign_id=campaign.id)
    judged = Judge(contact_list.keep).judge(rows, bars)
    for told in judged:
        _count(contact_list, concerned[told.row_number], told, cells if told.row_number == row.row_number else None)
    rewrite_rows(
        session, contact_list.id, [{**told._asdict(), "cells": concerned[told.row_number].cells} for told in judged]
    )
    session.refresh(row)


def _count(contact_list: ContactList, row: Row, told: JudgedRow, cells: list[str] | None) -> None:
    """Move the row from box to box, and its gaps with it; what was counted of the others stays right."""
    counts, gaps = dict(contact_list.counts), dict(contact_list.reading.get("gaps") or {})
    counts[row.verdict] -= 1
    counts[told.verdict] = counts.get(told.verdict, 0) + 1
    width = max(len(contact_list.headers), len(row.cells))
    for verdict, held, step in ((row.verdict, row.cells, -1), (told.verdict, cells or row.cells, 1)):
        if verdict in CALLABLE_VERDICTS:
            filled = filled_cells(held)
            for column in (column for column in range(width) if not filled >> column & 1):
                gaps[str(column)] = gaps.get(str(column), 0) + step
    emptiest = [*(contact_list.reading.get("emptiest") or []), told.row_number]
    contact_list.counts = counts
    contact_list.reading = contact_list.reading | {
        "gaps": gaps,
        "emptiest": list(dict.fromkeys(emptiest))[-2 * EMPTIEST :],
    }
    if cells is not None:
        row.cells = cells
