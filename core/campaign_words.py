"""Campaigns in the provider's documented words, as programs ask for them and as their endpoints are told of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.models import Campaign, Contact, Wave
from core.progress import Progress, progress
from core.states import ContactState

_OTHER_OUTCOMES = (
    ContactState.NO_ANSWER, ContactState.BUSY, ContactState.DECLINED, ContactState.FAILED, ContactState.UNCLEAR,
)  # fmt: skip


def campaign_answer(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The documented answer to a create: these keys and no others."""
    return _answer(session, campaign, progress(session, campaign))


def campaign_answer_with_contacts(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The same, and how many contacts are in each of our states."""
    known = progress(session, campaign)
    return _answer(session, campaign, known) | {"contacts": {str(state): known.of(state) for state in ContactState}}


def _answer(session: Session, campaign: Campaign, known: Progress) -> dict[str, Any]:
    calls = call_counts(session, campaign, known)
    return {
        "campaign_id": str(campaign.id),
        "agent_id": campaign.agent.uuid if campaign.agent else "",
        "name": campaign.name,
        "total_targets": campaign.size,
        "status": campaign.state,
        "scheduled_at": iso(campaign.start_at),
        "started_at": iso(campaign.started_at),
        "calls_initiated": calls.initiated,
        "calls_completed": calls.completed,
        "calls_failed": calls.failed,
    }


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Contacts with a call, with a call that reached somebody or something, and with one that finally did not."""

    initiated: int
    completed: int
    failed: int


def call_counts(session: Session, campaign: Campaign, progress: Progress) -> CallCounts:
    """Derived from the counts by state; only contacts whose state does not tell are looked at, by their index."""
    mine = select(func.count()).where(Contact.campaign_id == campaign.id)
    untold = [state for state in _untold(campaign) if progress.of(state)]
    tried = session.scalar(mine.where(Contact.state.in_(untold), Contact.attempts > 0)) if untold else 0
    unsettled = mine.where(Contact.wave_id.in_(_open(campaign)), Contact.settled_at.is_(None))
    pending = session.scalar(unsettled.where(Contact.state.in_(_OTHER_OUTCOMES)))
    return CallCounts(
        initiated=progress.of(ContactState.DIALLING) + progress.dialled + (tried or 0),
        completed=progress.of(ContactState.ANSWERED, ContactState.VOICEMAIL),
        failed=progress.of(*_OTHER_OUTCOMES) - (pending or 0),
    )


def _untold(campaign: Campaign) -> tuple[ContactState, ...]:
    """States of people who may or may not have had a call: the list can be long where we do not try again, and is left alone."""
    open_ones = (ContactState.QUEUED, ContactState.SUBMITTED, ContactState.NO_NEWS)
    if campaign.retry_by == "us" and campaign.retry_attempts:
        return (*open_ones, ContactState.READY, ContactState.EXCLUDED, ContactState.CANCELLED)
    return open_ones


def _open(campaign: Campaign) -> Any:
    """Waves that may have unsettled people: those without final counts."""
    return select(Wave.id).where(Wave.campaign_id == campaign.id, Wave.finished_at.is_(None))
