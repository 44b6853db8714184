"""A draft's list is changed: by a person under its lock, or read by Callboard; each leaves an entry of what changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.audit import CALLBOARD, Actor, changes, note
from core.lists import lock_list
from core.models import Campaign, ContactList

_WORDS = {
    "draft.upload": "gave the draft another list",
    "draft.reading": "changed how the list is read",
    "draft.mapping": "changed which column is what",
    "draft.rules": "changed how the rows are judged",
    "draft.correct": "uploaded corrected rows",
    "draft.cancel_import": "stopped the reading of the list",
    "draft.judge": "had the rows judged again",
}
# Acts in themselves, also where no setting is another.
_ACTS = ("draft.upload", "draft.correct", "draft.cancel_import", "draft.judge")


@contextmanager
def list_edit(session: Session, campaign_id: int, act: str, actor: Actor, now: datetime) -> Iterator[ContactList]:
    """The locked list, to be changed in the block. `act` is one of those above."""
    contact_list = lock_list(session, campaign_id)
    campaign = session.get_one(Campaign, campaign_id)
    known = _facts(contact_list, campaign)
    yield contact_list
    before, after = changes(known, _facts(contact_list, campaign))
    if before or act in _ACTS:
        words = f"{actor.name} {_WORDS[act]}."
        note(session, actor, act, "campaign", campaign_id, now, summary=words, before=before, after=after)


def note_import(session: Session, list_id: int, now: datetime) -> None:
    """What came of reading the file."""
    contact_list = session.get_one(ContactList, list_id, populate_existing=True)
    if contact_list.campaign_id is None:
        return  # a list that is kept: keeping it was the act
    after: dict[str, Any] = {"rows": contact_list.rows_read, "counts": contact_list.counts}
    words = f"{contact_list.rows_read:,} {'row of the list was' if contact_list.rows_read == 1 else 'rows of the list were'} read."
    if contact_list.state == "failed":
        words, after = "The list could not be read.", {"problem": contact_list.problem}
    note(session, CALLBOARD, "draft.import", "campaign", contact_list.campaign_id, now, summary=words, after=after)


def _facts(contact_list: ContactList, campaign: Campaign) -> dict[str, Any]:
    """What people decide about a list. A column is named by its heading; what is in the rows is nobody's act."""
    reading = contact_list.reading.get("asked") or contact_list.reading.get("used") or {}
    return {
        "source": contact_list.source, "file": contact_list.filename, "bytes": contact_list.size_bytes,
        "country": contact_list.country, "reading": {name: value for name, value in reading.items() if name != "sheets"},
        "columns": contact_list.mapping, "duplicates": f"keep the {contact_list.keep}", "called_recently_days": campaign.recent_days,
        "from": contact_list.source_id, "outcomes": contact_list.source_states,
    }  # fmt: skip


def change_recent_days(session: Session, campaign_id: int, days: int) -> bool:
    """How many days back somebody counts as called recently; False when it is so already. Inside a `list_edit`."""
    campaign = session.get_one(Campaign, campaign_id)
    if campaign.recent_days == days:
        return False
    campaign.recent_days = days
    campaign.version += 1
    return True
