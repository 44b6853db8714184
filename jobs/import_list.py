"""The job that imports a list: a fenced child reads the file, this process judges its rows and stores them in short writes."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.columns import guess_mapping
from core.database import writing
from core.errors import DatabaseBusy
from core.list_edits import note_import
from core.lists import Judge, claim_import, drop_rows, still_claimed, store_rows
from core.models import Campaign, ContactList
from jobs.queue import LISTS, TIME_LIMITS
from jobs.runtime import now, session_scope, settings

log = logging.getLogger(__name__)

READING_SECONDS = TIME_LIMITS[LISTS] - 60
HOUSE = Path(__file__).resolve().parent.parent
DAMAGED = "The file could not be read: it is damaged, or far larger inside than it looks. Save it as CSV and try again."
BROKEN = "Something in this file broke its reading. The fault is ours, and it is in the log; saving it as CSV may help."
NO_NUMBERS = "No column looks like phone numbers. Choose the column yourself, or another file."


class ClaimLost(Exception):
    """The list was changed, or another process has taken its import over: nothing more may be written."""


class Unreadable(Exception):
    """The import failed; the message says why, to a person."""


def import_list(list_id: int) -> None:
    """Import one list. Run twice, or again after a kill, it still leaves each row once."""
    claim = str(uuid4())
    with session_scope() as session:
        with writing(session):
            if not claim_import(session, list_id, claim, now()):
                return
        try:
            run_import(session, list_id, claim)
        except ClaimLost:
            log.info("the import of list %s was taken over", list_id)
        except Unreadable as problem:
            finish(session, list_id, claim, state="failed", problem=str(problem))
        except (DatabaseBusy, OperationalError):
            raise  # nothing is wrong with the list: once this run has been silent for long enough, another takes it over
        except Exception:
            log.exception("the import of list %s broke", list_id)
            finish(session, list_id, claim, state="failed", problem=BROKEN)


def run_import(session: Session, list_id: int, claim: str) -> None:
    remove_rows(session, list_id, claim)
    contact_list = session.get_one(ContactList, list_id)
    path = settings().data_dir / "uploads" / Path(contact_list.stored_as or "missing").name
    asked = dict(contact_list.reading.get("asked") or {})
    session.rollback()
    with read_file(path, asked) as messages:
        opening = next(messages)
        judge = begin(session, list_id, claim, opening, asked)
        blank = store_all(session, list_id, claim, judge, messages)
    reading = {
        "asked": asked, "used": opening["used"], "sample": opening["sample"][:20], "blank": blank, "gaps": judge.gaps(),
        "emptiest": judge.emptiest[1] if judge.emptiest else None,
    }  # fmt: skip
    finish(session, list_id, claim, state="ready", counts=dict(judge.counts), reading=reading)


def remove_rows(session: Session, list_id: int, claim: str) -> None:
    """What an earlier run stored goes, in short writes."""
    removed = 1
    while removed:
        with writing(session):
            own(session, list_id, claim)
            removed = drop_rows(session, list_id)


def own(session: Session, list_id: int, claim: str, **values: Any) -> None:
    if not still_claimed(session, list_id, claim, now(), **values):
        raise ClaimLost


def begin(session: Session, list_id: int, claim: str, opening: dict[str, Any], asked: dict[str, Any]) -> Judge:
    """Keep what was detected, so that the page can show it, and judge by the person's mapping or a guessed one."""
    contact_list = session.get_one(ContactList, list_id)
    campaign = session.get_one(Campaign, contact_list.campaign_id)
    needed = campaign.agent.variables if campaign.agent else []
    mapping = contact_list.mapping or guess_mapping(opening["headers"], opening["sample"], needed)
    country = contact_list.country
    reading = {"asked": asked, "used": opening["used"], "sample": opening["sample"][:20]}
    with writing(session):
        own(session, list_id, claim, headers=opening["headers"], mapping=mapping, reading=reading)
    if mapping.get("number") is None:
        raise Unreadable(NO_NUMBERS)
    return Judge(country, mapping, len(opening["headers"]))


def store_all(session: Session, list_id: int, claim: str, judge: Judge, messages: Iterator[dict[str, Any]]) -> int:
    """Store every row; returns how many blank rows were between them."""
    read = 0
    for message in messages:
        if "end" in message:
            return int(message["end"]["blank"])
        rows = [judge.judge(row_number, cells) for row_number, cells in message["rows"]]
        read += len(rows)
        with writing(session):
            own(session, list_id, claim, rows_read=read)
            store_rows(session, list_id, rows)
    raise Unreadable(DAMAGED)


def finish(session: Session, list_id: int, claim: str, **values: Any) -> None:
    with suppress(ClaimLost), writing(session):
        own(session, list_id, claim, import_claim=None, version=ContactList.version + 1, **values)
        note_import(session, list_id, now())


@contextmanager
def read_file(path: Path, asked: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
    """The messages of a child that reads the file: without our environment, and ended with this block or after its time."""
    if not path.is_file():
        raise Unreadable("The uploaded file is no longer there. Upload it again.")
    command = [sys.executable, "-m", "jobs.reading", str(path), json.dumps(asked)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(  # noqa: S603 (our own interpreter and module; the path is ours, the rest is JSON)
        command, cwd=HOUSE, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        timer = Timer(READING_SECONDS, child.kill)
        timer.daemon = True
        timer.start()
        try:
            yield messages_of(child)
        finally:
            timer.cancel()
            child.kill()


def messages_of(child: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """What the child tells, line by line; Unreadable when it refuses the file, or dies of it."""
    assert child.stdout is not None
    for line in child.stdout:
        try:
            message = json.loads(line)
        except ValueError:
            break
        if "problem" in message:
            raise Unreadable(message["problem"])
        yield message
    raise Unreadable(DAMAGED)
