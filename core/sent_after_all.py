"""A call that was not supposed to happen is reported: whoever still waits is not called again, and a second call raises the alarm."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.facts import CallFact
from core.launch import lock_campaign
from core.models import Campaign, Contact, Target, Wave
from core.progress import recount
from core.states import GIVEN_BACK, SETTLED_AT_ONCE, ContactState, WaveState
from core.waves import lock_wave, void_wave


def spares(session: Session, contact: Contact, fact: CallFact) -> bool:
    """Does a late report of an earlier wave say that this person, who was to be tried again, need not be?"""
    if fact.do_not_call:
        return True
    if fact.status not in SETTLED_AT_ONCE:
        return False
    return fact.status not in session.get_one(Campaign, contact.campaign_id).retry_outcomes


def take_back(session: Session, wave: Wave, other: Wave | None, contact: Contact, now: datetime) -> None:
    """A report says that this person must not be called a second time: they belong to the wave of the report again.

    Somebody still waiting is withdrawn. Of a wave whose people we had given back no call was supposed to happen: somebody
    who is in another one that is already on its way raises the double-call alarm.
    """
    campaign = lock_campaign(session, contact.campaign_id)
    given_back = wave.state in GIVEN_BACK
    if other is not None and other.state != WaveState.PLANNED:
        if given_back:
            _raise_alarm(session, campaign, wave, other, contact, now)
        return
    if other is not None:
        void_wave(session, other, "Cut anew: one of its people was called by an earlier wave after all.", now)
        session.refresh(contact)
    if contact.state == ContactState.CANCELLED:
        campaign.cancelled -= 1
    if contact.state == ContactState.EXCLUDED:
        if wave.excluded:
            wave.excluded -= 1
        else:
            campaign.left_out -= 1
    contact.wave_id, contact.tries = wave.id, contact.tries + given_back
    session.flush()
    recount(session, wave.id)


def withdraw_all(session: Session, wave: Wave, now: datetime) -> None:
    """A report on an abandoned wave proves that it was sent after all: none of its people who still wait may be called again."""
    people = select(Target.contact_id).where(Target.wave_id == wave.id)
    held = select(Contact.wave_id).where(Contact.id.in_(people), Contact.wave_id.is_not(None))
    for other_id in session.scalars(
        select(Wave.id).where(Wave.id.in_(held), Wave.state == WaveState.PLANNED).order_by(Wave.id)
    ):
        if (other := lock_wave(session, other_id)) is not None:
            void_wave(
                session, other, "Cut anew: some of its people were handed over by an earlier wave after all.", now
            )
    waiting = (Contact.id.in_(people), Contact.wave_id.is_(None), Contact.state == ContactState.READY)
    numbers = {"wave_id": wave.id, "state": ContactState.SUBMITTED, "tries": Contact.tries + 1}
    withdrawn = session.execute(update(Contact).where(*waiting).values(numbers)).rowcount  # type: ignore[attr-defined]
    if withdrawn:
        recount(session, wave.id)
        words = f"Wave {wave.ordinal} was sent after all; {withdrawn:,} of its people who still waited are not called again."
        note(session, CALLBOARD, "wave.sent_after_all", "campaign", wave.campaign_id, now, summary=words)


def _raise_alarm(
    session: Session, campaign: Campaign, wave: Wave, other: Wave, contact: Contact, now: datetime
) -> None:
    """Once for each person and pair of waves; whoever was named before stays named."""
    words = f"{contact.number} may be called twice: waves {wave.ordinal} and {other.ordinal} both hold this person."
    named = campaign.alarm.split("\n") if campaign.alarm else []
    if words not in named:
        campaign.alarm = "\n".join([*named, words])
        # The page names the number; the audit log, which is kept for good, names the contact.
        told = f"Somebody may be called twice: waves {wave.ordinal} and {other.ordinal} both hold this person."
        note(session, CALLBOARD, "contact.called_twice", "campaign", campaign.id, now, summary=told,
             after={"contact": contact.id})  # fmt: skip
