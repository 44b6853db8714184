"""A wave's life: cut just in time, voided when stale, finished when all its people are settled."""

import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from core.call_times import keep_calls
from core.messages import hears_of_calls
from core.models import Campaign, Contact, Reservation, Wave
from core.next_contacts import next_contacts
from core.progress import count_states, recount
from core.requests import TargetRequest, build_request, wave_plan
from core.states import ContactState, WaveState, check_wave_move
from core.vault import Vault
from core.wave_rows import add_targets, queue_contacts, reserve

# Built once: to build a statement takes longer than to run it, and these run for every report of a call.
_LOCKED_WAVE = (
    select(Wave)
    .where(Wave.id == bindparam("wave_id"))
    .with_for_update(of=Wave, key_share=True)
    .execution_options(populate_existing=True)
)
_UNSETTLED = select(func.count()).select_from(
    select(Contact.id)
    .where(Contact.wave_id == bindparam("wave_id"), Contact.settled_at.is_(None))
    .limit(bindparam("most"))
    .subquery()
)


def lock_wave(session: Session, wave_id: int) -> Wave | None:
    """The wave row, locked until the end of the transaction: taken before any of its contacts (and after its campaign)."""
    return session.scalar(_LOCKED_WAVE, {"wave_id": wave_id})


def move_wave(wave: Wave, to: WaveState, words: str, now: datetime) -> None:
    """`words` is the sentence that says why it is there now; what happens next stands in core/reasons.py."""
    check_wave_move(wave.state, to)
    wave.state, wave.state_since, wave.words = to, now, words


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def cut_wave(
    session: Session,
    campaign: Campaign,
    most: int,
    lines: int,
    vault: Vault,
    now: datetime,
    starts_at: datetime | None = None,
) -> Wave | None:
    """Take up to `most` contacts that may be called now into a new planned wave; None when there is nobody to take.

    The campaign row is locked by the caller. A number that another open wave holds stays with its contact, ready or due; whoever
    must not be called any more is left out for good. `starts_at` is when the provider shall start it, if it shall do that itself.
    """
    contacts = next_contacts(session, campaign, most, lines, now)
    if not contacts:
        return None
    ordinal = (session.scalar(select(func.max(Wave.ordinal)).where(Wave.campaign_id == campaign.id)) or 0) + 1
    token, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    wave = Wave(
        campaign_id=campaign.id, ordinal=ordinal, state=WaveState.PLANNED, state_since=now, words="Cut just now.", cut_at=now,
        starts_at=starts_at, size=0,
        lines=lines, name_sent="", request={}, token=vault.seal(token), token_hash=token_hash(token), secret=vault.seal(secret),
        retry_attempts=campaign.retry_attempts if campaign.retry_by == "provider" else 0,
        tells_calls=hears_of_calls(session, campaign.id),
    )  # fmt: skip
    session.add(wave)
    session.flush()
    won = reserve(session, wave, [contact.id for contact in contacts])
    taken = [contact for contact in contacts if contact.id in won]
    if not taken:
        session.delete(wave)
        session.flush()
        return None
    _freeze(session, campaign, wave, taken)
    return wave


def _freeze(session: Session, campaign: Campaign, wave: Wave, taken: list[Any]) -> None:
    contexts = json.loads(f"[{','.join(contact.context for contact in taken)}]")
    # They grow within a wave: a thousand places in one corner of an index are found faster than a thousand all over it.
    ref = secrets.token_hex(10)
    targets = [
        TargetRequest(contact.number, f"{ref}{place:04x}", contact.caller_id, context)
        for place, (contact, context) in enumerate(zip(taken, contexts, strict=True))
    ]
    waves = wave_plan(campaign.wave_size, campaign.size - campaign.excluded_at_launch).waves
    wave.size, wave.lines = len(taken), min(wave.lines, len(taken))
    wave.request = build_request(
        campaign, targets, ordinal=wave.ordinal, waves=waves, lines=wave.lines, starts_at=wave.starts_at
    )
    wave.name_sent = wave.request["name"]
    add_targets(session, wave, [(c.id, t.ref) for t, c in zip(targets, taken, strict=True)])
    queue_contacts(session, wave, [c.id for c in taken])
    for left in sorted({c.wave_id for c in taken if c.wave_id is not None}):
        recount(session, left)


def detach(session: Session, wave: Wave, *but: int) -> None:
    """Give the wave's people, but for these contacts, back to the list, and let their numbers go."""
    session.execute(
        update(Contact)
        .where(Contact.wave_id == wave.id, Contact.id.not_in(but))
        .values(wave_id=None, state=ContactState.READY, settled_at=None, tries=Contact.tries - 1)
    )
    release(session, wave)


def disagrees(session: Session, wave: Wave) -> bool:
    """Does the provider count more than we know of, or say that it is over while we wait for somebody?"""
    begun, settled, total = session.execute(
        select(
            func.count(Contact.id).filter(Contact.attempts > 0), func.count(Contact.settled_at), func.count(Contact.id)
        ).where(Contact.wave_id == wave.id)
    ).one()
    told_done = (wave.provider_completed or 0) + (wave.provider_failed or 0)
    return (
        (wave.provider_initiated or 0) > begun
        or told_done > settled
        or (wave.provider_over_at is not None and settled < total)
    )


def note_difference(session: Session, wave: Wave, now: datetime) -> None:
    """Keep since when the provider's counters and our rows disagree."""
    wave.differs_since = (wave.differs_since or now) if disagrees(session, wave) else None


def release(session: Session, wave: Wave) -> None:
    session.execute(delete(Reservation).where(Reservation.wave_id == wave.id))


def void_wave(session: Session, wave: Wave, words: str, now: datetime) -> None:
    """A planned wave that must not go as it was cut: its people are ready again."""
    move_wave(wave, WaveState.VOID, words, now)
    wave.counts = {}
    detach(session, wave)


def unsettled_left(session: Session, wave: Wave) -> int:
    """How many of its people are not settled yet, counted no further than one more than its lines."""
    return session.scalar(_UNSETTLED, {"wave_id": wave.id, "most": wave.lines + 1}) or 0


def finish_if_settled(session: Session, wave: Wave, now: datetime) -> bool:
    """Finish an accepted wave whose people are all settled; True when it was finished just now."""
    session.flush()
    if wave.state != WaveState.ACCEPTED or unsettled_left(session, wave):
        return False
    move_wave(wave, WaveState.FINISHED, "Everybody in it is settled.", now)
    wave.finished_at, wave.next_poll_at = now, None
    wave.counts = count_states(session, wave.id)
    keep_calls(session, wave)
    if wave.differs_since is not None:
        note_difference(session, wave, now)
    release(session, wave)
    return True
