"""What the live part of a campaign's page shows: one function gathers it for the page and for the stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sqlalchemy.orm import Session

from blueprints.runtime import now
from core import control, lookups
from core.approvals import approved_by
from core.charts import SPANS
from core.clocks import hours_of, hours_words
from core.health import ATTENTION, Health, healths
from core.models import Campaign, Wave
from core.pace import Pace, paces
from core.progress import FeedLine, Progress, feed, progress, wave_counts
from core.reasons import Out
from core.requests import wave_plan
from core.states import CampaignState, ContactState

FRAGMENTS = ("head", "numbers", "waves", "feed")
FIRST_SPAN = next(iter(SPANS))
SHOWN_WAVES = 30


@dataclass(frozen=True)
class CampaignView:
    campaign: Campaign
    progress: Progress
    health: Health
    tone: str
    pace: Pace | None
    waves: Sequence[tuple[Wave, dict[str, int]]]
    waves_cut: int
    waves_to_come: int
    feed: Sequence[FeedLine]
    last_event_at: datetime | None
    masked: bool
    approved_by: str
    hours: str
    acts: tuple[str, ...]
    finishing: Out


def span_of(given: Mapping[str, str]) -> str:
    """Which window of time the charts show."""
    asked = given.get("span", "")
    return asked if asked in SPANS else FIRST_SPAN


def campaign_view(session: Session, campaign: Campaign, masked: bool) -> CampaignView:
    at = now()
    numbers = progress(session, campaign)
    plan = wave_plan(campaign.wave_size, campaign.size - campaign.excluded_at_launch)
    is_well = healths(session, [campaign], at)[campaign.id]
    shown = lookups.waves_of(session, campaign.id, SHOWN_WAVES)
    return CampaignView(
        campaign=campaign,
        progress=numbers,
        health=is_well,
        tone=_tone(campaign, is_well),
        pace=paces(session, [campaign], {campaign.id: numbers}, at).get(campaign.id),
        waves=[(wave, wave_counts(session, wave)) for wave in shown],
        waves_cut=lookups.count_waves(session, campaign.id),
        waves_to_come=ceil(numbers.counts[ContactState.READY] / plan.size),
        feed=feed(session, campaign.id),
        last_event_at=lookups.last_event_at(session, campaign.id),
        masked=masked,
        approved_by=approved_by(session, campaign.id),
        hours=hours_words(campaign) if hours_of(campaign) else "",
        acts=control.acts_of(campaign),
        finishing=control.finishing(session, campaign.id),
    )


def _tone(campaign: Campaign, is_well: Health) -> str:
    """The colour of the sentence: does somebody have to do something?"""
    if is_well.word == ATTENTION:
        return "bad"
    if campaign.state in (CampaignState.PAUSED, CampaignState.STOPPING) or is_well.is_warned:
        return "warn"
    tones = {CampaignState.COMPLETED: "good", CampaignState.RUNNING: "info"}
    return tones.get(CampaignState(campaign.state), "neutral")
