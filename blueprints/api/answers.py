"""Campaigns in the provider's documented words."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.creates import call_counts
from core.models import Campaign
from core.progress import Progress, progress
from core.states import ContactState


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
        "scheduled_at": _iso(campaign.start_at),
        "started_at": _iso(campaign.started_at),
        "calls_initiated": calls.initiated,
        "calls_completed": calls.completed,
        "calls_failed": calls.failed,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
