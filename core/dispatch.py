"""Dispatch: for one campaign, may a wave go now, and if not, why? Run by every tick; running it twice does no harm."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from core.asking import is_due, may_give_up, note_ring
from core.audit import CALLBOARD, note
from core.decisions import it_was_sent
from core.guards import BREAKER, LATE, held_by, hold, late_words, too_late, was_sent, why_open
from core.launch import lock_campaign
from core.ledger import settle_wave
from core.lines import busy, free_lines, had_its_turn, unsettled_in, wants_nothing
from core.models import Campaign, Contact, Wave
from core.moves import move_campaign
from core.next_contacts import leave_out_clock
from core.notices import tell_people
from core.pacing import STRICT
from core.provider_binding import why_not_ours
from core.provider_state import known_state, quota_limits, trouble
from core.reasons import Reason, calling, in_doubt, say, scheduled, standing
from core.requests import wave_plan
from core.schedule import FRESH, SETTLE_TIME, SUBMITTING_LIMIT
from core.states import (
    GIVEN_BACK,
    LIVE_CAMPAIGNS,
    OPEN_WAVES,
    TO_CALL,
    CampaignState,
    ContactState,
    WaveState,
)
from core.submission import mark_unknown
from core.test_calls import give_up_waiting
from core.vault import Vault
from core.waiting import openings, outside_hours, somebody_could_go, waiting, why_nobody
from core.waves import cut_wave, finish_if_settled, move_wave, note_difference, void_wave

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
    order = (Campaign.priority.desc(), Campaign.lines_wanted_since.asc().nulls_last(), Campaign.id)
    return list(session.scalars(query.order_by(*order)))


def _is_awaited() -> ColumnElement[bool]:
    """Waves that time may still move: the open ones, and those given back in which a call was reported after all."""
    reported = select(Contact.id).where(Contact.wave_id == Wave.id, Contact.settled_at.is_(None)).exists()
    return or_(Wave.state.in_(OPEN_WAVES), and_(Wave.state.in_(GIVEN_BACK), reported))


def advance(session: Session, campaign_id: int, vault: Vault, now: datetime) -> Round:
    """Do everything that is due for one campaign, in one transaction, and store the reason why it is where it is."""
    campaign = lock_campaign(session, campaign_id)
    before = _shown(campaign)
    round_ = Round()
    if campaign.state in (CampaignState.DRAFT, CampaignState.AWAITING_APPROVAL):
        return round_  # nobody has launched it
    _begin_if_due(session, campaign, now)
    if campaign.is_test:
        give_up_waiting(session, campaign, now)
    waves = _look_after_waves(session, campaign, round_, now)
    if campaign.state == CampaignState.STOPPING:
        _stop(session, campaign, waves, now)
    if (
        campaign.state in (CampaignState.RUNNING, CampaignState.PAUSED)
        and not waves
        and not _anybody_left(session, campaign)
    ):
        _complete(session, campaign, now)
    if campaign.state == CampaignState.RUNNING:
        reason = _go_or_why(session, campaign, waves, vault, now)
        if campaign.hold:
            _void_planned(session, waves, f"Not sent: {campaign.hold_words}", now)
    else:
        wants_nothing(campaign)
        reason = _resting(session, campaign, waves)
    say(campaign, reason, now)
    tell_people(session, campaign, now)
    _collect(waves, round_, now)
    round_.changed = round_.changed or before != _shown(campaign)
    return round_


def _shown(campaign: Campaign) -> tuple[object, ...]:
    return campaign.state, campaign.why, campaign.next_words, campaign.next_at, campaign.hold


def _complete(session: Session, campaign: Campaign, now: datetime) -> None:
    campaign.ended_at = now
    move_campaign(session, campaign, CampaignState.COMPLETED, now)


def _begin_if_due(session: Session, campaign: Campaign, now: datetime) -> None:
    if campaign.state != CampaignState.SCHEDULED or campaign.start_at is None or campaign.start_at > now:
        return
    if campaign.hold == LATE or too_late(session, campaign, now):
        if not campaign.hold:
            hold(session, campaign, LATE, late_words(campaign), now)
        return
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
        words = f"Nothing was found within {SETTLE_TIME // timedelta(minutes=1)} minutes that says whether it was sent."
        move_wave(wave, WaveState.NEEDS_PERSON, words, now)
        if campaign.is_test:  # it stands in no list, so nobody would be asked: it counts as sent, and is not repeated
            it_was_sent(session, wave.id, CALLBOARD, now)
            return
        words = f"Wave {wave.ordinal} may or may not have been sent; somebody must decide."
        note(session, CALLBOARD, "wave.needs_person", "campaign", campaign.id, now, summary=words)
    elif not finish_if_settled(session, wave, now) and wave.state not in _UNDECIDED and may_give_up(session, wave, now):
        settle_wave(session, wave, now, is_given_up=True)
    if wave.differs_since is not None:
        note_difference(session, wave, now)


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


def _void_planned(session: Session, waves: list[Wave], words: str, now: datetime) -> None:
    for wave in [wave for wave in waves if wave.state == WaveState.PLANNED]:
        void_wave(session, wave, words, now)
        waves.remove(wave)


def _resting(session: Session, campaign: Campaign, waves: list[Wave]) -> Reason:
    """The reason of a campaign that does not run: it waits for its start or for a person, or is over."""
    doubt, held = in_doubt(waves), held_by(session, campaign)
    if campaign.state == CampaignState.SCHEDULED:
        return held or scheduled(campaign)
    resting = standing(campaign, waves, unsettled_in(session, [wave.id for wave in waves]))
    assert resting is not None
    if doubt:
        return Reason(f"{resting.words} {doubt.words}", doubt.then, doubt.at)
    if held and campaign.state == CampaignState.PAUSED:
        return Reason(f"{resting.words} {held.words}", held.then)
    return resting


def _go_or_why(session: Session, campaign: Campaign, waves: list[Wave], vault: Vault, now: datetime) -> Reason:
    """Cut the next wave if one may go now; in any case the reason why things are as they are."""
    if reason := _held_up(session, campaign, now):
        wants_nothing(campaign)
        return in_doubt(waves) or reason
    in_use = busy(waves, unsettled_in(session, [wave.id for wave in waves]))
    if any(wave.state == WaveState.PLANNED for wave in waves) or (campaign.pace == STRICT and waves):
        return _under_way(session, campaign, waves, in_use, ceil(campaign.lines / 3), now)
    free = free_lines(session, campaign, in_use, lambda: somebody_could_go(session, campaign, now), now)
    if not free.enough:
        if free.limit is not None and not waves:
            return Reason(
                f"All {free.limit:,} lines of this installation are busy with other campaigns.",
                "Its turn comes as lines become free.",
            )
        return _under_way(session, campaign, waves, in_use, free.for_a_wave, now)
    reason = _cut(session, campaign, waves, free.lines, vault, now)
    return reason or _under_way(session, campaign, waves, in_use, free.for_a_wave, now)


def _held_up(session: Session, campaign: Campaign, now: datetime) -> Reason | None:
    """Whatever forbids the next wave, the strongest first; what is found just now is written down."""
    if not campaign.hold and too_late(session, campaign, now):
        hold(session, campaign, LATE, late_words(campaign), now)
    if not campaign.hold and (opened := why_open(session, campaign)):
        hold(session, campaign, BREAKER, opened, now)
    if reason := held_by(session, campaign):
        return reason
    if words := trouble(session, now):
        return _of_the_provider(session, words)
    quota = quota_limits(session, now)
    if quota.calls_left == 0:
        return Reason(quota.words, "It goes on when the provider says that calls are left.")
    return None


def _of_the_provider(session: Session, words: str) -> Reason:
    if why_not_ours(session):
        return Reason(words, "An admin says so on the provider's page, or the settings are mended.")
    state = known_state(session)
    if state.key_refused_at:
        return Reason(words, "It goes on when the key was changed, or somebody asks to try again.")
    return Reason(words, "Then it is tried again.", state.usable_from)


def _cut(
    session: Session, campaign: Campaign, waves: list[Wave], lines: int, vault: Vault, now: datetime
) -> Reason | None:
    """Cut a wave for so many lines; None when one was cut, or when the open waves explain that nobody was found."""
    size = wave_plan(campaign.wave_size, campaign.size - campaign.excluded_at_launch).size
    most = max(1, round(size * lines / campaign.lines))
    left = quota_limits(session, now).calls_left
    left_out = campaign.left_out
    starts_at = _start_of_the_provider(session, campaign, now)
    wave = cut_wave(session, campaign, most if left is None else min(most, left), lines, vault, now, starts_at)
    if wave is None:
        wants_nothing(campaign)
        return _nobody(session, campaign, waves, campaign.left_out > left_out, now)
    had_its_turn(campaign, now)
    waves.append(wave)
    return None


def _start_of_the_provider(session: Session, campaign: Campaign, now: datetime) -> datetime | None:
    """When the provider shall start the first wave, where a person chose so; never a time that has passed."""
    if campaign.start_by != "provider" or campaign.start_at is None or was_sent(session, campaign):
        return None
    if campaign.start_at > now + FRESH:
        return campaign.start_at
    words = "The chosen start has passed, or is too near: the provider is asked to start at once."
    note(session, CALLBOARD, "campaign.start_passed", "campaign", campaign.id, now, summary=words)
    return None


def _nobody(
    session: Session, campaign: Campaign, waves: list[Wave], some_left_out: bool, now: datetime
) -> Reason | None:
    """The reason when nobody could be taken; people whom no hour will ever suit are left out first, some at a time."""
    people = waiting(session, campaign)
    opens = openings(campaign, people, now)
    never = [clock for clock in people.by(now) if opens.get(clock, now) is None]
    if never:
        leave_out_clock(session, campaign, never[0], now)
    if waves:
        return None
    if never or some_left_out:
        words = "People who must not be called are being left out; the reason stands beside each."
        return Reason(words, "Whoever is left is called.")
    return why_nobody(session, campaign, people, opens, now)


def _under_way(
    session: Session, campaign: Campaign, waves: list[Wave], in_use: int, for_a_wave: int, now: datetime
) -> Reason:
    """The reason of a campaign whose open waves explain it, or who begins, or whose hours are over for those who wait."""
    if doubt := in_doubt(waves):
        return doubt
    left = _anybody_left(session, campaign, waiting_only=True)
    reason = calling(campaign, waves, in_use, for_a_wave, left)
    if left and (outside := outside_hours(session, campaign, now)):
        return Reason(f"{reason.words[:-1]}; whoever waits is {outside}.", "The next wave goes then.")
    return reason


def _anybody_left(session: Session, campaign: Campaign, waiting_only: bool = False) -> bool:
    """Is there anybody to call: still, or (`waiting_only`) besides those in waves?"""
    query = select(Contact.id).where(Contact.campaign_id == campaign.id).limit(1)
    states = (ContactState.READY,) if waiting_only else TO_CALL
    waiting = session.scalar(query.where(Contact.state.in_(states)))
    return waiting is not None or session.scalar(query.where(Contact.due_at.is_not(None))) is not None


def _collect(waves: list[Wave], round_: Round, now: datetime) -> None:
    for wave in waves:
        if wave.state == WaveState.PLANNED:
            rung_lately = wave.rung_at is not None and now - wave.rung_at < RING_AGAIN
            if not rung_lately and (wave.not_before is None or wave.not_before <= now):
                wave.rung_at = now
                round_.submit.append(wave.id)
        elif is_due(wave, now):
            note_ring(wave, now)
            round_.ask.append(wave.id)
