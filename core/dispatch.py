"""Dispatch: for one campaign, may a wave go now, and if not, why? Run by every tick; running it twice does no harm."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.decisions import it_was_sent
from core.fold import silence_ends
from core.launch import lock_campaign, waits_for_start
from core.ledger import settle_wave
from core.models import Campaign, Contact, Wave
from core.moves import move_campaign
from core.next_contacts import leave_out_clock
from core.progress import progress
from core.provider_state import trouble
from core.requests import wave_plan
from core.restoring import RESTORED, why_held
from core.schedule import FRESH
from core.states import (
    GIVEN_BACK,
    LIVE_CAMPAIGNS,
    OPEN_WAVES,
    TO_CALL,
    CampaignState,
    ContactState,
    WaveState,
)
from core.submission import SETTLE_TIME, SUBMITTING_LIMIT, mark_unknown
from core.test_calls import give_up_waiting
from core.vault import Vault
from core.waiting import openings, outside_hours, waiting, why_nobody
from core.waves import cut_wave, finish_if_settled, move_wave, void_wave

RING_AGAIN = timedelta(seconds=5)
CANCEL_CHUNK = 5000
_UNDECIDED = (WaveState.SUBMITTING, WaveState.UNKNOWN, WaveState.NEEDS_PERSON)


@dataclass(slots=True)
class Round:
    """What one look at a campaign came to: waves to submit, waves to ask about, whether a page would look different."""

    submit: list[int] = field(default_factory=list)
    ask: list[int] = field(default_factory=list)
    changed: bool = False


def live_campaigns(session: Session) -> list[int]:
    """Campaigns that a tick must look at; those that ended may still hold a wave whose last reports are awaited."""
    waiting = select(Wave.campaign_id).where(_is_awaited())
    query = select(Campaign.id).where(or_(Campaign.state.in_(LIVE_CAMPAIGNS), Campaign.id.in_(waiting)))
    return list(session.scalars(query.order_by(Campaign.id)))


def _is_awaited() -> ColumnElement[bool]:
    """Waves that time may still move: the open ones, and those given back in which a call was reported after all."""
    reported = select(Contact.id).where(Contact.wave_id == Wave.id, Contact.settled_at.is_(None)).exists()
    return or_(Wave.state.in_(OPEN_WAVES), and_(Wave.state.in_(GIVEN_BACK), reported))


def advance(session: Session, campaign_id: int, vault: Vault, now: datetime) -> Round:
    """Do everything that is due for one campaign, in one transaction, and store the sentence that says why it is where it is."""
    campaign = lock_campaign(session, campaign_id)
    before = (campaign.state, campaign.why)
    round_ = Round()
    if campaign.state in (CampaignState.DRAFT, CampaignState.AWAITING_APPROVAL):
        return round_  # nobody has launched it
    _begin_if_due(session, campaign, now)
    if campaign.is_test:
        give_up_waiting(session, campaign, now)
    waves = _look_after_waves(session, campaign, round_, now)
    if campaign.state == CampaignState.STOPPING:
        _stop(session, campaign, waves, now)
    reason = _go_or_why(session, campaign, waves, vault, now) if campaign.state == CampaignState.RUNNING else None
    if (
        campaign.state in (CampaignState.RUNNING, CampaignState.PAUSED)
        and not waves
        and not _anybody_left(session, campaign)
    ):
        campaign.ended_at = now
        move_campaign(session, campaign, CampaignState.COMPLETED, now)
    still_runs = campaign.state == CampaignState.RUNNING
    _say(campaign, (still_runs and reason) or _standing(session, campaign, waves, now), now)
    _collect(waves, round_, now)
    round_.changed = round_.changed or before != (campaign.state, campaign.why)
    return round_


def _begin_if_due(session: Session, campaign: Campaign, now: datetime) -> None:
    if campaign.state == CampaignState.SCHEDULED and campaign.start_at is not None and campaign.start_at <= now:
        campaign.started_at = now
        move_campaign(session, campaign, CampaignState.RUNNING, now)
        note(session, CALLBOARD, "campaign.start", "campaign", campaign.id, now, summary="The start time has come.")


def _look_after_waves(session: Session, campaign: Campaign, round_: Round, now: datetime) -> list[Wave]:
    """Move on every wave that time has caught up with; returns those still open. No passing state outlives its limit."""
    mine = (
        select(Wave)
        .where(Wave.campaign_id == campaign.id)
        .order_by(Wave.ordinal)
        .with_for_update(of=Wave, key_share=True)
    )
    waves = session.scalars(mine.where(_is_awaited()).execution_options(populate_existing=True)).all()
    for wave in waves:
        held = wave.state
        _look_after(session, campaign, wave, now)
        round_.changed = round_.changed or wave.state != held
    session.flush()
    return [wave for wave in waves if wave.state in OPEN_WAVES]


def _look_after(session: Session, campaign: Campaign, wave: Wave, now: datetime) -> None:
    since_claim = now - (wave.claimed_at or wave.cut_at)
    if wave.state == WaveState.PLANNED:
        if campaign.state != CampaignState.RUNNING:
            void_wave(session, wave, f"Not sent: the campaign is {campaign.state}.", now)
        elif now - wave.cut_at > FRESH:
            void_wave(session, wave, "Cut anew: it waited too long to be sent as it was.", now)
    elif wave.state == WaveState.SUBMITTING and since_claim > SUBMITTING_LIMIT:
        mark_unknown(wave, "The process that was sending it did not say what came of it.", now)
    elif wave.state == WaveState.UNKNOWN and since_claim > SETTLE_TIME:
        move_wave(wave, WaveState.NEEDS_PERSON, now)
        if campaign.is_test:  # it stands in no list, so nobody would be asked: it counts as sent, and is not repeated
            it_was_sent(session, wave.id, CALLBOARD, now)
            return
        words = f"Wave {wave.ordinal} may or may not have been sent; somebody must decide."
        note(session, CALLBOARD, "wave.needs_person", "campaign", campaign.id, now, summary=words)
    elif not finish_if_settled(session, wave, now) and now >= silence_ends(wave) and wave.state not in _UNDECIDED:
        settle_wave(session, wave, now)


def _stop(session: Session, campaign: Campaign, waves: list[Wave], now: datetime) -> None:
    """Cancel everybody not handed over, a chunk at a time; stopped once nothing of it is open any more."""
    waiting = select(Contact.id).where(Contact.campaign_id == campaign.id)
    ready = session.scalars(waiting.where(Contact.state == ContactState.READY).limit(CANCEL_CHUNK)).all()
    if ready:
        values = {"state": ContactState.CANCELLED, "reason": "Stopped before it was handed over.", "settled_at": now}
        session.execute(update(Contact).where(Contact.id.in_(ready)).values(values))
        campaign.cancelled += len(ready)
    session.execute(
        update(Contact).where(Contact.campaign_id == campaign.id, Contact.due_at.is_not(None)).values(due_at=None)
    )
    if len(ready) < CANCEL_CHUNK and not waves:
        campaign.ended_at = now
        move_campaign(session, campaign, CampaignState.STOPPED, now)


def _go_or_why(session: Session, campaign: Campaign, waves: list[Wave], vault: Vault, now: datetime) -> str | None:
    """Cut the next wave if one may go now, else say why not. None when the open waves explain themselves."""
    if campaign.hold == RESTORED:
        return why_held(session)
    if campaign.hold == "refused":
        return "The provider refused two submissions; somebody must look at its words and try again."
    if reason := trouble(session, now):
        return reason
    if any(wave.state == WaveState.PLANNED for wave in waves):
        return None
    free = campaign.lines - _lines_in_use(session, waves)
    if free < ceil(campaign.lines / 3):
        return None
    size = wave_plan(campaign.wave_size, campaign.size - campaign.excluded_at_launch).size
    left_out = campaign.left_out
    wave = cut_wave(session, campaign, max(1, round(size * free / campaign.lines)), free, vault, now)
    if wave is None:
        return _nobody(session, campaign, waves, campaign.left_out > left_out, now)
    waves.append(wave)
    return None


def _nobody(session: Session, campaign: Campaign, waves: list[Wave], some_left_out: bool, now: datetime) -> str | None:
    """The sentence when nobody could be taken; people whom no hour will ever suit are left out first, some at a time."""
    people = waiting(session, campaign)
    opens = openings(campaign, people, now)
    never = [clock for clock in people.by(now) if opens.get(clock, now) is None]
    if never:
        leave_out_clock(session, campaign, never[0], now)
    if waves:
        return None
    if never or some_left_out:
        return "People who must not be called are being left out; the reason stands beside each."
    return why_nobody(session, campaign, people, opens, now)


def _lines_in_use(session: Session, waves: list[Wave]) -> int:
    """A wave uses its lines, or as many as it still has people."""
    if not waves:
        return 0
    rows = session.execute(
        select(Contact.wave_id, func.count())
        .where(Contact.wave_id.in_([wave.id for wave in waves]), Contact.settled_at.is_(None))
        .group_by(Contact.wave_id)
    )
    unsettled = dict(rows.all())
    return sum(min(wave.lines, unsettled.get(wave.id, 0)) for wave in waves)


def _anybody_left(session: Session, campaign: Campaign) -> bool:
    query = select(Contact.id).where(Contact.campaign_id == campaign.id).limit(1)
    waiting = session.scalar(query.where(Contact.state.in_(TO_CALL)))
    return waiting is not None or session.scalar(query.where(Contact.due_at.is_not(None))) is not None


def _standing(session: Session, campaign: Campaign, waves: list[Wave], now: datetime) -> str:
    """The sentence of a campaign that nothing holds up."""
    if needing := [wave for wave in waves if wave.state == WaveState.NEEDS_PERSON]:
        return f"Wave {needing[0].ordinal} may or may not have been sent; somebody must decide."
    if unknown := [wave for wave in waves if wave.state == WaveState.UNKNOWN]:
        return f"Wave {unknown[0].ordinal} may or may not have been sent; we are looking for evidence."
    if campaign.state == CampaignState.SCHEDULED:
        return waits_for_start(campaign) + (f" {why_held(session)}" if campaign.hold == RESTORED else "")
    if campaign.state == CampaignState.PAUSED:
        if campaign.hold == RESTORED:
            return f"Paused. {why_held(session)}"
        return "Paused; calls already handed over are finishing." if waves else "Paused."
    if campaign.state == CampaignState.STOPPING:
        return "Stopping; calls already handed over are finishing."
    if campaign.state == CampaignState.STOPPED:
        return "Stopped."
    if campaign.state == CampaignState.COMPLETED:
        return "Everybody was called or accounted for."
    return _calling(session, campaign, waves, now)


def _calling(session: Session, campaign: Campaign, waves: list[Wave], now: datetime) -> str:
    calling = [str(wave.ordinal) for wave in waves if wave.state == WaveState.ACCEPTED]
    if not calling:
        return f"Wave {waves[-1].ordinal} is being handed over to the provider." if waves else "Starting."
    names = f"Wave {calling[0]} is" if len(calling) == 1 else f"Waves {', '.join(calling[:-1])} and {calling[-1]} are"
    ready = progress(session, campaign).counts[ContactState.READY]
    if not ready:
        return f"{names} calling; everybody was handed over."
    people = f"{ready:,} {'person waits' if ready == 1 else 'people wait'}"
    outside = outside_hours(session, campaign, now)
    return f"{names} calling; {people}{f', {outside}' if outside else ' for free lines'}."


def _collect(waves: list[Wave], round_: Round, now: datetime) -> None:
    for wave in waves:
        if wave.state == WaveState.PLANNED:
            rung_lately = wave.rung_at is not None and now - wave.rung_at < RING_AGAIN
            if not rung_lately and (wave.not_before is None or wave.not_before <= now):
                wave.rung_at = now
                round_.submit.append(wave.id)
        elif wave.next_poll_at is not None and wave.next_poll_at <= now:
            wave.next_poll_at = now + timedelta(seconds=30)  # until the asking itself says when to ask again
            round_.ask.append(wave.id)


def _say(campaign: Campaign, words: str, now: datetime) -> None:
    if words != campaign.why:
        campaign.why, campaign.why_since = words, now
