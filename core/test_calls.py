"""Test calls: "call my phone first". Each is a campaign of one person that stands in no list and in no sum.

It has the draft's agent, the variables of a row and a number that somebody typed. Everything after that is the normal machinery,
so a test call is handed over once, claimed, reported and settled like any other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, Actor, note
from core.bars import barred
from core.database import LONGEST_NAME
from core.errors import Conflict, Invalid
from core.launch import launch, lock_campaign, require_draft, variables_of
from core.lookups import attempts_of, waves_of
from core.models import Attempt, Campaign, Contact, ContactList, Person, Row
from core.moves import move_campaign
from core.people import lock_person
from core.phone import clean
from core.states import LIVE_CAMPAIGNS, CampaignState, ContactState, RowVerdict, WaveState

MOST_AN_HOUR = 20
# Nobody waits at the phone for longer: what cannot go by then must not ring in the middle of the night.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Placed:
    """A test call as it stands. `attempt` is the newest, `refusal` what the provider said if it refused to call."""

    campaign: Campaign
    contact: Contact
    attempt: Attempt | None
    refusal: str

    @property
    def is_open(self) -> bool:
        return self.campaign.state in LIVE_CAMPAIGNS


def place_test_call(
    session: Session, draft_id: int, phone: str, row_number: int | None, actor: Actor, now: datetime
) -> Campaign:
    """Launch a campaign that calls `phone` once, as if it stood in that row of the draft's list (None: in no row).

    Invalid, with the field; Conflict: the draft is launched, or it has a test call under way or too many in this hour.
    """
    draft = lock_campaign(session, draft_id)
    require_draft(draft)
    if draft.agent_id is None:
        raise Invalid("Choose the agent that makes the calls first.", "phone")
    _check_pace(session, draft, actor, now)
    contact_list = session.scalar(select(ContactList).where(ContactList.campaign_id == draft_id))
    cleaned = clean(phone, contact_list.country if contact_list else "US")
    if cleaned.number is None:
        raise Invalid(cleaned.reason, "phone")
    for bar in barred(session, [cleaned.number], now).values():
        raise Invalid(bar.reason, "phone")
    test = _campaign(session, draft, actor, now)
    _list_of_one(session, test, cleaned.number, contact_list, row_number, now)
    launch(session, test.id, campaign_version=1, list_version=1, actor=actor, now=now)
    is_new = _remember(session, actor, cleaned.number)
    note(
        session, actor, "campaign.test_call", "campaign", draft_id, now, summary=f"{actor.name} made a test call.",
        after={"test_call": test.id, "row": row_number} | ({"own_phone": "changed"} if is_new else {}),
    )  # fmt: skip
    return test


def _check_pace(session: Session, draft: Campaign, actor: Actor, now: datetime) -> None:
    """The locks of draft and person make this exact: a second click waits here, then finds the first one's call.

    Counted per person too, so that new drafts are no way to call a list without the approval that its launch needs.
    """
    if actor.person_id is not None:
        lock_person(session, actor.person_id)
    tests = select(func.count()).where(Campaign.test_of_id == draft.id)
    if session.scalar(tests.where(Campaign.state.in_(LIVE_CAMPAIGNS))):
        raise Conflict("A test call of this draft is under way. Wait until it has ended.")
    lately = (Campaign.is_test, Campaign.created_at > now - timedelta(hours=1))
    for whose in (Campaign.test_of_id == draft.id, Campaign.created_by_id == actor.person_id):
        if (session.scalar(select(func.count()).where(*lately, whose)) or 0) >= MOST_AN_HOUR:
            raise Conflict(f"{MOST_AN_HOUR} test calls within an hour are enough. Try again later.")


def _campaign(session: Session, draft: Campaign, actor: Actor, now: datetime) -> Campaign:
    test = Campaign(
        name=f"Test call: {draft.name}"[:LONGEST_NAME], agent_id=draft.agent_id, context=dict(draft.context), zone=draft.zone,
        lines=1, is_test=True, test_of_id=draft.id, state=CampaignState.DRAFT, state_since=now, created_at=now,
        created_by=actor.name, created_by_id=actor.person_id,
    )  # fmt: skip
    session.add(test)
    session.flush()
    return test


def _list_of_one(
    session: Session, test: Campaign, number: str, source: ContactList | None, row_number: int | None, now: datetime
) -> None:
    caller_id, variables = None, {}
    if row_number is not None:
        mine = (Row.list_id == (source.id if source else None), Row.row_number == row_number)
        row = session.scalar(select(Row).where(*mine)) if row_number < 2**31 else None
        if row is None or source is None:
            raise Invalid(f"The list has no row {row_number:,}.", "row")
        caller_id, variables = row.caller_id, variables_of(row.cells, source.mapping)
    one = ContactList(
        campaign_id=test.id, state="ready", source="test", headers=["number", "variables"], changed_at=now,
        mapping={"number": 0, "context": 1}, counts={RowVerdict.READY: 1}, rows_read=1,
    )  # fmt: skip
    session.add(one)
    session.flush()
    cells = [number, variables]
    session.add(
        Row(list_id=one.id, row_number=1, cells=cells, verdict=RowVerdict.READY, number=number, caller_id=caller_id)
    )
    session.flush()


def _remember(session: Session, actor: Actor, number: str) -> bool:
    """The number is offered to the same person next time; True when it is another one than before."""
    person = update(Person).where(Person.id == actor.person_id, Person.phone.is_distinct_from(number))
    return bool(session.execute(person.values(phone=number)).rowcount)  # type: ignore[attr-defined]


def phone_of(session: Session, person_id: int) -> str:
    """Where this person's test calls go; "" while we do not know."""
    return session.scalar(select(Person.phone).where(Person.id == person_id)) or ""


def newest_test_call(session: Session, draft_id: int) -> Placed | None:
    """What the draft's page shows. Only reads."""
    tests = select(Campaign).where(Campaign.test_of_id == draft_id).order_by(Campaign.id.desc())
    test = session.scalar(tests.limit(1))
    if test is None:
        return None
    contact = session.scalars(select(Contact).where(Contact.campaign_id == test.id)).one()
    attempts = attempts_of(session, contact.id)
    refused = [wave.words for wave in waves_of(session, test.id) if wave.state == WaveState.REFUSED]
    return Placed(test, contact, attempts[-1] if attempts else None, refused[0] if refused else "")


def give_up_waiting(session: Session, test: Campaign, now: datetime) -> None:
    """Stop a test call that could not be handed over in time, or that the provider refuses. The caller holds its lock."""
    if test.state != CampaignState.RUNNING or test.launched_at is None:
        return
    if not test.hold and now - test.launched_at <= PATIENCE:
        return
    waiting = select(Contact.id).where(Contact.state.in_((ContactState.READY, ContactState.QUEUED)))
    if session.scalar(waiting.where(Contact.campaign_id == test.id).limit(1)) is not None:
        move_campaign(session, test, CampaignState.STOPPING, now)
        words = "The test call could not be handed over in time and was given up."
        note(session, CALLBOARD, "campaign.stop", "campaign", test.id, now, summary=words)


def forget_draft(session: Session, draft_id: int) -> None:
    """The draft is about to be deleted; its test calls stay."""
    session.execute(update(Campaign).where(Campaign.test_of_id == draft_id).values(test_of_id=None))
