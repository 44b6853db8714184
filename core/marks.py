"""The high-water mark of submissions: counted here, and written outside the database before each POST.

A restored database does not know whom it called since; a copied one does not know that it is a copy. Both are found out by what
stands outside. jobs/marks.py writes and reads that; here stands what follows from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.models import Campaign, Setting, Wave

SUBMISSIONS = "submissions"


@dataclass(frozen=True, slots=True)
class Mark:
    """So many submissions were begun by this installation."""

    installation: str
    number: int


@dataclass(frozen=True, slots=True)
class KnownSubmission:
    """One submission as it is written down outside: whom it handed over, in which campaign."""

    number: int
    at: datetime
    campaign_id: int
    campaign_name: str
    ordinal: int
    numbers: tuple[str, ...]


class Finding(StrEnum):
    FINE = "fine"
    AHEAD = "ahead"
    STRANGE = "strange"


def judge(ours: Mark | None, outside: Sequence[Mark | None]) -> Finding:
    """Is this the database that the submissions written down outside were made from, and the newest state of it?

    `ours` is None before the first submission. What is behind agrees: the process that was to write it down may have died.
    """
    same = [
        mark.number
        for mark in outside
        if mark is not None and ours is not None and mark.installation == ours.installation
    ]
    if ours is None:
        return Finding.FINE
    if any(number > ours.number for number in same):
        return Finding.AHEAD
    return Finding.FINE if same or ours.number == 0 else Finding.STRANGE


def mark_of(session: Session) -> Mark | None:
    """The database's own mark. Only reads; None before anything of it was ever needed."""
    stored = session.scalar(select(Setting.value).where(Setting.name == SUBMISSIONS))
    return Mark(stored["installation"], stored["mark"]) if stored else None


def ensure_mark(session: Session, outside: Sequence[Mark | None] = ()) -> Mark:
    """The mark, made on first use. A database of an older version counts the submissions it knows of; it may be an old backup of
    whoever wrote the marks outside, so it takes the name of the highest, which `judge` then compares. One without campaigns is new.
    """
    highest = max((mark for mark in outside if mark), key=lambda mark: mark.number, default=None)
    is_new = session.scalar(select(Campaign.id).limit(1)) is None
    row = _locked(session, highest.installation if highest and not is_new else None)
    return Mark(row.value["installation"], row.value["mark"])


def next_mark(session: Session) -> Mark:
    """Count one submission more, in the transaction of its claim: the last lock that it takes."""
    row = _locked(session)
    row.value = row.value | {"mark": row.value["mark"] + 1}
    session.flush()
    return Mark(row.value["installation"], row.value["mark"])


def raise_mark(session: Session, number: int) -> Mark:
    """At least so many submissions were made, whatever this database knows of them."""
    row = _locked(session)
    row.value = row.value | {"mark": max(number, row.value["mark"])}
    session.flush()
    return Mark(row.value["installation"], row.value["mark"])


def _locked(session: Session, installation: str | None = None) -> Setting:
    mine = select(Setting).where(Setting.name == SUBMISSIONS).with_for_update()
    row = session.scalar(mine.execution_options(populate_existing=True))
    if row is None:
        made = session.scalar(select(func.sum(Wave.submissions))) or 0
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        fresh = {"name": SUBMISSIONS, "value": {"installation": installation or str(uuid4()), "mark": made}}
        session.execute(insert(Setting).values(fresh).on_conflict_do_nothing())
        row = session.scalars(mine.execution_options(populate_existing=True)).one()
    return row
