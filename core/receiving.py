"""Many deliveries in one transaction: what each of them alone would have done, with a few statements for all.

Here are those of accepted waves, whose people stay in them: nearly all. The others, which may need the campaign's lock or that of
another wave, go alone through core/inbox.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, defer

from core.database import Base
from core.facts import CallFact
from core.heard_words import Holder, hear_in_deliveries
from core.inbox import Address, Envelope, Letter, Received, delivery_row, first_verdict, of_all
from core.ledger import Applied, apply_counters, learn, plus_number, unmatched
from core.lines import unsettled_in
from core.models import Attempt, Campaign, Contact, Delivery, Target, Wave
from core.states import Verdict, WaveState
from core.waves import finish_if_settled, note_difference

# Built once: to build a statement takes longer than to run it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_WAVES = (
    select(Wave)
    .where(Wave.id.in_(_IDS))
    .order_by(Wave.id)
    .with_for_update(of=Wave, key_share=True)
    .execution_options(populate_existing=True)
)
_CONTACTS = (
    select(Contact)
    .where(Contact.id.in_(_IDS))
    .order_by(Contact.id)
    .with_for_update(key_share=True)
    .options(defer(Contact.context))
    .execution_options(populate_existing=True)
)
_ATTEMPTS = select(Attempt).where(Attempt.contact_id.in_(_IDS)).order_by(Attempt.id)
_CAMPAIGNS = select(Campaign).where(Campaign.id.in_(_IDS))
_KEYS = select(Delivery.wave_id, Delivery.key).where(
    tuple_(Delivery.wave_id, Delivery.key).in_(bindparam("keys", expanding=True))
)
_BY_REF = select(Target.wave_id, Target.ref, Target.contact_id).where(Target.ref.in_(bindparam("refs", expanding=True)))
_BY_NUMBER = select(Target.wave_id, Target.number, Target.contact_id).where(
    tuple_(Target.wave_id, Target.number).in_(bindparam("numbers", expanding=True))
)
_KEEP = {
    name: insert(Base.metadata.tables["delivery"]).on_conflict_do_nothing(index_elements=["wave_id", "key"])
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery that waits to be kept, and when it came."""

    address: Address
    envelope: Envelope
    letter: Letter | None
    at: datetime

    def age(self, now: datetime) -> int:
        """How long ago it came, in milliseconds."""
        return max(0, round((now - self.at).total_seconds() * 1000))


# A delivery of more reports than this goes alone: the others should not wait for it.
MOST_REPORTS = 20


def receive_together(session: Session, parcels: Sequence[Parcel], now: datetime) -> list[Received | None]:
    """Keep them and apply what they say, in their order; None for one that has to go alone, of which nothing was written.

    Only waves are locked, and then their contacts, each in the order of their ids: two such transactions never wait for each other
    in a circle.
    """
    book = _Book(session, parcels, now)
    received = [book.enter(parcel) for parcel in parcels]
    book.close()
    return received


