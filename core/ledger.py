"""The ledger: facts about calls are added here, by webhook and by poll alike, and a contact's state follows from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD
from core.call_times import keep_calls
from core.facts import AttemptStatus, CallFact, CampaignFact
from core.fold import age, change, fold, merge
from core.installation import DO_NOT_CALL_BY_OUTCOME, value_of
from core.messages import correct_progress, tell_call
from core.models import Attempt, Campaign, Contact, Target, Wave
from core.progress import recount
from core.sent_after_all import spares, take_back, withdraw_all
from core.states import GIVEN_BACK, OVER_CAMPAIGNS, RETRYABLE, ContactState, Verdict, WaveState
from core.suppressions import add_numbers, cut_reason
from core.waves import finish_if_settled, lock_wave, move_wave, note_difference, unsettled_left

MAY_HAVE_BEEN_SENT = (WaveState.PLANNED, WaveState.SUBMITTING, WaveState.UNKNOWN, WaveState.NEEDS_PERSON)

# Built once: to build a statement takes longer than to run it, and these run for every report.
_OF_THIS_WAVE = select(Target.contact_id).where(Target.wave_id == bindparam("wave_id"))
_BY_REF = _OF_THIS_WAVE.where(Target.ref == bindparam("ref"))
_BY_NUMBER = _OF_THIS_WAVE.where(Target.number == bindparam("number"))
_LOCKED_CONTACT = (
    select(Contact)
    .where(Contact.id == bindparam("contact_id"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_ATTEMPTS = select(Attempt).where(Attempt.contact_id == bindparam("contact_id")).order_by(Attempt.id)


@dataclass(slots=True)
class Applied:
    """What one fact did. `settles`: nothing more is waited for of this person; `frees`: a line became free, so a wave may go;
    `ask`: the call's own record is worth a look."""

    verdict: Verdict
    note: str = ""
    contact_id: int | None = None
    frees: bool = False
    ask: bool = False
    settles: bool = False


def apply_call(session: Session, wave: Wave, fact: CallFact, now: datetime) -> Applied:
    """Add one report of one call to its contact; repeats and any order end in the same rows.

    The caller holds the wave's lock, and before it the campaign's unless the wave is accepted: only then can its people not
    move to another wave meanwhile.
    """
    contact_id = _match(session, wave, fact)
    if contact_id is None:
        return unmatched()
    accept_by_evidence(session, wave, "A call of this wave was reported.", now)
    if wave.state == WaveState.ABANDONED:
        withdraw_all(session, wave, now)
    current = wave if wave.state == WaveState.ACCEPTED else _lock_current_wave(session, wave, contact_id)
    contact = session.scalars(_LOCKED_CONTACT, {"contact_id": contact_id}).one()
    if contact.wave_id != wave.id and (wave.state in GIVEN_BACK or spares(session, contact, fact)):
        take_back(session, wave, current, contact, now)
    attempts = list(session.scalars(_ATTEMPTS, {"contact_id": contact_id}))
    known = len(attempts)
    applied = learn(session, wave, wave if contact.wave_id == wave.id else current, contact, attempts, fact, now)
    session.add_all(attempts[known:])
    if applied.settles:
        applied.frees = frees_a_line(session, wave, now)
    elif wave.state == WaveState.FINISHED and wave.differs_since is not None:
        note_difference(session, wave, now)
    if wave.calls_by_hour is not None and applied.verdict in (Verdict.APPLIED, Verdict.LATE):
        session.flush()
        keep_calls(session, wave)
    return applied


def unmatched() -> Applied:
    return Applied(Verdict.UNMATCHED, "Nobody in this wave has this number or reference.")


def learn(
    session: Session, wave: Wave, current: Wave | None, contact: Contact, attempts: list[Attempt], fact: CallFact,
    now: datetime, begin: Callable[..., Attempt] = Attempt,
) -> Applied:  # fmt: skip
    """Fold one report of `wave` into a contact of it, who is in wave `current` now, and all of whose attempts are given.

    The caller holds the locks of all of them, writes what is new of them (`begin` makes an attempt), and asks `frees_a_line` once
    where anybody settled.
    """
    asked_off = [attempt for attempt in attempts if attempt.do_not_call]
    attempt, learned = _record(wave, contact, attempts, fact, now, begin)
    if attempt is not None and attempt.do_not_call and attempt not in asked_off:
        _never_call_again(session, contact, fact, now)
    if learned:  # a poll that brings nothing new is no event
        contact.last_event_at = now
        _heard_of(wave, now)
    was_settled = contact.settled_at is not None
    refold(session, contact, current, attempts, now)
    settles = contact.settled_at is not None and not was_settled
    words = f"Words we do not know yet: {', '.join(fact.unknown_words)}." if fact.unknown_words else ""
    if attempt is None or not learned:
        verdict = Verdict.IGNORED if words else Verdict.REPEAT
        return Applied(verdict, words or "Nothing new.", contact.id, settles=settles)
    verdict = Verdict.LATE if was_settled else Verdict.APPLIED
    return Applied(verdict, words, contact.id, ask=attempt.ask, settles=settles)


