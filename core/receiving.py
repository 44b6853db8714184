"""Many deliveries in one transaction: what each of them alone would have done, with a few statements for all.

Here are those of accepted waves, whose people stay in them: nearly all. The others, which may need the campaign's lock or that of
another wave, go alone through core/inbox.py.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, tuple_
from sqlalchemy.orm import Session

from core.facts import CallFact
from core.heard_words import Holder, hear_in_deliveries
from core.inbox import Address, Envelope, Letter, Received, delivery_row, first_verdict, of_all
from core.ledger import Applied, apply_call, apply_counters, learn, plus_number, unmatched
from core.lines import unsettled_in
from core.models import Attempt, Contact, Delivery, Target, Wave
from core.set_writes import insert_rows, update_rows
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
_CONTACT, _ATTEMPT = Contact.__table__.c, Attempt.__table__.c
_CONTACTS = {
    with_context: select(*(column for column in _CONTACT if with_context or column.key != "context"))
    .where(_CONTACT.id.in_(_IDS))
    .order_by(_CONTACT.id)
    .with_for_update(key_share=True)
    for with_context in (False, True)
}
_ATTEMPTS = select(*_ATTEMPT).where(_ATTEMPT.contact_id.in_(_IDS)).order_by(_ATTEMPT.id)
# What a report may change of them, and what an attempt is when it begins.
_OF_CONTACT = ("state", "reason", "settled_at", "due_at", "attempts", "last_event_at")
_OF_ATTEMPT = tuple(
    column.key for column in _ATTEMPT if column.key not in ("id", "contact_id", "wave_id", "first_seen_at")
)
_NEW_ATTEMPT = dict.fromkeys(column.key for column in _ATTEMPT if column.key != "id")
_KEYS = select(Delivery.wave_id, Delivery.key).where(
    tuple_(Delivery.wave_id, Delivery.key).in_(bindparam("keys", expanding=True))
)
_BY_REF = select(Target.wave_id, Target.ref, Target.contact_id).where(Target.ref.in_(bindparam("refs", expanding=True)))
_BY_NUMBER = select(Target.wave_id, Target.number, Target.contact_id).where(
    tuple_(Target.wave_id, Target.number).in_(bindparam("numbers", expanding=True))
)


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
        # How many of each wave are unsettled: asked where somebody settles, and true for as long as the waves are locked.
        self.unsettled: dict[int, int] = {}
        self.settled = Counter[int]()
        keys = {_key(parcel) for parcel in parcels}
        self.known = {tuple(row) for row in session.execute(_KEYS, {"keys": list(keys)})}
        self.by_ref, self.by_number = self._targets(facts)
        people = sorted({*self.by_ref.values(), *self.by_number.values()})
        is_told = any(wave.tells_calls for wave in self.waves.values())
        self.contacts = {contact.id: contact for contact in self._rows(_CONTACTS[is_told], people)}
        self.attempts: dict[int, list[Any]] = {contact_id: [] for contact_id in people}
        for attempt in self._rows(_ATTEMPTS, people):
            self.attempts[attempt.contact_id].append(attempt)
        self.rows: list[dict[str, object]] = []
        self.holders: list[Holder] = []
        self.settling: list[tuple[Received, Wave]] = []
        self.counted: dict[int, datetime] = {}

    def _read(self, query: Any, **given: list[Any]) -> Sequence[Any]:
        return self.session.scalars(query, given).all() if all(given.values()) else []

    def _rows(self, query: Any, ids: list[int]) -> list[Any]:
        """Rows without the ORM, which would cost more than all the rest; `before` is what they held."""
        if not ids:
            return []
        return [_plain(dict(row)) for row in self.session.connection().execute(query, {"ids": ids}).mappings()]

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

    def _contact(self, wave: Wave, fact: CallFact) -> Any:
        contact_id = self.by_ref.get((wave.id, fact.ref or ""))
        if contact_id is None and fact.number:
            contact_id = self.by_number.get((wave.id, plus_number(fact.number)))
        return self.contacts[contact_id] if contact_id is not None else None

    def _apply(self, wave: Wave, contact: Any, fact: CallFact, now: datetime) -> Applied:
        if contact is None:
            return unmatched()
        if wave.state != WaveState.ACCEPTED:  # finished a moment ago, by what this very delivery said before
            return apply_call(self.session, wave, fact, now)
        was_settled = contact.settled_at is not None
        applied = learn(self.session, wave, wave, contact, self.attempts[contact.id], fact, now, _begin)
        self.settled[wave.id] += (contact.settled_at is not None) - was_settled
        if applied.settles and not self._unsettled(wave):
            self._write(wave.id)
            finish_if_settled(self.session, wave, now)  # at once: what comes after it is late
        return applied

    def _unsettled(self, wave: Wave) -> int:
        """How many of its people are unsettled by now."""
        if wave.id not in self.unsettled:
            self.unsettled |= dict.fromkeys(self.waves, 0) | unsettled_in(self.session, list(self.waves))
        return self.unsettled[wave.id] - self.settled[wave.id]

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
        self._write()
        for received, wave in self.settling:
            received.tick = received.tick or self._unsettled(wave) < wave.lines
        for wave_id, at in self.counted.items():
            note_difference(self.session, self.waves[wave_id], at)
        self.session.flush()
        # A repeat of what was refused may have come to another process just now: no lock is held for those.
        insert_rows(self.session, "delivery", self.rows, or_leave=("wave_id", "key"))
        hear_in_deliveries(self.session, self.holders, self.now)

    def _write(self, wave_id: int | None = None) -> None:
        """What was learned of people and their calls until now: of all, or of those of one wave, of whom nothing more is learned."""
        contacts = [one for one in self.contacts.values() if wave_id in (None, one.wave_id)]
        attempts = [one for known in self.attempts.values() for one in known if wave_id in (None, one.wave_id)]
        update_rows(self.session, "contact", _OF_CONTACT, _changed(contacts))
        update_rows(self.session, "attempt", _OF_ATTEMPT, _changed(one for one in attempts if one.before))
        insert_rows(self.session, "attempt", [_values(one) for one in attempts if not one.before])
        for one in (*contacts, *attempts):
            one.before = _values(one)


def _plain(values: dict[str, Any]) -> Any:
    """A row that the ledger reads and changes like one of the ORM's."""
    return SimpleNamespace(**values, before=values)


def _begin(**values: Any) -> Any:
    return SimpleNamespace(**_NEW_ATTEMPT | values, before=None)


def _values(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if name != "before"}


def _changed(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [now for row in rows if (now := _values(row)) != row.before]


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
