"""The inbox: a delivery is kept, once, before it is answered; what it says is applied in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.database import Base
from core.facts import CallFact, CampaignFact
from core.heard_words import Holder, hear_in_deliveries
from core.launch import lock_campaign
from core.ledger import Applied, apply_call, apply_campaign, plus_number
from core.models import Wave
from core.states import Verdict, WaveState
from core.waves import lock_wave

# Of several events in one delivery, the most telling verdict names the whole.
_TELLING = (Verdict.APPLIED, Verdict.LATE, Verdict.UNMATCHED, Verdict.IGNORED, Verdict.REPEAT)

# Built once: to build a statement takes longer than to run it, and these run for every delivery.
_ADDRESS = select(Wave.id, Wave.campaign_id, Wave.secret).where(Wave.token_hash == bindparam("token_hash"))
_STATE = select(Wave.state).where(Wave.id == bindparam("wave_id"))
_DELIVERIES = Base.metadata.tables["delivery"]
_KEEP_ONCE = {
    name: insert(_DELIVERIES).on_conflict_do_nothing(index_elements=["wave_id", "key"]).returning(_DELIVERIES.c.id)
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_CONCLUDE = update(_DELIVERIES).where(_DELIVERIES.c.id == bindparam("delivery_id"))


@dataclass(frozen=True, slots=True)
class Envelope:
    """One request as it came, judged but not yet read. `key` is unique within the wave; `refused` is the verdict of a bad one."""

    key: str
    body: bytes
    headers: list[list[str]]
    form: str | None
    address: str
    refused: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What a verified body says. `problem` is why it could not be read."""

    event: str | None
    calls: Sequence[CallFact]
    campaigns: Sequence[CampaignFact]
    problem: str | None = None

    @property
    def unknown_words(self) -> Sequence[str]:
        return tuple(dict.fromkeys(word for call in self.calls for word in call.unknown_words))


@dataclass(frozen=True, slots=True)
class Address:
    """Whose delivery it is, by the token in the URL: for good, so it may be remembered. `secret` is sealed."""

    wave_id: int
    campaign_id: int
    secret: str


@dataclass(slots=True)
class Received:
    """What became of a delivery, and whom to wake after the commit."""

    verdict: Verdict
    tick: bool = False
    ask: bool = False


def address_of(session: Session, token_hash: str) -> Address | None:
    """One indexed read, no write: unknown tokens must cost nothing."""
    row = session.execute(_ADDRESS, {"token_hash": token_hash}).first()
    return Address(*row) if row else None


def receive(
    session: Session,
    address: Address,
    envelope: Envelope,
    letter: Letter | None,
    now: datetime,
    kept_ms: int | None = None,
) -> Received:
    """Keep the delivery and apply what it says. A repeat is stopped by its unique key and changes nothing.

    `now` is when it came, `kept_ms` how long ago that is.
    """
    verdict, note = first_verdict(envelope, letter)
    delivery_id = _keep(session, delivery_row(address, envelope, letter, verdict, note, now) | {"kept_ms": kept_ms})
    if delivery_id is None:
        return Received(envelope.refused or Verdict.REPEAT)
    if verdict == Verdict.STALE:
        wave = lock_wave(session, address.wave_id)
        if wave is not None:
            wave.next_poll_at = now
        return Received(verdict, ask=True)
    if letter is None or verdict != Verdict.IGNORED:
        return Received(verdict)
    hear_in_deliveries(session, [Holder(address.wave_id, envelope.key, letter.unknown_words)], now)
    applied = apply_letter(session, lock_for(session, address.campaign_id, address.wave_id), letter, now)
    return _conclude(session, delivery_id, applied)


def lock_for(session: Session, campaign_id: int, wave_id: int) -> Wave:
    """The wave, and before it its campaign. Not so for an accepted wave, whose people stay in it: most reports are of those."""
    locked = session.scalar(_STATE, {"wave_id": wave_id}) != WaveState.ACCEPTED
    if locked:
        lock_campaign(session, campaign_id)
    wave = lock_wave(session, wave_id)
    assert wave is not None, "a delivery's wave is never deleted"
    if wave.state != WaveState.ACCEPTED and not locked:  # it finished in this very moment
        lock_campaign(session, campaign_id)
    return wave


def apply_letter(session: Session, wave: Wave, letter: Letter, now: datetime) -> list[Applied]:
    """Everything that it says, in its order."""
    applied = [apply_call(session, wave, fact, now) for fact in letter.calls]
    return applied + [apply_campaign(session, wave, fact, now) for fact in letter.campaigns]


def first_verdict(envelope: Envelope, letter: Letter | None) -> tuple[Verdict, str]:
    """What can be said of a delivery before anything of it is applied, and in which words."""
    if envelope.refused == Verdict.STALE:
        return Verdict.STALE, (
            "The signature is right, but its time is more than five minutes from ours; the provider is asked instead."
        )
    if envelope.refused is not None or letter is None:
        names = ", ".join(name for name, _ in envelope.headers)
        words = f"No signature that we know fits. Headers received: {names}."
        return envelope.refused or Verdict.BAD_SIGNATURE, words[:2000]
    if letter.problem is not None:
        return Verdict.UNREADABLE, letter.problem
    return Verdict.IGNORED, "Nothing in it speaks of a call or of the campaign."


def delivery_row(
    address: Address, envelope: Envelope, letter: Letter | None, verdict: Verdict, note: str, now: datetime
) -> dict[str, object]:
    """The columns that are kept of a delivery."""
    return {
        "wave_id": address.wave_id, "campaign_id": address.campaign_id, "key": envelope.key, "received_at": now,
        "body": envelope.body, "headers": envelope.headers, "form": envelope.form, "address": envelope.address,
        "verdict": verdict, "note": note, **said(letter),
    }  # fmt: skip


def said(letter: Letter | None) -> dict[str, str | None]:
    """What a page of the inbox shows of it: the event, and the first call."""
    call = next(iter(letter.calls), None) if letter else None
    told = (call.number or "") if call else ""
    number = (plus_number(told) if told.isdigit() else told)[:20] or None
    return {"event": letter.event if letter else None, "number": number, "status": call.status if call else None}


def _keep(session: Session, row: dict[str, object]) -> int | None:
    """Insert the delivery; None when its key is there already."""
    connection = session.connection()
    delivery_id: int | None = connection.scalar(_KEEP_ONCE[connection.dialect.name], row)
    return delivery_id


def of_all(applied: Sequence[Applied]) -> tuple[Received, str, int | None]:
    """What became of a delivery of which all this was applied: the answer, a note, and whose it is."""
    verdicts = {result.verdict for result in applied}
    verdict = next((verdict for verdict in _TELLING if verdict in verdicts), Verdict.IGNORED)
    received = Received(verdict, any(result.frees for result in applied), any(result.ask for result in applied))
    note = " ".join(dict.fromkeys(result.note for result in applied if result.note))[:2000]
    return received, note, next((result.contact_id for result in applied if result.contact_id), None)


def _conclude(session: Session, delivery_id: int, applied: Sequence[Applied]) -> Received:
    """Write down what became of a delivery that was read."""
    if not applied:
        return Received(Verdict.IGNORED)
    received, note, contact_id = of_all(applied)
    values = {"delivery_id": delivery_id, "verdict": received.verdict, "note": note, "contact_id": contact_id}
    session.connection().execute(_CONCLUDE, values)
    return received
