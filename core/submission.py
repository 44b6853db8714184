"""Claim, commit, POST once, record: who may send a wave, and what follows from each answer.

The POST itself stands in jobs/submit.py, between `claim` and `record`, outside any transaction.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.bars import barred
from core.clocks import hours_of
from core.facts import Sent, Submission
from core.guards import REFUSED, too_late
from core.launch import lock_campaign
from core.ledger import mark_submitted
from core.marks import Mark, next_mark
from core.models import Campaign, Contact, Target, Wave
from core.next_contacts import fits
from core.provider_binding import belongs_elsewhere, bind
from core.provider_state import learn, refuse_key, trouble
from core.restoring import RESTORED
from core.schedule import FRESH, wave_length
from core.states import CampaignState, ContactState, WaveState
from core.vault import Vault
from core.waves import detach, lock_wave, move_wave, void_wave

# What a later certainty of the claim holder may still correct: it alone knows whether it sent.
_STILL_OURS = (WaveState.SUBMITTING, WaveState.UNKNOWN, WaveState.NEEDS_PERSON)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to POST one wave, once. `request` is complete: it holds the webhook's token and secret, so keep it out of logs."""

    wave_id: int
    campaign_id: int
    campaign_name: str
    ordinal: int
    token: str
    claimed_at: datetime
    request: dict[str, Any]
    mark: Mark


def claim(
    session: Session, wave_id: int, public_url: str | None, vault: Vault, now: datetime, provider: str | None = None
) -> Claim | None:
    """Win the right to send a planned wave; None when somebody else was first, it must wait, or it went stale (then it is void).

    `provider` is what this very process would send to: what is kept of the settings may be another host's.
    """
    campaign_id = session.scalar(select(Wave.campaign_id).where(Wave.id == wave_id))
    if campaign_id is None:
        return None
    campaign = lock_campaign(session, campaign_id)
    wave = lock_wave(session, wave_id)
    if wave is None or wave.state != WaveState.PLANNED:
        return None
    if stale := _staleness(session, campaign, wave, now):
        void_wave(session, wave, stale, now)
        return None
    if trouble(session, now) or belongs_elsewhere(session, provider) or (wave.not_before and wave.not_before > now):
        return None
    token = str(uuid.uuid4())
    won = session.execute(
        update(Wave)
        .where(Wave.id == wave_id, Wave.state == WaveState.PLANNED)
        .values(
            state=WaveState.SUBMITTING,
            state_since=now,
            words="It is being handed over.",
            claim=token,
            claimed_at=now,
            submissions=Wave.submissions + 1,
        )
    )
    if won.rowcount != 1:  # type: ignore[attr-defined]
        return None
    request = dict(wave.request)
    if public_url:
        request["webhook_url"] = f"{public_url.rstrip('/')}/webhooks/{vault.open(wave.token)}"
        request["webhook_secret"] = vault.open(wave.secret)
    bind(session)
    return Claim(wave.id, campaign.id, campaign.name, wave.ordinal, token, now, request, next_mark(session))


def _staleness(session: Session, campaign: Campaign, wave: Wave, now: datetime) -> str | None:
    if campaign.state != CampaignState.RUNNING:
        return f"Not sent: the campaign is {campaign.state}."
    if campaign.hold == RESTORED:
        return "Not sent: it was cut before the backup that this installation was restored from."
    if campaign.hold:
        return f"Not sent: {campaign.hold_words}"
    if too_late(session, campaign, now):
        return "Not sent: it is later than this campaign may begin."
    if now - wave.cut_at > FRESH:
        return "Cut anew: it waited too long to be sent as it was."
    if wave.starts_at is not None and wave.starts_at <= now:
        return "Cut anew: the time at which the provider was to start it has passed."
    queued = (Contact.wave_id == wave.id, Contact.state == ContactState.QUEUED)
    numbers = session.scalars(select(Contact.number).where(*queued)).all()
    bars = barred(session, numbers, now, recent_days=campaign.recent_days, campaign_id=campaign.id)
    if bars or len(numbers) != wave.size:
        return "Cut anew: somebody in it must not be called any more."
    if hours_of(campaign) is None:
        return None
    length = wave_length(wave.size, wave.lines)
    clocks = session.scalars(select(Contact.clock).where(*queued).distinct())
    if not all(fits(campaign, clock, length, now) for clock in clocks):
        return "Cut anew: it would last longer than somebody's calling hours."
    return None


def give_back(session: Session, held: Claim, words: str, now: datetime) -> None:
    """The claim holder did not send: the wave is planned again."""
    wave = _locked_under_claim(session, held)
    if wave is not None:
        _plan_again(wave, words, now)


