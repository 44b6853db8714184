"""Is a campaign well? One word and the reason, derived from its row and its open waves; never a state of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core.models import Campaign, Contact, Wave
from core.provider_state import Ailment, ailment
from core.schedule import span
from core.states import LIVE_CAMPAIGNS, OPEN_WAVES, CampaignState, ContactState, WaveState

FINE, WAITING, ATTENTION, ENDED = "fine", "waiting", "attention", "ended"
# With calls open, somebody has to look after so long without a word.
SILENT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Health:
    """`word` is fine, waiting, attention or ended; `reason` is a sentence. `is_warned`: a wave may or may not have been sent, or the
    provider cannot be used for a while.
    """

    word: str
    reason: str
    is_warned: bool = False


@dataclass(frozen=True, slots=True)
class OpenWaves:
    """What the open waves of one campaign say together; `calls` is how many calls of theirs are open."""

    states: frozenset[str] = frozenset()
    last_event_at: datetime | None = None
    accepted_at: datetime | None = None
    calls: int = 0


NO_WAVES = OpenWaves()


def open_waves(session: Session, campaign_ids: Sequence[int] | None = None) -> dict[int, OpenWaves]:
    """Of these campaigns, or of all; those without an open wave are left out. Two statements for however many."""
    theirs = [Wave.state.in_(OPEN_WAVES)] + ([] if campaign_ids is None else [Wave.campaign_id.in_(campaign_ids)])
    dialling = (Contact.wave_id == Wave.id, Contact.settled_at.is_(None), Contact.state == ContactState.DIALLING)
    calls: dict[int, int] = dict(
        session.execute(
            select(Wave.campaign_id, func.count())
            .join(Contact, and_(*dialling))
            .where(*theirs)
            .group_by(Wave.campaign_id)
        ).all()
    )
    told: dict[int, list[Any]] = {}
    query = select(Wave.campaign_id, Wave.state, func.max(Wave.last_event_at), func.max(Wave.accepted_at)).where(
        *theirs
    )
    for campaign_id, *row in session.execute(query.group_by(Wave.campaign_id, Wave.state)):
        told.setdefault(campaign_id, []).append(row)
    return {
        campaign_id: OpenWaves(
            frozenset(state for state, _, _ in rows),
            max((heard for _, heard, _ in rows if heard), default=None),
            max((accepted for _, _, accepted in rows if accepted), default=None),
            calls.get(campaign_id, 0),
        )
        for campaign_id, rows in told.items()
    }


def healths(session: Session, campaigns: Sequence[Campaign], now: datetime) -> dict[int, Health]:
    """The health of each of these, by their ids."""
    waves, ails = open_waves(session, [one.id for one in campaigns]), ailment(session, now)
    return {one.id: health(one, waves.get(one.id, NO_WAVES), ails, now) for one in campaigns}


def health(campaign: Any, waves: OpenWaves, ails: Ailment | None, now: datetime) -> Health:
    """Of a Campaign, or a row with its state, hold, hold_words, alarm and why. `ails`: what keeps the provider from being used."""
    if campaign.alarm:
        return Health(ATTENTION, campaign.alarm)
    if campaign.state not in LIVE_CAMPAIGNS:
        return Health(ENDED, campaign.why)
    unsure = bool(waves.states & {WaveState.UNKNOWN, WaveState.NEEDS_PERSON})
    runs = campaign.state == CampaignState.RUNNING
    if campaign.hold or WaveState.NEEDS_PERSON in waves.states:
        return Health(ATTENTION, campaign.why or campaign.hold_words, unsure)
    if runs and ails and ails.needs_somebody:
        return Health(ATTENTION, ails.words, unsure)
    if words := _silence(waves, now):
        return Health(ATTENTION, words, unsure)
    if runs and ails:
        return Health(WAITING, ails.words, is_warned=True)
    return Health(FINE if runs and WaveState.ACCEPTED in waves.states and not unsure else WAITING, campaign.why, unsure)


def _silence(waves: OpenWaves, now: datetime) -> str | None:
    heard_at = max(filter(None, (waves.last_event_at, waves.accepted_at)), default=None)
    if not waves.calls or heard_at is None or now - heard_at < SILENT:
        return None
    calls = f"{waves.calls:,} {'call is' if waves.calls == 1 else 'calls are'} open"
    return f"Nothing was reported for {span(now - heard_at)}, and {calls}."
