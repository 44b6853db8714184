"""Whoever must not be called any more is set aside, with the reason: excluded, or left with the outcome of an earlier call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.fold import age, fold
from core.models import Attempt, Campaign, Contact, Wave
from core.progress import recount
from core.states import ContactState


def leave_out(session: Session, campaign: Campaign, people: Sequence[tuple[Any, str]], now: datetime) -> None:
    """`people`: contacts who are ready or due (id, due_at and attempts), each with why. The caller holds the campaign's lock."""
    due = [{"id": contact.id, "reason": why, "due_at": None} for contact, why in people if contact.due_at]
    called = {contact.id: why for contact, why in people if not contact.due_at and contact.attempts}
    excluded = {"state": ContactState.EXCLUDED, "settled_at": now}
    never = [
        {"id": contact.id, "reason": why} | excluded
        for contact, why in people
        if not contact.due_at and contact.id not in called
    ]
    if called:
        _give_back_outcomes(session, called, now)
    for rows in filter(None, (due, never)):
        session.execute(update(Contact), rows)
    campaign.left_out += len(never)


def _give_back_outcomes(session: Session, called: Mapping[int, str], now: datetime) -> None:
    """They were in a wave that was void, or refused: their state is again the outcome of the call that they had before."""
    known: dict[int, list[Attempt]] = {contact_id: [] for contact_id in called}
    earlier = select(Attempt.wave_id).where(Attempt.contact_id.in_(called))
    locked = select(Wave).where(Wave.id.in_(earlier)).order_by(Wave.id).with_for_update(of=Wave, key_share=True)
    waves = {wave.id: wave for wave in session.scalars(locked.execution_options(populate_existing=True))}
    for attempt in session.scalars(select(Attempt).where(Attempt.contact_id.in_(called))):
        known[attempt.contact_id].append(attempt)
    mine = select(Contact).where(Contact.id.in_(called)).execution_options(populate_existing=True)
    for contact in session.scalars(mine).all():
        attempts = known[contact.id]
        contact.wave_id, contact.reason = max(attempts, key=age).wave_id, called[contact.id]
        if (folded := fold(waves[contact.wave_id], attempts)) is not None:
            contact.state, contact.settled_at = folded[0], now if folded[1] else None
    session.flush()
    for wave_id in sorted(waves):
        recount(session, wave_id)
