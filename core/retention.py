"""What is kept no longer: refused deliveries after some days, bodies of genuine ones if an admin says so. Keys stay for ever."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.deliveries import first_id
from core.inbox_settings import BODY_DAYS, REFUSED_DAYS
from core.installation import value_of
from core.models import ConnectionTest, Delivery, DeliveryWord, Setting
from core.states import REFUSED_DELIVERIES

AT_ONCE = 500
EACH = timedelta(hours=1)
KEPT_TESTS = timedelta(days=7)
# Setting: when it was done last, and up to which delivery bodies are taken out already.
_CLEANED = "cleaned"


def clean_up_due(session: Session, now: datetime) -> bool:
    at = (session.scalar(select(Setting.value).where(Setting.name == _CLEANED)) or {}).get("at")
    return at is None or not timedelta(0) <= now - datetime.fromisoformat(at) < EACH


def forget_some(session: Session, now: datetime) -> bool:
    """One chunk of what is due; False once nothing is left, and then it is due again in an hour."""
    row = session.get(Setting, _CLEANED, with_for_update=True) or Setting(name=_CLEANED, value={})
    session.add(row)
    if _delete_refused(session, now):
        return True
    session.execute(delete(ConnectionTest).where(ConnectionTest.asked_at < now - KEPT_TESTS))
    began = int(row.value.get("bodies", 0))
    ended = _forget_bodies(session, began, now)
    row.value = {"at": now.isoformat(), "bodies": ended}
    return ended > began


def _delete_refused(session: Session, now: datetime) -> int:
    before = first_id(session, now - timedelta(days=value_of(session, REFUSED_DAYS)))
    old = select(Delivery.id).where(Delivery.verdict.in_(REFUSED_DELIVERIES), Delivery.id < before).limit(AT_ONCE)
    ids = session.scalars(old).all()
    session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
    return len(ids)


def _forget_bodies(session: Session, began: int, now: datetime) -> int:
    """Goes on where it ended; returns where that is now. Those that were refused have their own time."""
    kept = value_of(session, BODY_DAYS)
    if kept is None:
        return began
    before = first_id(session, now - timedelta(days=kept))
    some = select(Delivery.id, Delivery.verdict).where(Delivery.id > began, Delivery.id < before)
    rows = session.execute(some.order_by(Delivery.id).limit(AT_ONCE)).all()
    ids = [delivery_id for delivery_id, verdict in rows if verdict not in REFUSED_DELIVERIES]
    session.execute(update(Delivery).where(Delivery.id.in_(ids)).values(body=b"", headers=[], forgotten_at=now))
    session.execute(delete(DeliveryWord).where(DeliveryWord.delivery_id.in_(ids)))
    return rows[-1].id if rows else began
