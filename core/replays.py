"""Replays: deliveries that were kept are judged and read again, after a setting was mended or a word was explained.

A replay can never count twice: a delivery takes its real key only once, and what it says is folded into facts that are there already.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from core.audit import CALLBOARD, Actor, note
from core.deliveries import Wanted, matching
from core.errors import Conflict
from core.heard_words import MEANINGS, Holder, explained, hear_in_deliveries
from core.inbox import Envelope, Letter, Received, apply_letter, first_verdict, lock_for, of_all, said
from core.models import Delivery, DeliveryWord, HeardWord, Replay, Wave
from core.states import REFUSED_DELIVERIES, Verdict

AT_ONCE = 50
SHOWN = 10
# What moved something, or was known already, is that for good.
_FINAL = (Verdict.APPLIED, Verdict.LATE, Verdict.REPEAT)


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery as it was kept, and the sealed secret of its wave."""

    id: int
    wave_id: int
    campaign_id: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    address: str
    received_at: datetime
    verdict: str
    secret: str


def begin_replay(session: Session, wanted: Wanted, actor: Actor, now: datetime) -> Replay:
    """Ask for all that match and came until now. Conflict where none does."""
    newest = session.scalar(select(func.max(Delivery.id)).where(*matching(session, wanted)))
    if newest is None:
        raise Conflict("No delivery matches.")
    replay = Replay(wanted=wanted.stored(), asked_by=actor.name, asked_at=now, up_to_id=newest)
    session.add(replay)
    words = f"{actor.name} had deliveries verified and read again."
    note(session, actor, "inbox.replay", "inbox", None, now, summary=words, after=wanted.stored())
    session.flush()
    return replay


def note_one(session: Session, kept: Kept, actor: Actor, now: datetime) -> None:
    """Somebody has one delivery read again, at once."""
    words = f"{actor.name} had delivery {kept.id} verified and read again."
    note(session, actor, "inbox.replay", "inbox", None, now, summary=words, after={"delivery": kept.id})


def begin_for_explained_words(session: Session, now: datetime) -> None:
    """Deliveries whose word is explained by now, and which nobody reads again yet: those that came in that very moment too."""
    is_explained = select(DeliveryWord.word).where(DeliveryWord.word == HeardWord.word).exists()
    under_way = {replay.wanted.get("word") for replay in unfinished_replays(session)}
    for word in session.scalars(select(HeardWord.word).where(HeardWord.meaning.is_not(None), is_explained)).all():
        if word not in under_way:
            begin_replay(session, Wanted(word=word), CALLBOARD, now)


def is_word_waiting(session: Session) -> bool:
    """Is there anything for `begin_for_explained_words`?"""
    waiting = select(DeliveryWord.word).join(HeardWord, HeardWord.word == DeliveryWord.word)
    return session.scalar(waiting.where(HeardWord.meaning.in_(MEANINGS)).limit(1)) is not None


def unfinished_replays(session: Session) -> Sequence[Replay]:
    return session.scalars(select(Replay).where(Replay.finished_at.is_(None)).order_by(Replay.id)).all()


def latest_replays(session: Session) -> Sequence[Replay]:
    return session.scalars(select(Replay).order_by(Replay.id.desc()).limit(SHOWN)).all()


def kept_deliveries(session: Session, *which: int) -> list[Kept]:
    """Those of these ids, as they were kept, in the order of their waves; without those whose body was taken out."""
    rows = session.execute(
        select(Delivery, Wave.secret)
        .join(Wave, Wave.id == Delivery.wave_id)
        .where(Delivery.id.in_(which), Delivery.forgotten_at.is_(None))
        .order_by(Delivery.wave_id, Delivery.id)
        .options(undefer(Delivery.body), undefer(Delivery.headers))
    )
    return [
        Kept(one.id, one.wave_id, one.campaign_id, [(str(name), str(value)) for name, value in one.headers], one.body,
             one.address, one.received_at, one.verdict, secret)
        for one, secret in rows
    ]  # fmt: skip


def next_ids(session: Session, replay: Replay) -> list[int]:
    """The next of a replay, in the order in which they came."""
    mine = matching(session, Wanted.of(replay.wanted))
    ids = select(Delivery.id).where(*mine, Delivery.id >= replay.next_id, Delivery.id <= replay.up_to_id)
    return list(session.scalars(ids.order_by(Delivery.id).limit(AT_ONCE)))


def note_progress(
    session: Session, replay_id: int, ids: Sequence[int], moved: Mapping[str, int], now: datetime
) -> None:
    """So far it got; without ids it is finished. What was done twice, because a worker died, is counted once."""
    replay = session.get_one(Replay, replay_id, with_for_update=True, populate_existing=True)
    new = [one for one in ids if one >= replay.next_id]
    if not ids:
        replay.finished_at = now
        if (word := replay.wanted.get("word")) and word in explained(session):
            # Whatever could not be read again now, never will be: it waits for no meaning.
            done = (DeliveryWord.word == word, DeliveryWord.delivery_id <= replay.up_to_id)
            session.execute(delete(DeliveryWord).where(*done))
    elif new:
        replay.next_id, replay.seen = ids[-1] + 1, replay.seen + len(new)
        replay.moved = dict(Counter(replay.moved) + Counter(moved))


def apply_again(session: Session, kept: Kept, envelope: Envelope, letter: Letter | None, now: datetime) -> Received:
    """One delivery, as it was judged and read just now. What it moved before, it cannot move a second time.

    The verdict changes only where the delivery had moved nothing: the design's replay.
    """
    wave = lock_for(session, kept.campaign_id, kept.wave_id)
    delivery = session.get_one(Delivery, kept.id, populate_existing=True)
    delivery.replayed_at = now
    if letter is None or not _takes_its_key(session, delivery, envelope):
        return Received(Verdict(delivery.verdict))
    verdict, words = first_verdict(envelope, letter)
    delivery.event, delivery.number, delivery.status = said(letter).values()
    session.execute(delete(DeliveryWord).where(DeliveryWord.delivery_id == delivery.id))
    session.flush()
    hear_in_deliveries(session, [Holder(wave.id, delivery.key, letter.unknown_words)], now)
    received, contact_id = Received(verdict), None
    if delivery.verdict in _FINAL:
        # Whatever it said without a call's id was of the newest call of that time; of today's it would be said wrongly.
        letter = replace(letter, calls=[fact for fact in letter.calls if fact.call_id])
    if verdict == Verdict.IGNORED and (applied := apply_letter(session, wave, letter, now)):
        received, words, contact_id = of_all(applied)
    if delivery.verdict not in _FINAL:
        delivery.verdict, delivery.note = received.verdict, words
        delivery.contact_id = contact_id or delivery.contact_id
    received.verdict = Verdict(delivery.verdict)
    return received


def _takes_its_key(session: Session, delivery: Delivery, envelope: Envelope) -> bool:
    """A refused delivery that is genuine after all takes its real key, once; False where it came again meanwhile and was taken."""
    if delivery.verdict not in REFUSED_DELIVERIES:
        return True
    try:
        with session.begin_nested():
            values = {"key": envelope.key, "form": envelope.form}
            session.execute(update(Delivery).where(Delivery.id == delivery.id).values(values))
    except IntegrityError:
        delivery.verdict, delivery.note = Verdict.REPEAT, "It is genuine, and came once more: that one was taken."
        return False
    session.refresh(delivery, ["key", "form"])
    return True
