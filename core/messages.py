"""What is told to whom: a message stands in the database in the same transaction as the change that it tells of.

Handing messages over is core/sending.py's; a person reads of them through core/message_log.py.
"""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.campaign_words import campaign_answer_with_contacts, iso
from core.database import Base
from core.fold import age
from core.models import Attempt, Campaign, Contact, Endpoint, Message
from core.states import LIVE_CAMPAIGNS, CampaignState

CAMPAIGN, CALL = "campaign", "call"
PROGRESS = "campaign.progress"
CALL_COMPLETED = "call.completed"
# A campaign's move to a state, as its endpoint hears of it; to `running` it is started or resumed.
STATE_EVENTS = {
    CampaignState.DRAFT: "campaign.taken_back",
    CampaignState.AWAITING_APPROVAL: "campaign.awaiting_approval",
    CampaignState.SCHEDULED: "campaign.scheduled",
    CampaignState.RUNNING: "campaign.started",
    CampaignState.PAUSED: "campaign.paused",
    CampaignState.STOPPING: "campaign.stopping",
    CampaignState.STOPPED: "campaign.stopped",
    CampaignState.COMPLETED: "campaign.completed",
}
RESUMED = "campaign.resumed"
EVENTS = (*STATE_EVENTS.values(), RESUMED, PROGRESS, CALL_COMPLETED)

PROGRESS_INTERVAL = timedelta(seconds=30)
# For how long a dead endpoint's messages are kept for it.
PATIENCE = timedelta(days=1)

# Built once: these run for each call of a campaign that somebody listens to.
_LISTENER = select(Endpoint.id, Endpoint.events).where(
    Endpoint.campaign_id == bindparam("campaign_id"), Endpoint.disabled_at.is_(None)
)
_LOCKED_CAMPAIGN = (
    select(Campaign)
    .join(Endpoint, Endpoint.campaign_id == Campaign.id)
    .where(Endpoint.id == bindparam("endpoint_id"))
    .with_for_update(of=Campaign, key_share=True)
    .execution_options(populate_existing=True)
)
_MESSAGES = Base.metadata.tables["message"]
_TELL_ONCE = {
    name: insert(_MESSAGES).on_conflict_do_nothing(index_elements=["endpoint_id", "key"])
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def tell_campaign(session: Session, campaign: Campaign, held: str, now: datetime) -> None:
    """Tell that the campaign, which was `held`, is now in another state. The caller has its lock."""
    endpoint_id = _listener(session, campaign.id, CAMPAIGN)
    if endpoint_id is None:
        return
    resumed = campaign.state == CampaignState.RUNNING and held == CampaignState.PAUSED
    event = RESUMED if resumed else STATE_EVENTS[CampaignState(campaign.state)]
    _tell_numbers(session, endpoint_id, campaign, event, now)


def progress_due(session: Session, now: datetime) -> list[int]:
    """Endpoints of campaigns whose numbers may have changed since they were told last."""
    return list(session.scalars(select(Endpoint.id).where(Endpoint.progress_at <= now)))


def tell_progress(session: Session, endpoint_id: int, now: datetime) -> None:
    """Tell the campaign's numbers if they changed; not while an earlier such message still waits."""
    # The campaign's lock keeps its numbers from being told after those of a later move.
    campaign = session.scalars(_LOCKED_CAMPAIGN, {"endpoint_id": endpoint_id}).one()
    endpoint = session.get_one(Endpoint, endpoint_id, populate_existing=True)
    waiting = select(Message.id).where(
        Message.endpoint_id == endpoint_id, Message.state == "waiting", Message.event == PROGRESS
    )
    if endpoint.disabled_at is not None:
        endpoint.progress_at = None
    elif session.scalar(waiting.limit(1)) is not None:
        endpoint.progress_at = now + PROGRESS_INTERVAL
    elif endpoint.told == campaign_answer_with_contacts(session, campaign):
        endpoint.progress_at = _next_look(campaign, now)
    else:
        _tell_numbers(session, endpoint_id, campaign, PROGRESS, now)


def correct_progress(session: Session, campaign_id: int, now: datetime) -> None:
    """A late fact changed numbers that were final: whoever listens is told at the next tick."""
    mine = (Endpoint.campaign_id == campaign_id, Endpoint.progress_at.is_(None), Endpoint.disabled_at.is_(None))
    session.execute(update(Endpoint).where(*mine).values(progress_at=now))


def hears_of_calls(session: Session, campaign_id: int) -> bool:
    """Does anybody want to hear of each call? Asked when a wave is cut, so that a report need not ask (`Wave.tells_calls`)."""
    return _listener(session, campaign_id, CALL) is not None


def tell_call(session: Session, contact: Contact, attempts: Sequence[Attempt], now: datetime) -> None:
    """Tell of a settled contact. What was told before in the same words is not told again; a correction is."""
    endpoint_id = _listener(session, contact.campaign_id, CALL)
    if endpoint_id is None:
        return
    data = _call_words(contact, attempts)
    digest = sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    _tell(session, endpoint_id, f"call:{contact.id}:{digest}", CALL_COMPLETED, data, now)


def _listener(session: Session, campaign_id: int, kind: str) -> int | None:
    """The endpoint that wants to hear of this kind of thing of this campaign."""
    row = session.execute(_LISTENER, {"campaign_id": campaign_id}).first()
    return row.id if row is not None and kind in row.events else None


def _tell_numbers(session: Session, endpoint_id: int, campaign: Campaign, event: str, now: datetime) -> None:
    data = campaign_answer_with_contacts(session, campaign)
    _tell(session, endpoint_id, f"{event}:{now.isoformat()}", event, data, now)
    told = {"told": data, "progress_at": _next_look(campaign, now)}
    session.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(told))


def _next_look(campaign: Campaign, now: datetime) -> datetime | None:
    return now + PROGRESS_INTERVAL if campaign.state in LIVE_CAMPAIGNS else None


def _tell(session: Session, endpoint_id: int, key: str, event: str, data: dict[str, Any], now: datetime) -> None:
    body = {"type": event, "timestamp": now.isoformat(), "data": data}
    connection = session.connection()
    connection.execute(
        _TELL_ONCE[connection.dialect.name],
        {
            "endpoint_id": endpoint_id, "uid": f"msg_{uuid.uuid4().hex}", "key": key, "event": event,
            "body": json.dumps(body), "created_at": now, "next_at": now, "give_up_at": now + PATIENCE,
        },
    )  # fmt: skip


def _call_words(contact: Contact, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """`again_at` is set while we shall call this person once more."""
    return {
        "campaign_id": str(contact.campaign_id),
        "to_number": contact.number,
        "context": contact.context,
        "state": contact.state,
        "reason": contact.reason,
        "settled_at": iso(contact.settled_at),
        "again_at": iso(contact.due_at),
        "attempts": [_attempt_words(attempt) for attempt in sorted(attempts, key=age)],
    }


def _attempt_words(attempt: Attempt) -> dict[str, Any]:
    return {
        "call_id": attempt.call_id or None,
        "status": attempt.status,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "duration": attempt.duration,
        "recording_url": attempt.recording_url,
        "summary": attempt.summary,
    }
