"""Whom a campaign did not reach: the rows of its list whose people ended in certain states, to be the list of another one."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lists import list_of
from core.models import Contact, ContactList, Row
from core.row_store import BATCH
from core.states import ContactState

# What can be chosen: no answer to anybody's question, or never tried at all.
UNREACHED = (
    ContactState.NO_ANSWER, ContactState.BUSY, ContactState.VOICEMAIL, ContactState.FAILED, ContactState.UNCLEAR,
    ContactState.NO_NEWS, ContactState.DECLINED, ContactState.CANCELLED,
)  # fmt: skip
USUALLY = (ContactState.NO_ANSWER, ContactState.BUSY, ContactState.FAILED, ContactState.UNCLEAR, ContactState.NO_NEWS)


def unreached_rows(
    session: Session, campaign_id: int, states: Sequence[str]
) -> tuple[ContactList, Iterator[Sequence[Row]]]:
    """The campaign's list, and its rows of whoever is settled in one of `states`, in the file's order, a batch at a time."""
    source = list_of(session, campaign_id)
    return source, _batches(session, source.id, campaign_id, states)


def _batches(session: Session, list_id: int, campaign_id: int, states: Sequence[str]) -> Iterator[Sequence[Row]]:
    after = -1
    query = (
        select(Contact.position, Contact.row_number)
        .where(Contact.campaign_id == campaign_id, Contact.state.in_(states), Contact.due_at.is_(None))
        .order_by(Contact.position)
        .limit(BATCH)
    )
    while people := session.execute(query.where(Contact.position > after)).all():
        numbers = [row_number for _, row_number in people]
        rows = select(Row).where(Row.list_id == list_id, Row.row_number.in_(numbers)).order_by(Row.row_number)
        yield (found := session.scalars(rows).all())
        after = people[-1].position
        for row in found:
            session.expunge(row)


def count_unreached(session: Session, campaign_id: int) -> dict[str, int]:
    """How many people ended in each of the states that can be chosen."""
    people = (
        select(Contact.state, func.count())
        .where(Contact.campaign_id == campaign_id, Contact.state.in_(UNREACHED), Contact.due_at.is_(None))
        .group_by(Contact.state)
    )
    return dict(session.execute(people).all())
