"""Has anything ever arrived from the provider? The newest delivery of all, the newest good one and the newest refused one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.models import Delivery
from core.states import Verdict

GENUINE = tuple(verdict for verdict in Verdict if verdict not in (Verdict.STALE, Verdict.BAD_SIGNATURE))
REFUSED = (Verdict.STALE, Verdict.BAD_SIGNATURE)
MOST_HEADERS = 60


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
    genuine, refused = _newest(session, GENUINE), _newest(session, REFUSED)
    last = max((one for one in (genuine, refused) if one), key=lambda one: one.id, default=None)
    return Arrivals(last, genuine, refused)


def _newest(session: Session, verdicts: Iterable[Verdict]) -> Arrival | None:
    ids = [session.scalar(select(func.max(Delivery.id)).where(Delivery.verdict == verdict)) for verdict in verdicts]
    newest = max((delivery_id for delivery_id in ids if delivery_id is not None), default=None)
    if newest is None:
        return None
    delivery = session.get_one(Delivery, newest)
    names = dict.fromkeys(str(name) for name, _ in delivery.headers)
    return Arrival(delivery.id, delivery.received_at, delivery.verdict, delivery.form, tuple(names)[:MOST_HEADERS])
