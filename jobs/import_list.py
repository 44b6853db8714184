"""The job that works on a list: it claims it, does the task that waits there (jobs/list_tasks.py), and says what came of it."""

import logging
from contextlib import suppress
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import OperationalError

from core.bars import waiting_elsewhere
from core.database import writing
from core.errors import DatabaseBusy
from core.list_edits import note_import
from core.lists import claim_import
from core.models import ContactList
from core.row_store import callable_numbers
from jobs.fenced import Unreadable
from jobs.list_tasks import TASKS, ClaimLost, Work, end_correction, open_work
from jobs.runtime import now, session_scope

log = logging.getLogger(__name__)

BROKEN = "Something in this file broke its reading. The fault is ours, and it is in the log; saving it as CSV may help."


def import_list(list_id: int) -> None:
    """Do what waits to be done to one list. Run twice, or again after a kill, it still leaves each row once."""
    claim = str(uuid4())
    with session_scope() as session:
        with writing(session):
            if not claim_import(session, list_id, claim, now()):
                return
        work = open_work(session, list_id, claim)
        try:
            run(work)
        except ClaimLost:
            log.info("the import of list %s was taken over", list_id)
        except Unreadable as problem:
            fail(work, str(problem))
        except (DatabaseBusy, OperationalError):
            raise  # nothing is wrong with the list: once this run has been silent for long enough, another takes it over
        except Exception:
            log.exception("the import of list %s broke", list_id)
            fail(work, BROKEN)


def run(work: Work, problem: str | None = None) -> None:
    """Do the task. `problem` is a sentence about what went before, for the page of a list that is ready all the same."""
    reading = TASKS[work.task](work)
    columns = len(work.session.get_one(ContactList, work.list_id, populate_existing=True).headers)
    elsewhere = waiting_elsewhere(work.session, callable_numbers(work.session, work.list_id), work.campaign_id)
    reading |= {"elsewhere": elsewhere, "gaps": work.judge.gaps(columns), "emptiest": work.judge.emptiest()}
    finish(work, state="ready", counts=dict(work.judge.counts), reading=reading, judged_at=work.began, problem=problem)


def fail(work: Work, problem: str) -> None:
    """A file that cannot be a list leaves none; one that cannot be a correction leaves the list, judged again, as it was."""
    if work.task == "correct":
        work = open_work(work.session, work.list_id, work.claim)
        work.task = "judge"
        with suppress(ClaimLost):
            end_correction(work)
            run(work, problem)
    else:
        finish(work, state="failed", problem=problem)


def finish(work: Work, **values: Any) -> None:
    with suppress(ClaimLost), writing(work.session):
        work.own(import_claim=None, version=ContactList.version + 1, **values)
        note_import(work.session, work.list_id, now())
