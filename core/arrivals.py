"""Has anything ever arrived from the provider? The newest delivery of all, the newest good one and the newest refused one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.models import Delivery
from core.states import REFUSED_DELIVERIES, Verdict

GENUINE = tuple(verdict for verdict in Verdict if verdict not in REFUSED_DELIVERIES)
MOST_HEADERS = 60
LATELY = 1000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery; `headers` are the names it came with, where they may say what to set."""

    id: int
    at: datetime
    verdict: str
    form: str | None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """None where there was never one."""

    last: Arrival | None
    genuine: Arrival | None
    refused: Arrival | None


def arrivals(session: Session) -> Arrivals:
    """Three rows, each found by an index."""
    genuine, refused = _newest(session, GENUINE), _newest(session, REFUSED_DELIVERIES)
    last = max((one for one in (genuine, refused) if one), key=lambda one: one.id, default=None)
    return Arrivals(last, genuine, refused)


def is_newest_refused(session: Session) -> bool:
    """Did the newest delivery of all come with a signature that fits nothing? One row by primary key."""
    newest = select(Delivery.verdict).order_by(Delivery.id.desc()).limit(1)
    return session.scalar(newest) == Verdict.BAD_SIGNATURE


def forms_lately(session: Session) -> list[tuple[str, int]]:
    """In which forms the newest of them were signed, the commonest first, and how many of each."""
    newest = (
        select(Delivery.form).where(Delivery.form.is_not(None)).order_by(Delivery.id.desc()).limit(LATELY).subquery()
    )
    rows = session.execute(select(newest.c.form, func.count()).group_by(newest.c.form).order_by(func.count().desc()))
    return [(form, count) for form, count in rows]


def _newest(session: Session, verdicts: Iterable[Verdict]) -> Arrival | None:
    ids = [session.scalar(select(func.max(Delivery.id)).where(Delivery.verdict == verdict)) for verdict in verdicts]
    newest = max((delivery_id for delivery_id in ids if delivery_id is not None), default=None)
    if newest is None:
        return None
    delivery = session.get_one(Delivery, newest)
    names = dict.fromkeys(str(name) for name, _ in delivery.headers)
    return Arrival(delivery.id, delivery.received_at, delivery.verdict, delivery.form, tuple(names)[:MOST_HEADERS])
