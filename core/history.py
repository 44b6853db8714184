"""Reading the audit log: a page of entries that fit a filter, and all of them in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.audit import CALLBOARD
from core.lookups import Page, page_of
from core.models import Agent, ApiToken, AuditEntry, Campaign, Person

PAGE = 50
BATCH = 500
# Which subjects of an entry are rows that a page shows.
_SUBJECTS: dict[str, type[Campaign | Person | Agent]] = {"campaign": Campaign, "person": Person, "agent": Agent}


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; None and "" leave a question open. `act` is a whole act, or its noun for all acts of it.

    `since` and `until` are both included.
    """

    person_id: int | None = None
    api_token_id: int | None = None
    by_callboard: bool = False
    act: str = ""
    campaign_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


def entries_page(session: Session, wanted: Filter, before: int | None) -> Page[AuditEntry]:
    """Newest first; `before` is the id that the previous page ended with."""
    rows = session.scalars(_older(_query(session, wanted), before).limit(PAGE + 1)).all()
    return page_of(rows, PAGE, lambda entry: entry.id)


def all_entries(session: Session, wanted: Filter) -> Iterator[Sequence[AuditEntry]]:
    """Every entry that fits, newest first, in batches; no transaction is open while the caller handles one."""
    query, before = _query(session, wanted), None
    while batch := session.scalars(_older(query, before).limit(BATCH)).all():
        session.expunge_all()
        session.rollback()
        yield batch
        before = batch[-1].id


def _older(query: Select[AuditEntry], before: int | None) -> Select[AuditEntry]:
    return query if before is None else query.where(AuditEntry.id < before)


def _query(session: Session, wanted: Filter) -> Select[AuditEntry]:
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if wanted.person_id is not None:
        query = query.where(AuditEntry.person_id == wanted.person_id)
    if wanted.api_token_id is not None:
        query = query.where(AuditEntry.api_token_id == wanted.api_token_id)
    if wanted.by_callboard:
        query = query.where(AuditEntry.actor == CALLBOARD.name, AuditEntry.person_id.is_(None))
        query = query.where(AuditEntry.api_token_id.is_(None))
    if "." in wanted.act:
        query = query.where(AuditEntry.act == wanted.act)
    elif wanted.act:
        query = query.where(AuditEntry.act.startswith(f"{wanted.act}.", autoescape=True))
    if wanted.campaign_id is not None:
        query = query.where(AuditEntry.subject == "campaign", AuditEntry.subject_id == wanted.campaign_id)
    if wanted.text:
        query = query.where(func.lower(AuditEntry.summary).contains(wanted.text.lower(), autoescape=True))
    return _within(session, query, wanted) if wanted.since or wanted.until else query


def _within(session: Session, query: Select[AuditEntry], wanted: Filter) -> Select[AuditEntry]:
    """The days, and the span of ids that the index over times finds for them: else a page of last year reads this year first."""
    days = []
    if wanted.since:
        days.append(AuditEntry.at >= wanted.since)
    if wanted.until:
        days.append(AuditEntry.at <= wanted.until)
    first, last = session.execute(select(func.min(AuditEntry.id), func.max(AuditEntry.id)).where(*days)).one()
    return query.where(AuditEntry.id.between(first or 0, last or 0), *days)


def known_acts(session: Session) -> list[str]:
    """Every act that ever was, by name: one look into the index for each, however many entries there are."""
    found = select(func.min(AuditEntry.act).label("act")).cte("found", recursive=True)
    following = select(func.min(AuditEntry.act)).where(AuditEntry.act > found.c.act).scalar_subquery()
    found = found.union_all(select(following).select_from(found).where(found.c.act.is_not(None)))
    return list(session.scalars(select(found.c.act).where(found.c.act.is_not(None))))


def people_and_programs(session: Session) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Whom to choose from: ids with names, of people (by e-mail where they have none) and of tokens."""
    name = func.coalesce(func.nullif(Person.name, ""), Person.email)
    people = session.execute(select(Person.id, name).order_by(func.lower(name), Person.id).limit(1000))
    programs = session.execute(select(ApiToken.id, ApiToken.name).order_by(ApiToken.name, ApiToken.id).limit(1000))
    return [(row[0], row[1]) for row in people], [(row[0], row[1]) for row in programs]


def still_there(session: Session, entries: Sequence[AuditEntry]) -> set[tuple[str, int]]:
    """Of the entries' subjects those that a link can lead to: a deleted draft leaves only its entries."""
    there: set[tuple[str, int]] = set()
    for subject, table in _SUBJECTS.items():
        ids = {entry.subject_id for entry in entries if entry.subject == subject}
        there |= {(subject, one) for one in session.scalars(select(table.id).where(table.id.in_(ids)))}
    return there