def frees_a_line(session: Session, wave: Wave, now: datetime) -> bool:
    """Somebody in this wave settled just now: may another one go? The wave is finished with the last of its people."""
    left = unsettled_left(session, wave)
    if not left:
        finish_if_settled(session, wave, now)
    return left < wave.lines


def apply_campaign(session: Session, wave: Wave, fact: CampaignFact, now: datetime) -> Applied:
    """Keep the provider's own counters of a wave; they never move a contact by themselves."""
    accept_by_evidence(session, wave, "The provider reported on this wave.", now)
    if wave.state == WaveState.ABANDONED:
        withdraw_all(session, wave, now)
    applied = apply_counters(wave, fact, now)
    if applied.verdict != Verdict.REPEAT:
        note_difference(session, wave, now)
        applied.frees = fact.over and settle_wave(session, wave, now, is_given_up=False)
    return applied


def apply_counters(wave: Wave, fact: CampaignFact, now: datetime) -> Applied:
    """The provider's counters into the wave's row; the caller compares them with ours."""
    if fact.provider_id and wave.provider_id is None:
        wave.provider_id = fact.provider_id
    held = (wave.provider_initiated, wave.provider_completed, wave.provider_failed, wave.provider_over_at)
    # A shorter answer than before is an older one: counters only grow.
    wave.provider_initiated = _most(wave.provider_initiated, fact.initiated)
    wave.provider_completed = _most(wave.provider_completed, fact.completed)
    wave.provider_failed = _most(wave.provider_failed, fact.failed)
    if fact.over and wave.provider_over_at is None:
        wave.provider_over_at = now
    if wave.provider_over_at is None or fact.over:
        wave.provider_status = fact.status or wave.provider_status
    if held == (wave.provider_initiated, wave.provider_completed, wave.provider_failed, wave.provider_over_at):
        return Applied(Verdict.REPEAT, "Nothing new.")
    _heard_of(wave, now)
    return Applied(Verdict.APPLIED, f"Calls begun at the provider: {wave.provider_initiated or 0:,}.")


def accept_by_evidence(session: Session, wave: Wave, found: str, now: datetime) -> bool:
    """A verified report on a wave proves that it was sent. True when the wave became accepted by it."""
    if wave.state not in MAY_HAVE_BEEN_SENT:
        return False
    wave.evidence = [*wave.evidence, {"at": now.isoformat(), "looked": "reports of the provider", "found": found}]
    move_wave(wave, WaveState.ACCEPTED, found, now)
    wave.accepted_at = wave.claimed_at or now
    wave.next_poll_at = now
    mark_submitted(session, wave)
    return True


def mark_submitted(session: Session, wave: Wave) -> None:
    """The fold of everybody in a wave that was accepted just now: nobody of it can have an attempt there yet."""
    session.execute(
        update(Contact)
        .where(Contact.wave_id == wave.id, Contact.state == ContactState.QUEUED)
        .values(state=ContactState.SUBMITTED)
    )


def settle_wave(session: Session, wave: Wave, now: datetime, *, is_given_up: bool) -> bool:
    """Fold every unsettled contact again because it is given up or the provider's campaign ended; True when the wave finished."""
    session.flush()
    contacts = session.scalars(select(Contact).where(Contact.wave_id == wave.id, Contact.settled_at.is_(None))).all()
    known: dict[int, list[Attempt]] = {contact.id: [] for contact in contacts}
    for attempt in session.scalars(select(Attempt).join(Contact, Contact.id == Attempt.contact_id).where(
        Contact.wave_id == wave.id, Contact.settled_at.is_(None)
    )):  # fmt: skip
        known[attempt.contact_id].append(attempt)
    for contact in contacts:
        refold(session, contact, wave, known[contact.id], now, is_given_up)
    return finish_if_settled(session, wave, now)


def refold(
    session: Session,
    contact: Contact,
    wave: Wave | None,
    attempts: Sequence[Attempt],
    now: datetime,
    is_given_up: bool = False,
) -> None:
    """Recompute a contact from its current wave and all its attempts; correct kept counts if its wave was counted already."""
    change(contact, attempts=len(attempts))
    folded = fold(wave, attempts, is_given_up)
    if wave is None or folded is None:
        return
    held, (state, settled) = contact.state, folded
    settled_at = (contact.settled_at or now) if settled else None
    change(contact, state=state, settled_at=settled_at, reason=_reason(state, attempts))
    change(contact, due_at=_due_again(session, contact, attempts))
    if contact.state != held and wave.counts is not None:
        session.flush()
        recount(session, wave.id)
        correct_progress(session, contact.campaign_id, now)
    if settled and wave.tells_calls:
        tell_call(session, contact, attempts, now)


