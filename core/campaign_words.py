"""Campaigns in the provider's documented words, as programs ask for them and as their endpoints are told of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.models import Campaign, Contact, Wave
from core.progress import Progress, progress_of_each
from core.states import ContactState

_OTHER_OUTCOMES = (
    ContactState.NO_ANSWER, ContactState.BUSY, ContactState.DECLINED, ContactState.FAILED, ContactState.UNCLEAR,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Contacts with a call, with a call that reached somebody or something, and with one that finally did not."""

    initiated: int
    completed: int
    failed: int


def campaign_answer(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The documented answer to a create: these keys and no others."""
    return campaign_answers(session, [campaign])[0]


def campaign_answers(session: Session, campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """The same for each of a page, by a few statements for all of them."""
    known = progress_of_each(session, campaigns)
    calls = call_counts(session, campaigns, known)
    return [_answer(one, calls[one.id]) for one in campaigns]


def campaign_answer_with_contacts(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The same, and how many contacts are in each of our states."""
    known = progress_of_each(session, [campaign])
    calls = call_counts(session, [campaign], known)
    told = {str(state): known[campaign.id].of(state) for state in ContactState}
    return _answer(campaign, calls[campaign.id]) | {"contacts": told}


def _answer(campaign: Campaign, calls: CallCounts) -> dict[str, Any]:
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


def call_counts(
    session: Session, campaigns: Sequence[Campaign], known: Mapping[int, Progress]
) -> dict[int, CallCounts]:
    """Derived from the counts by state; only contacts whose state does not tell are looked at, by their index."""
    tried, pending = _tried(session, campaigns, known), _pending(session, campaigns)
    return {
        one.id: CallCounts(
            initiated=known[one.id].of(ContactState.DIALLING) + known[one.id].dialled + tried.get(one.id, 0),
            completed=known[one.id].of(ContactState.ANSWERED, ContactState.VOICEMAIL),
            failed=known[one.id].of(*_OTHER_OUTCOMES) - pending.get(one.id, 0),
        )
        for one in campaigns
    }


def _tried(session: Session, campaigns: Sequence[Campaign], known: Mapping[int, Progress]) -> dict[int, int]:
    """Who had a call, of those whose state does not tell; campaigns with the same such states are asked about together."""
    alike = defaultdict(list)
    for one in campaigns:
        if untold := tuple(state for state in _untold(one) if known[one.id].of(state)):
            alike[untold].append(one.id)
    found: dict[int, int] = {}
    for states, ids in alike.items():
        mine = (Contact.campaign_id.in_(ids), Contact.state.in_(states), Contact.attempts > 0)
        found |= _by_campaign(session, *mine)
    return found


def _pending(session: Session, campaigns: Sequence[Campaign]) -> dict[int, int]:
    """Outcomes that are not final; only waves without final counts can have them."""
    ids = [one.id for one in campaigns]
    open_waves = select(Wave.id).where(Wave.campaign_id.in_(ids), Wave.finished_at.is_(None))
    unsettled = (Contact.wave_id.in_(open_waves), Contact.settled_at.is_(None))
    return _by_campaign(session, *unsettled, Contact.state.in_(_OTHER_OUTCOMES))


def _by_campaign(session: Session, *which: ColumnElement[bool]) -> dict[int, int]:
    rows = session.execute(select(Contact.campaign_id, func.count()).where(*which).group_by(Contact.campaign_id))
    return dict(rows.all())


def _untold(campaign: Campaign) -> tuple[ContactState, ...]:
    """States of people who may or may not have had a call: the list can be long where we do not try again, and is left alone."""
    open_ones = (ContactState.QUEUED, ContactState.SUBMITTED, ContactState.NO_NEWS)
    if campaign.retry_by == "us" and campaign.retry_attempts:
        return (*open_ones, ContactState.READY, ContactState.EXCLUDED, ContactState.CANCELLED)
    return open_ones
