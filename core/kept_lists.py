"""Lists that are kept under a name, to be used again: a copy of a draft's list, judged anew wherever it is used."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import Conflict, Invalid, NotFound
from core.lists import callable_count, list_of, work_again
from core.models import Campaign, ContactList

MOST_OFFERED = 200


def keep_list(session: Session, campaign_id: int, name: str, actor: Actor, now: datetime) -> ContactList:
    """Begin a copy of a draft's list under this name; the job that works on lists makes it."""
    source = list_of(session, campaign_id)
    if source.state != "ready":
        raise Conflict("The list is being worked on. Keep it when that is done.")
    if session.scalar(_kept().where(ContactList.name == name).limit(1)) is not None:
        raise Invalid("A list of this name is kept already. Choose another name.", "name")
    kept = ContactList(
        campaign_id=None, name=name, created_by=actor.name, task="copy", source="list", source_id=source.id,
        filename=source.filename, country=source.country, keep=source.keep, changed_at=now, version=0,
    )  # fmt: skip
    session.add(kept)
    work_again(kept, now)
    session.flush()
    note(session, actor, "list.keep", "list", kept.id, now, summary=f"{actor.name} keeps a list to use again.",
         after={"name": name, "people": callable_count(source), "campaign": campaign_id})  # fmt: skip
    return kept


def kept_lists(session: Session) -> Sequence[ContactList]:
    """By name."""
    return session.scalars(_kept().order_by(ContactList.name, ContactList.id).limit(MOST_OFFERED)).all()


def find_kept(session: Session, list_id: int) -> ContactList:
    kept = session.scalar(_kept().where(ContactList.id == list_id).execution_options(populate_existing=True))
    if kept is None:
        raise NotFound("There is no such list.")
    return kept


def begin_forgetting(session: Session, list_id: int) -> ContactList:
    """Whoever copies it finds it gone; its rows go a piece at a time (core.row_store.drop_rows), then `forget_list`."""
    kept = find_kept(session, list_id)
    kept.state, kept.import_claim = "empty", None
    return kept


def forget_list(session: Session, list_id: int, actor: Actor, now: datetime) -> None:
    kept = find_kept(session, list_id)
    note(session, actor, "list.forget", "list", list_id, now, summary=f"{actor.name} removed a kept list.",
         before={"name": kept.name})  # fmt: skip
    session.execute(delete(ContactList).where(ContactList.id == list_id))


def launched_campaigns(session: Session) -> Sequence[Campaign]:
    """The campaigns whose unreached may be called again, the newest first."""
    query = select(Campaign).where(Campaign.launched_at.is_not(None), Campaign.is_test.is_(False))
    return session.scalars(query.order_by(Campaign.id.desc()).limit(MOST_OFFERED)).all()


def _kept() -> Select[ContactList]:
    return select(ContactList).where(ContactList.campaign_id.is_(None), ContactList.name != "")