def record(session: Session, held: Claim, outcome: Submission, now: datetime) -> Wave | None:
    """Write what the POST came to, under its claim; None when the wave is no longer ours to write."""
    wave = _locked_under_claim(session, held)
    learn(session, outcome, now)  # the provider's one row after the campaign's, as `refuse_key` must
    if wave is None:
        return None
    wave.http_status = outcome.http_status
    wave.errors = [{"loc": list(error.loc), "message": error.message} for error in outcome.errors]
    if outcome.sent == Sent.ACCEPTED and outcome.campaign:
        _accept(session, wave, outcome, now)
    elif wave.state in _STILL_OURS:
        if outcome.sent == Sent.REFUSED:
            _refuse(session, wave, outcome, now)
        elif outcome.sent == Sent.UNKNOWN:
            mark_unknown(wave, outcome.words, now)
        elif outcome.sent == Sent.KEY_REFUSED:
            wave.key_refusals += 1
            if wave.key_refusals > 1:
                refuse_key(session, outcome.words, now)
            _plan_again(wave, outcome.words, now)
        else:
            _plan_again(wave, outcome.words, now)
    return wave


def mark_unknown(wave: Wave, words: str, now: datetime) -> None:
    """It may have been sent: never again by itself. Evidence or a person decides."""
    if wave.state == WaveState.SUBMITTING:
        move_wave(wave, WaveState.UNKNOWN, words, now)
        wave.next_poll_at, wave.polls = now, 0


def _locked_under_claim(session: Session, held: Claim) -> Wave | None:
    lock_campaign(session, held.campaign_id)
    wave = lock_wave(session, held.wave_id)
    return wave if wave is not None and wave.claim == held.token else None


def _accept(session: Session, wave: Wave, outcome: Submission, now: datetime) -> None:
    assert outcome.campaign is not None
    wave.provider_id = outcome.campaign.provider_id or wave.provider_id
    wave.provider_status = wave.provider_status or outcome.campaign.status
    if wave.state in _STILL_OURS:
        move_wave(wave, WaveState.ACCEPTED, outcome.words, now)
        first = now + timedelta(seconds=5)
        wave.accepted_at, wave.next_poll_at, wave.polls = now, max(first, wave.starts_at or first), 0
        mark_submitted(session, wave)


def _plan_again(wave: Wave, words: str, now: datetime) -> None:
    if wave.state in _STILL_OURS:
        move_wave(wave, WaveState.PLANNED, words, now)
        wave.claim, wave.claimed_at, wave.rung_at = None, None, None


def _refuse(session: Session, wave: Wave, outcome: Submission, now: datetime) -> None:
    """The named people are excluded with the provider's words, the rest go back to the list; a second refusal asks a person."""
    move_wave(wave, WaveState.REFUSED, outcome.words, now)
    named = _named_targets(wave, outcome)
    for contact in session.scalars(
        select(Contact)
        .join(Target, (Target.contact_id == Contact.id) & (Target.wave_id == wave.id))
        .where(Target.number.in_(named), Contact.wave_id == wave.id)
    ):
        contact.state, contact.reason = ContactState.EXCLUDED, f"Refused by the provider: {named[contact.number]}"
        contact.wave_id, contact.settled_at = None, now
        wave.excluded += 1
    session.flush()
    detach(session, wave)
    wave.counts = {}
    campaign = session.get_one(Campaign, wave.campaign_id)
    earlier = select(Wave.state).where(Wave.campaign_id == campaign.id, Wave.ordinal < wave.ordinal)
    before = session.scalar(earlier.where(Wave.state != WaveState.VOID).order_by(Wave.ordinal.desc()).limit(1))
    if before == WaveState.REFUSED:
        campaign.hold, campaign.hold_words = REFUSED, f"The provider refused two submissions: {outcome.words}"
    words = f"Wave {wave.ordinal}: {outcome.words}"
    note(session, CALLBOARD, "wave.refused", "campaign", campaign.id, now, summary=words)


def _named_targets(wave: Wave, outcome: Submission) -> dict[str, str]:
    """Numbers that a 422 names by index in `targets`, with its words."""
    targets = wave.request["targets"]
    named: dict[str, str] = {}
    for error in outcome.errors:
        place = error.loc.index("targets") + 1 if "targets" in error.loc else len(error.loc)
        index = error.loc[place] if place < len(error.loc) else None
        if isinstance(index, int) and 0 <= index < len(targets):
            named.setdefault(targets[index]["to_number"], error.message)
    return named
