"""Deliveries received together leave the same rows as each of them alone, in whatever order and company they come."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.database import writing
from core.facts import AttemptStatus, CallFact, CampaignFact
from core.inbox import Address, Envelope, Letter, receive
from core.models import Attempt, Contact, Delivery, Wave
from core.receiving import Parcel, receive_together
from core.states import Verdict
from tests.core.cast import accepted, later, launched, number

PEOPLE = 3
A = AttemptStatus

reports = st.builds(
    CallFact,
    status=st.sampled_from([None, A.DIALLING, A.ANSWERED, A.NO_ANSWER, A.FAILED, A.UNCLEAR]),
    call_id=st.sampled_from([None, "one", "two"]),
    number=st.sampled_from(["0", "1", "2", "nobody"]),  # whose it is; made a number of the campaign below
    unknown_words=st.sampled_from([(), ("strange",)]),
    retry_follows=st.booleans(),
    duration=st.sampled_from([None, 3.0]),
)
counters = st.builds(
    CampaignFact, provider_id=st.just("p"), initiated=st.integers(0, 4), completed=st.integers(0, 4), over=st.booleans()
)
letters = st.tuples(st.integers(0, 9), st.lists(reports, max_size=2), st.lists(counters, max_size=1))


def parcels_of(wave, sent, first, now):
    """The same deliveries, addressed to this wave and its people."""

    def ours(fact):
        told = {name: getattr(fact, name) for name in fact.__slots__}
        return CallFact(**told | {"number": "+10000" if fact.number == "nobody" else number(first + int(fact.number))})

    address = Address(wave.id, wave.campaign_id, "")
    return [
        Parcel(
            address, Envelope(f"id:{key}", b"{}", [], "form", "", Verdict.BAD_SIGNATURE if key == 9 else None),
            None if key == 9 else Letter("call", tuple(map(ours, calls)), tuple(told), "broken" if key == 8 else None),
            later(now, seconds=place),
        )
        for place, (key, calls, told) in enumerate(sent)
    ]  # fmt: skip


def rows(session, wave):
    """All that deliveries may move, without the ids that differ."""
    session.rollback()
    people = session.scalars(select(Contact).where(Contact.campaign_id == wave.campaign_id).order_by(Contact.position))
    contacts = [(one.state, one.reason, one.settled_at, one.due_at, one.attempts, one.last_event_at) for one in people]
    attempts = session.execute(
        select(Contact.position, Attempt.call_id, Attempt.status, Attempt.contradiction, Attempt.duration, Attempt.ask)
        .join(Contact, Contact.id == Attempt.contact_id)
        .where(Attempt.wave_id == wave.id)
        .order_by(Contact.position, Attempt.id)
    ).all()
    held = session.scalars(select(Wave).where(Wave.id == wave.id).execution_options(populate_existing=True)).one()
    # Not since when counters differ: a difference that a later delivery of the same moment ends is never seen here.
    told = (held.state, held.counts, held.provider_initiated, held.provider_over_at)
    kept = session.execute(
        select(Delivery.key, Delivery.verdict, Delivery.note, Delivery.status, Contact.position)
        .outerjoin(Contact, Contact.id == Delivery.contact_id)
        .where(Delivery.wave_id == wave.id)
        .order_by(Delivery.key)
    ).all()
    return contacts, attempts, told, kept


def receive_alone(session, parcel):
    with writing(session):
        return receive(session, parcel.address, parcel.envelope, parcel.letter, parcel.at)


def call(whose, status, call_id):
    return CallFact(status=status, call_id=call_id, number=whose)


# The last one unsettled settles in the middle of a delivery: what comes after it in the same delivery is late already.
FINISHES = [
    (5, [call("0", A.FAILED, None), call("2", A.UNCLEAR, "two")], [CampaignFact(provider_id="p", over=True)]),
    (0, [call("1", A.UNCLEAR, None), call("2", A.DIALLING, "one")], []),
    (3, [call("2", A.ANSWERED, "one")], []),
]


@example(sent=FINISHES, cut=3, retry_by="us")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(letters, max_size=8), cut=st.integers(0, 8), retry_by=st.sampled_from(["us", "provider"]))
def test_together_and_alone_are_the_same(session, now, sent, cut, retry_by):
    """A delivery that must go alone goes in its place; so the company here ends before it, as nothing else may differ."""
    taken = getattr(session, "taken", 0)
    session.taken = taken + 2 * PEOPLE
    firsts = (taken, taken + PEOPLE)
    waves = [
        accepted(session, launched(session, now, people=PEOPLE, first=first, retry_attempts=1, retry_by=retry_by), now)
        for first in firsts
    ]
    one, other = (parcels_of(wave, sent, first, now) for wave, first in zip(waves, firsts, strict=True))
    answers = [receive_alone(session, parcel).verdict for parcel in one]
    together = []
    for company in (other[:cut], other[cut:]):
        rest = company
        while rest:
            with writing(session):
                found = receive_together(session, rest, now)
                until = found.index(None) if None in found else len(rest)
                if until < len(rest):
                    session.rollback()
            if until < len(rest):
                if until:
                    with writing(session):
                        found = receive_together(session, rest[:until], now)
                    together += [received.verdict for received in found]
                together.append(receive_alone(session, rest[until]).verdict)
                rest = rest[until + 1 :]
            else:
                together += [received.verdict for received in found]
                rest = []
    assert together == answers
    assert rows(session, waves[1]) == rows(session, waves[0])
