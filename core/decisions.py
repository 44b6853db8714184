"""What only a person may decide: a wave that may have been sent, and one that the provider refuses again and again."""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core import leaving_out
from core.audit import Actor, note
from core.bars import ASKED_AT_ONCE, among, batches
from core.errors import Conflict, Invalid, NotFound
from core.guards import BREAKER, LATE, REFUSED
from core.launch import lock_campaign
from core.ledger import mark_submitted
from core.models import Campaign, Contact, Target, Wave
from core.restoring import RESTORED, handed_over_since, lost_numbers
from core.states import ContactState, WaveState
from core.waves import detach, lock_wave, move_wave


def it_was_sent(session: Session, wave_id: int, actor: Actor, now: datetime) -> Wave:
    """A person knows that the wave reached the provider: it is accepted, and its people are waited for."""
    wave = _wave_to_decide(session, wave_id)
    words = f"{actor.name} decided that wave {wave.ordinal} was sent."
    move_wave(wave, WaveState.ACCEPTED, words, now)
    wave.accepted_at, wave.next_poll_at, wave.polls = wave.claimed_at or now, now, 0
    mark_submitted(session, wave)
    _note_decision(session, wave, "wave.it_was_sent", words, actor, now)
    return wave


def send_again(session: Session, wave_id: int, typed: int | None, actor: Actor, now: datetime) -> Wave:
    """A person takes it on themselves that nobody was called: the wave is abandoned, its people go back to the list.

    `typed` is the number of people, typed as a confirmation. The abandoned wave's address keeps receiving (core/ledger.py).
    """
    wave = _wave_to_decide(session, wave_id)
    if typed != wave.size:
        raise Invalid(f"Type {wave.size} to confirm that these people may be called again.", "typed")
    words = f"{actor.name} decided to send wave {wave.ordinal} again: {wave.size:,} {'person' if wave.size == 1 else 'people'}."
    move_wave(wave, WaveState.ABANDONED, words, now)
    wave.next_poll_at = None
    detach(session, wave)
    wave.counts = {}
    _note_decision(session, wave, "wave.send_again", words, actor, now)
    return wave


GO_ON = {
    RESTORED: "go on after the restore", REFUSED: "try again", BREAKER: "go on although calls failed",
    LATE: "begin, late as it is",
}  # fmt: skip


def try_again(session: Session, campaign_id: int, actor: Actor, now: datetime) -> str:
    """Lift whatever holds a campaign: two refusals, a restore, its safety switch, or that it could not begin in time.

    Returns what it may do now: "go on after the restore, without 3 who had been handed over".
    """
    campaign = _held_campaign(session, campaign_id)
    words = GO_ON[campaign.hold or ""]
    if campaign.hold == RESTORED and (people := _leave_out_the_lost(session, campaign, now)):
        words += f", without {people:,} who had been handed over"
    if campaign.hold == BREAKER:
        campaign.breaker_from = now
    if campaign.hold == LATE:
        campaign.latest_start_at = None
    before, campaign.hold = {"hold": campaign.hold}, None
    note(
        session, actor, "campaign.try_again", "campaign", campaign.id, now,
        summary=f"{actor.name} let the campaign {words}.", before=before, after={"hold": None},
    )  # fmt: skip
    return words


def _leave_out_the_lost(session: Session, campaign: Campaign, now: datetime) -> int:
    """Whoever a submission that this database does not know had handed over is not called once more; returns how many."""
    lost = lost_numbers(session, campaign.id)
    people: list[tuple[Any, str]] = []
    waits = or_(Contact.state == ContactState.READY, Contact.due_at.is_not(None))
    columns = select(Contact.id, Contact.number, Contact.due_at, Contact.attempts)
    for some in batches(lost, ASKED_AT_ONCE):
        mine = columns.where(Contact.campaign_id == campaign.id, waits, among(session, Contact.number, some))
        people += [(contact, handed_over_since(lost[contact.number])) for contact in session.execute(mine)]
    leaving_out.leave_out(session, campaign, people, now)
    return len(people)


def leave_out(session: Session, campaign_id: int, actor: Actor, now: datetime) -> int:
    """Exclude the people of the last refused wave who still wait, and go on without them; returns how many."""
    campaign = _held_campaign(session, campaign_id)
    if campaign.hold != REFUSED:
        raise Conflict("No refusal holds this campaign: let it go on, or stop it.")
    wave = session.scalar(
        select(Wave)
        .where(Wave.campaign_id == campaign_id, Wave.state == WaveState.REFUSED)
        .order_by(Wave.ordinal.desc())
        .limit(1)
        .with_for_update(of=Wave, key_share=True)
    )
    if wave is None:
        raise Conflict("There is no refused submission to leave out.")
    people = select(Target.contact_id).where(Target.wave_id == wave.id)
    left_out = session.execute(
        update(Contact)
        .where(Contact.id.in_(people), Contact.state == ContactState.READY)
        .values(
            state=ContactState.EXCLUDED, reason=f"Left out after the provider refused: {wave.words}", settled_at=now
        )
    ).rowcount  # type: ignore[attr-defined]
    wave.excluded += left_out
    before, campaign.hold = {"hold": campaign.hold}, None
    words = f"{actor.name} left out whom the provider refused: {left_out:,}."
    note(session, actor, "campaign.leave_out", "campaign", campaign.id, now, summary=words, before=before,
         after={"hold": None, "people": left_out})  # fmt: skip
    return int(left_out)


def _note_decision(session: Session, wave: Wave, act: str, words: str, actor: Actor, now: datetime) -> None:
    before = {"wave": wave.ordinal, "state": WaveState.NEEDS_PERSON}
    note(session, actor, act, "campaign", wave.campaign_id, now, summary=words, before=before,
         after={"wave": wave.ordinal, "state": wave.state})  # fmt: skip


def _wave_to_decide(session: Session, wave_id: int) -> Wave:
    campaign_id = session.scalar(select(Wave.campaign_id).where(Wave.id == wave_id))
    if campaign_id is None:
        raise NotFound("There is no such wave.")
    lock_campaign(session, campaign_id)
    wave = lock_wave(session, wave_id)
    if wave is None or wave.state != WaveState.NEEDS_PERSON:
        raise Conflict("This wave needs no decision any more.")
    return wave


def _held_campaign(session: Session, campaign_id: int) -> Campaign:
    campaign = lock_campaign(session, campaign_id)
    if campaign.hold is None:
        raise Conflict("Nothing holds this campaign up any more.")
    return campaign
