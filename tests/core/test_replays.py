"""A replay can never count twice: what was applied already leaves every row as it is, in whatever order it is read again."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.database import writing
from core.facts import AttemptStatus, CallFact
from core.inbox import Letter
from core.models import Delivery
from core.replays import apply_again, kept_deliveries
from tests.core.cast import accepted, later, launched
from tests.core.test_receiving import PEOPLE, letters, parcels_of, receive_alone, rows

RETRIES = {"retry_attempts": 1, "retry_by": "provider"}


def read_again(session, wave, parcels, chance, now):
    """All of them, in an order of chance, as they were read the first time."""
    session.rollback()
    by_key = {parcel.envelope.key: parcel for parcel in reversed(parcels)}
    mine = select(Delivery.id, Delivery.key).where(Delivery.wave_id == wave.id).order_by(Delivery.id)
    keys = dict(session.execute(mine).all())
    kept = {one.id: one for one in kept_deliveries(session, *keys)}
    for delivery_id in chance.sample(sorted(keys), len(keys)):
        parcel = by_key[keys[delivery_id]]
        with writing(session):
            apply_again(session, kept[delivery_id], parcel.envelope, parcel.letter, later(now, seconds=30))


def results(session, wave):
    contacts, attempts, _, _ = rows(session, wave)
    # Not by which id a call is known: one that was told without any may be given it later.
    return [(state, settled_at, count) for state, _, settled_at, _, count, _ in contacts], [
        (place, status) for place, _, status, *_ in attempts
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(letters, max_size=8), chance=st.randoms())
def test_a_replay_changes_no_result_and_the_second_one_nothing_at_all(session, now, sent, chance):
    first = getattr(session, "taken", 0)
    session.taken = first + PEOPLE
    wave = accepted(session, launched(session, now, people=PEOPLE, first=first, **RETRIES), now)
    parcels = parcels_of(wave, sent, first, now)
    for parcel in parcels:
        receive_alone(session, parcel)
    before = results(session, wave)
    read_again(session, wave, parcels, chance, now)
    assert results(session, wave) == before
    after = rows(session, wave)
    read_again(session, wave, parcels, chance, now)
    assert rows(session, wave) == after


def test_what_was_said_without_an_id_is_not_said_of_a_later_call(session, now):
    """“It failed”, of the first call, read again while the second one is under way."""
    wave = accepted(session, launched(session, now, people=1, **RETRIES), now)
    failed = CallFact(AttemptStatus.FAILED, number="0")
    told = [
        (0, [failed], []),
        (1, [CallFact(AttemptStatus.FAILED, "one", "0")], []),
        (2, [CallFact(AttemptStatus.DIALLING, "two", "0")], []),
    ]
    parcels = parcels_of(wave, told, 0, now)
    for parcel in parcels:
        receive_alone(session, parcel)
    before = results(session, wave)
    (first,) = kept_deliveries(session, session.scalars(select(Delivery.id).order_by(Delivery.id)).first())
    with writing(session):
        apply_again(session, first, parcels[0].envelope, Letter("call", parcels[0].letter.calls, ()), now)
    assert before == results(session, wave)
    assert before[0][0][0] == "dialling"