def _never_call_again(session: Session, contact: Contact, fact: CallFact, now: datetime) -> None:
    """Once for each call that says so: a repeat, or a poll, must not put back a number that a person has taken off since.

    In a test call somebody tries out what the agent does when it is told so.
    """
    campaign = session.get_one(Campaign, contact.campaign_id)
    if campaign.is_test or not value_of(session, DO_NOT_CALL_BY_OUTCOME):
        return
    reason = f"The provider said “{(fact.word or '')[:60]}” about a call of “{campaign.name}”."
    add_numbers(session, [contact.number], cut_reason(reason), None, "call", CALLBOARD, now)


def _due_again(session: Session, contact: Contact, attempts: Sequence[Attempt]) -> datetime | None:
    """When a later wave of ours shall try this settled contact again; None when it shall not."""
    if not contact.settled_at or contact.state not in RETRYABLE:
        return None  # most reports: the campaign need not be read for them
    if any(attempt.do_not_call for attempt in attempts):
        return None  # whether or not that puts the number on the list
    campaign = session.get_one(Campaign, contact.campaign_id)
    used_up = contact.tries > campaign.retry_attempts or campaign.state in OVER_CAMPAIGNS
    if campaign.retry_by != "us" or contact.state not in campaign.retry_outcomes or used_up:
        return None
    return contact.settled_at + timedelta(minutes=campaign.retry_gap_minutes)


def _match(session: Session, wave: Wave, fact: CallFact) -> int | None:
    """The id of the contact in this wave: by the echoed reference if there is one, else by the number."""
    if fact.ref and (contact_id := session.scalar(_BY_REF, {"wave_id": wave.id, "ref": fact.ref})):
        return contact_id
    if not fact.number:
        return None
    return session.scalar(_BY_NUMBER, {"wave_id": wave.id, "number": plus_number(fact.number)})


def plus_number(number: str) -> str:
    """As our numbers are written: some providers leave the plus away."""
    return number if number.startswith("+") else f"+{number}"


def _heard_of(wave: Wave, now: datetime) -> None:
    """To the second is enough: all reports of a wave would otherwise write its one row."""
    if wave.last_event_at is None or now - wave.last_event_at > timedelta(seconds=1):
        wave.last_event_at = now


def _record(
    wave: Wave, contact: Contact, known: list[Attempt], fact: CallFact, now: datetime, begin: Callable[..., Attempt]
) -> tuple[Attempt | None, bool]:
    """Find or begin the attempt that this fact speaks of, and fold the fact in; True when anything was learned.

    A fact without a known status begins nothing; it may still bring a recording or a summary to a call that we know.
    """
    here = [attempt for attempt in known if attempt.wave_id == wave.id]
    attempt = next((a for a in here if a.call_id == (fact.call_id or "")), None)
    if attempt is None and fact.call_id:
        attempt = next((a for a in here if a.call_id == "" and _overlaps(a, fact)), None)
        if attempt is not None:
            attempt.call_id = fact.call_id
    if attempt is None and not fact.call_id:
        attempt = next((a for a in reversed(here) if _overlaps(a, fact)), None)
    if attempt is not None:
        return attempt, merge(attempt, fact)
    if fact.status is None:
        return None, False
    attempt = begin(
        contact_id=contact.id, wave_id=wave.id, call_id=fact.call_id or "", status=AttemptStatus.DIALLING, retry_follows=False,
        ask=False, do_not_call=False, first_seen_at=now,
    )  # fmt: skip
    merge(attempt, fact)
    known.append(attempt)
    return attempt, True


def _overlaps(attempt: Attempt, fact: CallFact) -> bool:
    """May these be the same call? Unknown times never speak against it."""
    started, ended = fact.started_at or fact.told_at, fact.ended_at or fact.told_at
    starts_after = started and attempt.ended_at and started > attempt.ended_at
    ends_before = ended and attempt.started_at and ended < attempt.started_at
    return not (starts_after or ends_before)


def _lock_current_wave(session: Session, wave: Wave, contact_id: int) -> Wave | None:
    """The wave that the contact is in now, locked before the contact, like every wave."""
    current_id = session.scalar(select(Contact.wave_id).where(Contact.id == contact_id))
    if current_id == wave.id or current_id is None:
        return wave if current_id else None
    return lock_wave(session, current_id)


def _reason(state: str, attempts: Sequence[Attempt]) -> str:
    if state == ContactState.NO_NEWS:
        return "The provider reported nothing about this call in time."
    if state == ContactState.DIALLING or not attempts:
        return ""
    word = max(attempts, key=age).word
    plain = (word or "").lower().replace("-", "_").replace(" ", "_")
    return f"The provider said: {word}" if word and plain not in (state, "ended", "completed") else ""


def _most(held: int | None, told: int | None) -> int | None:
    return held if told is None else told if held is None else max(held, told)
