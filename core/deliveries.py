"""Which deliveries: what the inbox's filter asks for, for its pages and for a replay."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.lookups import PAGE, Page, page_of
from core.models import Campaign, Contact, Delivery, DeliveryWord, Wave
from core.states import REFUSED_DELIVERIES

# Further a page does not count.
MOST_COUNTED = 10_000
# Deliveries are numbered in the order in which they were written, not quite the one in which they came.
DISORDER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; None asks for nothing. `wave` is a wave's place in `campaign`, `since` and `until` (not included) are arrivals."""

    verdict: str | None = None
    campaign: int | None = None
    wave: int | None = None
    number: str | None = None
    word: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def stored(self) -> dict[str, Any]:
        """As JSON keeps it."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Wanted":
        times = {name: datetime.fromisoformat(stored[name]) for name in ("since", "until") if name in stored}
        told: dict[str, Any] = stored | times
        return cls(**told)


def matching(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    """The conditions of a query for these deliveries; each is answered by an index."""
    found: list[ColumnElement[bool]] = []
    if wanted.verdict:
        found.append(Delivery.verdict == wanted.verdict)
    if wanted.campaign:
        found.append(Delivery.campaign_id == wanted.campaign)
    if wanted.wave:
        mine = select(Wave.id).where(Wave.campaign_id == wanted.campaign, Wave.ordinal == wanted.wave)
        found.append(Delivery.wave_id == mine.scalar_subquery())
    if wanted.number:
        people = select(Contact.id).where(Contact.number == wanted.number)
        nobodys = and_(Delivery.contact_id.is_(None), Delivery.number.is_not(None), Delivery.number == wanted.number)
        found.append(or_(Delivery.contact_id.in_(people), nobodys))
    if wanted.word:
        found.append(Delivery.id.in_(select(DeliveryWord.delivery_id).where(DeliveryWord.word == wanted.word)))
    if wanted.since:
        found += [Delivery.id >= first_id(session, wanted.since - DISORDER), Delivery.received_at >= wanted.since]
    if wanted.until:
        found += [Delivery.id < first_id(session, wanted.until + DISORDER), Delivery.received_at < wanted.until]
    return found


def first_id(session: Session, moment: datetime) -> int:
    """Where those that came from this moment on begin: some twenty looks by primary key, instead of one more index."""
    low, high = 0, (session.scalar(select(func.max(Delivery.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        next_one = select(Delivery.id, Delivery.received_at).where(Delivery.id >= middle).order_by(Delivery.id).limit(1)
        row = session.execute(next_one).first()
        if row is None or row.received_at >= moment:
            high = middle
        else:
            low = row.id + 1
    return low


def deliveries_page(session: Session, wanted: Wanted, before: int | None, *, with_refused: bool) -> Page[Any]:
    """Newest first, without bodies, each with its wave's ordinal and its campaign's name."""
    query = (
        select(Delivery, Wave.ordinal, Campaign.name)
        .join(Wave, Wave.id == Delivery.wave_id)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(*matching(session, wanted))
        .order_by(Delivery.id.desc())
        .limit(PAGE + 1)
    )
    if not with_refused:
        query = query.where(Delivery.verdict.not_in(REFUSED_DELIVERIES))
    if before:
        query = query.where(Delivery.id < before)
    return page_of(session.execute(query).all(), PAGE, lambda row: row[0].id)


def count_deliveries(session: Session, wanted: Wanted) -> int:
    """No further than one more than MOST_COUNTED."""
    found = select(Delivery.id).where(*matching(session, wanted)).limit(MOST_COUNTED + 1)
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def find_delivery(session: Session, delivery_id: int, *, with_refused: bool) -> Delivery:
    """NotFound also for one that this reader may not see."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or (not with_refused and delivery.verdict in REFUSED_DELIVERIES):
        raise NotFound("There is no such delivery.")
    return delivery


def deliveries_of(session: Session, contact_id: int) -> Sequence[Delivery]:
    query = select(Delivery).where(Delivery.contact_id == contact_id).order_by(Delivery.id).limit(200)
    return session.scalars(query).all()
