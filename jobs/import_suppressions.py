"""The job that reads a file of numbers into the do-not-call list; a fenced child opens it, as it does lists."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.database import writing
from core.errors import DatabaseBusy
from core.models import SuppressionImport
from core.suppression_imports import (
    Judge,
    claim_import,
    columns_of,
    judge_rows,
    note_end,
    still_claimed,
    store_rows,
)
from jobs.fenced import Reader, Unreadable, place_of, read_file
from jobs.import_list import BROKEN
from jobs.list_tasks import ClaimLost
from jobs.runtime import now, session_scope

log = logging.getLogger(__name__)

NO_NUMBERS = "No column looks like phone numbers. Give that column the name “number”, or choose another file."
Rows = list[tuple[int, list[str]]]


def import_suppressions(import_id: int) -> None:
    """Import one file. Run twice, or again after a kill, it goes on behind the rows that are counted."""
    claim = str(uuid4())
    with session_scope() as session:
        with writing(session):
            if not claim_import(session, import_id, claim, now()):
                return
        try:
            run_import(session, import_id, claim)
        except ClaimLost:
            log.info("the import %s into the do-not-call list was cancelled or taken over", import_id)
        except Unreadable as problem:
            finish(session, import_id, claim, state="failed", problem=str(problem))
        except (DatabaseBusy, OperationalError):
            raise  # nothing is wrong with the file: once this run has been silent for long enough, another takes it over
        except Exception:
            log.exception("the import %s into the do-not-call list broke", import_id)
            finish(session, import_id, claim, state="failed", problem=BROKEN)


def run_import(session: Session, import_id: int, claim: str) -> None:
    asked = session.get_one(SuppressionImport, import_id, populate_existing=True)
    stored_as, done = asked.stored_as, asked.rows_read
    country, reason, expires_at = asked.country, asked.reason, asked.expires_at
    session.rollback()
    with read_file(stored_as, {}) as reader:
        columns = columns_of(reader.headers, reader.sample)
        if columns is None:
            raise Unreadable(NO_NUMBERS)
        judge = Judge(columns, country, reason, expires_at, now())
        for rows in behind(done, reader):
            judged = judge_rows(judge, rows)
            with writing(session):
                if not store_rows(session, import_id, claim, judged, now()):
                    raise ClaimLost
    finish(session, import_id, claim, state="ready")


def behind(done: int, reader: Reader) -> Iterator[Rows]:
    """The batches of rows that come after the first `done` rows."""
    for rows in reader.raw_batches():
        if rest := rows[done:]:
            yield rest
        done = max(0, done - len(rows))


def finish(session: Session, import_id: int, claim: str, **values: Any) -> None:
    """Whatever came of it: the file with its numbers is not kept any longer."""
    with writing(session):
        path = place_of(session.get_one(SuppressionImport, import_id, populate_existing=True).stored_as)
        if not still_claimed(session, import_id, claim, now(), import_claim=None, stored_as=None, **values):
            return  # cancelled, or taken over, in this moment
        note_end(session, import_id, now())
    path.unlink(missing_ok=True)
