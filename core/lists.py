"""Lists: where their rows come from, how they are read and judged, and whose turn the work on them is."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound
from core.launch import lock_campaign, require_draft
from core.models import Campaign, ContactList, RememberedColumns
from core.states import CALLABLE_VERDICTS

MOST_BYTES = 100 * 1024 * 1024
# An import tells of itself with every batch; one that has been silent for this long was killed.
SILENT_IMPORT = timedelta(seconds=120)
WORKING = ("waiting", "importing")
# What brings rows in; the other tasks work on those that are there.
BRINGING = ("read", "copy", "unreached")


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


def callable_count(contact_list: ContactList) -> int:
    """How many people a launch would call."""
    return sum(int(contact_list.counts.get(verdict, 0)) for verdict in CALLABLE_VERDICTS)


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
    old = _begin_anew(contact_list, "read", source)
    contact_list.filename, contact_list.stored_as = filename[-255:], stored_as
    contact_list.size_bytes, contact_list.country = size, country
    work_again(contact_list, now)
    return old


def take_rows(
    contact_list: ContactList, task: str, source_id: int, name: str, states: Sequence[str], now: datetime
) -> str | None:
    """The rows of another list ("copy"), or those of a campaign whose people ended in these states ("unreached"), come in.

    Returns the stored name of the file that was there before, to be removed after the commit.
    """
    old = _begin_anew(contact_list, task, "list" if task == "copy" else "campaign")
    contact_list.source_id, contact_list.source_states, contact_list.filename = source_id, list(states), name[:255]
    work_again(contact_list, now)
    return old


def _begin_anew(contact_list: ContactList, task: str, source: str) -> str | None:
    old, contact_list.stored_as = contact_list.stored_as, None
    contact_list.task, contact_list.source, contact_list.source_id = task, source, None
    contact_list.source_states, contact_list.size_bytes = [], 0
    contact_list.reading, contact_list.headers, contact_list.mapping, contact_list.edited = {}, [], {}, 0
    return old


def accept_correction(contact_list: ContactList, stored_as: str, now: datetime) -> None:
    """A corrected file of problem rows, to be laid over the rows that are there. Conflict while they are worked on."""
    if contact_list.state != "ready":
        raise Conflict("The list is being worked on. Wait until that is done.")
    contact_list.task, contact_list.correction = "correct", stored_as
    work_again(contact_list, now)


def cancel_import(contact_list: ContactList, now: datetime) -> str | None:
    """Whatever comes in is left: the list is empty again. Returns the stored name of its file. Conflict when it is too late."""
    if contact_list.state not in WORKING or contact_list.task not in BRINGING:
        raise Conflict("The list is read already.")
    old = _begin_anew(contact_list, "read", "")
    contact_list.filename = ""
    work_again(contact_list, now)
    return old


def work_again(contact_list: ContactList, now: datetime) -> None:
    """The list waits for its task; whoever is at work on it finds the claim gone."""
    has_rows = contact_list.task not in BRINGING or contact_list.source_id or contact_list.stored_as
    contact_list.state = "waiting" if has_rows else "empty"
    contact_list.import_claim = contact_list.import_started_at = contact_list.problem = None
    contact_list.rows_read, contact_list.rows_expected, contact_list.counts = 0, None, {}
    touch(contact_list, now)


def judge_again(contact_list: ContactList, now: datetime) -> None:
    """Rows that are there are judged anew, corrections and all; a list that is still on its way comes in anew."""
    if contact_list.state == "ready":
        contact_list.task = "judge"
    work_again(contact_list, now)


def touch(contact_list: ContactList, now: datetime) -> None:
    contact_list.version += 1
    contact_list.changed_at = now


def change_reading(contact_list: ContactList, asked: Mapping[str, Any], now: datetime) -> None:
    """Read the file again in another way (separator, encoding, header, sheet).

    Then the columns may be others, so the mapping is guessed anew; what was corrected here is lost.
    """
    used = contact_list.reading.get("used") or {}
    if any(used.get(name) != value for name, value in asked.items()):
        contact_list.reading, contact_list.mapping = {"asked": dict(asked)}, {}
        contact_list.task, contact_list.edited = "read", 0
        work_again(contact_list, now)


def change_rules(contact_list: ContactList, country: str, keep: str, now: datetime) -> bool:
    """Judge by another country of numbers without one, or by another rule for duplicates; False when nothing is different."""
    if (country, keep) == (contact_list.country, contact_list.keep):
        return False
    contact_list.country, contact_list.keep = country, keep
    if contact_list.state != "empty":
        judge_again(contact_list, now)
    return True


def change_mapping(session: Session, contact_list: ContactList, mapping: Mapping[str, Any], now: datetime) -> None:
    """Names of variables change at once; another number, caller id, zone or country column judges every row again.

    It is remembered for the next file with the same header.
    """
    old, contact_list.mapping = contact_list.mapping, dict(mapping)
    remembered = RememberedColumns(header_hash=header_hash(contact_list.headers), mapping=dict(mapping),
                                   country=contact_list.country, used_at=now)  # fmt: skip
    session.merge(remembered)
    same = all(old.get(name) == mapping.get(name) for name in ("number", "caller_id", "time_zone", "country"))
    if same and contact_list.state == "ready":
        touch(contact_list, now)
    else:
        judge_again(contact_list, now)


def remembered_mapping(session: Session, headers: Sequence[str]) -> dict[str, Any] | None:
    """What a person said last about the columns of such a file."""
    remembered = session.get(RememberedColumns, header_hash(headers))
    return dict(remembered.mapping) if remembered is not None else None


def header_hash(headers: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(headers)).encode()).hexdigest()


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