class _Book:
    """Everything that these deliveries speak of, read at once and written at once."""

    def __init__(self, session: Session, parcels: Sequence[Parcel], now: datetime) -> None:
        self.session, self.now = session, now
        genuine = [parcel for parcel in parcels if parcel.letter and _is_plain(parcel.letter)]
        facts = [(parcel.address.wave_id, fact) for parcel in genuine for fact in _calls(parcel)]
        ids = sorted({parcel.address.wave_id for parcel in genuine})
        self.waves = {wave.id: wave for wave in self._read(_WAVES, ids=ids)}
        self.unsettled = dict.fromkeys(ids, 0) | unsettled_in(session, ids)  # true for as long as the waves are locked
        keys = {_key(parcel) for parcel in parcels}
        self.known = {tuple(row) for row in session.execute(_KEYS, {"keys": list(keys)})}
        self.by_ref, self.by_number = self._targets(facts)
        people = sorted({*self.by_ref.values(), *self.by_number.values()})
        self.contacts = {contact.id: contact for contact in self._read(_CONTACTS, ids=people)}
        self.attempts: dict[int, list[Attempt]] = {contact_id: [] for contact_id in people}
        for attempt in self._read(_ATTEMPTS, ids=people):
            self.attempts[attempt.contact_id].append(attempt)
        # Held, so that whoever asks for one finds it in the session.
        self.campaigns = list(self._read(_CAMPAIGNS, ids=sorted({wave.campaign_id for wave in self.waves.values()})))
        self.rows: list[dict[str, object]] = []
        self.holders: list[Holder] = []
        self.settling: list[tuple[Received, Wave]] = []
        self.counted: dict[int, datetime] = {}

    def _read(self, query: Any, **given: list[Any]) -> Sequence[Any]:
        return self.session.scalars(query, given).all() if all(given.values()) else []

    def _targets(
        self, facts: Iterable[tuple[int, CallFact]]
    ) -> tuple[dict[tuple[int, str], int], dict[tuple[int, str], int]]:
        refs = {fact.ref for _, fact in facts if fact.ref}
        rows = self.session.execute(_BY_REF, {"refs": list(refs)}) if refs else ()
        by_ref = {(wave_id, ref): contact_id for wave_id, ref, contact_id in rows}
        numbers = {
            (wave_id, plus_number(fact.number))
            for wave_id, fact in facts
            if fact.number and (wave_id, fact.ref) not in by_ref
        }
        rows = self.session.execute(_BY_NUMBER, {"numbers": list(numbers)}) if numbers else ()
        return by_ref, {(wave_id, number): contact_id for wave_id, number, contact_id in rows}

    def enter(self, parcel: Parcel) -> Received | None:
        """What `core.inbox.receive` does for one, with what was read before."""
        envelope, letter, key = parcel.envelope, parcel.letter, _key(parcel)
        if key in self.known:
            return Received(envelope.refused or Verdict.REPEAT)
        verdict, note = first_verdict(envelope, letter)
        if verdict == Verdict.STALE or (letter and not _is_plain(letter)):
            return None
        if letter is None or verdict != Verdict.IGNORED:
            return self._keep(key, parcel, Received(verdict), note, None)
        wave = self.waves[parcel.address.wave_id]
        found = [self._contact(wave, fact) for fact in letter.calls]
        if wave.state != WaveState.ACCEPTED or any(one is not None and one.wave_id != wave.id for one in found):
            return None
        applied = [self._apply(wave, one, fact, parcel.at) for one, fact in zip(found, letter.calls, strict=True)]
        for told in letter.campaigns:
            applied.append(apply_counters(wave, told, parcel.at))
            if applied[-1].verdict != Verdict.REPEAT:
                self.counted[wave.id] = parcel.at
        if not applied:
            return self._keep(key, parcel, Received(verdict), note, None)
        received, note, contact_id = of_all(applied)
        if any(one.settles for one in applied):
            self.settling.append((received, wave))
        return self._keep(key, parcel, received, note, contact_id)

    def _contact(self, wave: Wave, fact: CallFact) -> Contact | None:
        contact_id = self.by_ref.get((wave.id, fact.ref or ""))
        if contact_id is None and fact.number:
            contact_id = self.by_number.get((wave.id, plus_number(fact.number)))
        return self.contacts[contact_id] if contact_id is not None else None

    def _apply(self, wave: Wave, contact: Contact | None, fact: CallFact, now: datetime) -> Applied:
        if contact is None:
            return unmatched()
        was_settled = contact.settled_at is not None
        applied = learn(self.session, wave, wave, contact, self.attempts[contact.id], fact, now)
        self.unsettled[wave.id] += was_settled - (contact.settled_at is not None)
        if applied.settles and not self.unsettled[wave.id]:
            finish_if_settled(self.session, wave, now)  # at once: what comes after it is late
        return applied

    def _keep(
        self, key: tuple[int, str], parcel: Parcel, received: Received, note: str, contact_id: int | None
    ) -> Received:
        self.known.add(key)
        row = delivery_row(parcel.address, parcel.envelope, parcel.letter, received.verdict, note, parcel.at)
        self.rows.append(row | {"contact_id": contact_id, "kept_ms": parcel.age(self.now)})
        if parcel.letter and parcel.letter.unknown_words:
            self.holders.append(Holder(*key, parcel.letter.unknown_words))
        return received

    def close(self) -> None:
        """Write what was learned, and look once at each wave whose counters were told."""
        self.session.flush()
        for received, wave in self.settling:
            received.tick = received.tick or self.unsettled[wave.id] < wave.lines
        for wave_id, at in self.counted.items():
            note_difference(self.session, self.waves[wave_id], at)
        if self.rows:
            connection = self.session.connection()
            # A repeat of what was refused may have come to another process just now: no lock is held for those.
            connection.execute(_KEEP[connection.dialect.name], self.rows)
        hear_in_deliveries(self.session, self.holders, self.now)


def _key(parcel: Parcel) -> tuple[int, str]:
    return parcel.address.wave_id, parcel.envelope.key


def _calls(parcel: Parcel) -> Sequence[CallFact]:
    return parcel.letter.calls if parcel.letter else ()


def _is_plain(letter: Letter) -> bool:
    """Few reports, none of which ends a campaign or puts a number on the do-not-call list: those touch what others hold."""
    return (
        len(letter.calls) + len(letter.campaigns) <= MOST_REPORTS
        and not any(fact.do_not_call for fact in letter.calls)
        and not any(fact.over for fact in letter.campaigns)
    )
