"""Is a campaign well? One word and the reason, derived from its row and its open waves; never a state of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.models import Campaign, Wave
from core.progress import Progress
from core.schedule import span
from core.states import LIVE_CAMPAIGNS, OPEN_WAVES, CampaignState, ContactState, WaveState

FINE, WAITING, ATTENTION, ENDED = "fine", "waiting", "attention", "ended"
# With calls open, somebody has to look after so long without a word.
SILENT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Health:
    """`word` is fine, waiting, attention or ended; `reason` is a sentence. `is_unsure`: a wave may or may not have been sent."""

    word: str
    reason: str
    is_unsure: bool = False


@dataclass(frozen=True, slots=True)
class OpenWaves:
    """What the open waves of one campaign say together."""

    states: frozenset[str] = frozenset()
    last_event_at: datetime | None = None
    accepted_at: datetime | None = None


NO_WAVES = OpenWaves()


def open_waves(session: Session, campaign_ids: Sequence[int]) -> dict[int, OpenWaves]:
    """By campaign; those without an open wave are left out. One statement for however many."""
    rows: dict[int, list[Any]] = {}
    query = (
        select(Wave.campaign_id, Wave.state, func.max(Wave.last_event_at), func.max(Wave.accepted_at))
        .where(Wave.campaign_id.in_(campaign_ids), Wave.state.in_(OPEN_WAVES))
        .group_by(Wave.campaign_id, Wave.state)
    )
    for campaign_id, *row in session.execute(query):
        rows.setdefault(campaign_id, []).append(row)
    return {
        campaign_id: OpenWaves(frozenset(s for s, _, _ in told), *_latest(told)) for campaign_id, told in rows.items()
    }


def _latest(rows: Sequence[Any]) -> tuple[datetime | None, datetime | None]:
    heard = (at for _, at, _ in rows if at)
    accepted = (at for _, _, at in rows if at)
    return max(heard, default=None), max(accepted, default=None)


def health(campaign: Campaign, progress: Progress, waves: OpenWaves, ails: str | None, now: datetime) -> Health:
    """`ails` is what keeps the provider from being used, if anything does."""
    if campaign.alarm:
        return Health(ATTENTION, campaign.alarm)
    if campaign.state not in LIVE_CAMPAIGNS:
        return Health(ENDED, campaign.why)
    unsure = bool(waves.states & {WaveState.UNKNOWN, WaveState.NEEDS_PERSON})
    if campaign.hold or WaveState.NEEDS_PERSON in waves.states:
        return Health(ATTENTION, campaign.why or campaign.hold_words, unsure)
    if ails and campaign.state == CampaignState.RUNNING:
        return Health(ATTENTION, ails, unsure)
    if words := _silence(progress, waves, now):
        return Health(ATTENTION, words, unsure)
    calls = campaign.state == CampaignState.RUNNING and WaveState.ACCEPTED in waves.states
    return Health(FINE if calls and not unsure else WAITING, campaign.why, unsure)


def _silence(progress: Progress, waves: OpenWaves, now: datetime) -> str | None:
    calls = progress.of(ContactState.DIALLING)
    heard_at = max(filter(None, (waves.last_event_at, waves.accepted_at)), default=None)
    if not calls or heard_at is None or now - heard_at < SILENT:
        return None
    return f"Nothing was reported for {span(now - heard_at)}, and {calls:,} {'call is' if calls == 1 else 'calls are'} open."
