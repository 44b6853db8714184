"""The fixed cast of the dispatch tests: a launched campaign, and the short words to move it on."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.database import writing
from core.dispatch import Round, advance
from core.facts import AttemptStatus, CallFact, CampaignFact, Sent, Submission
from core.launch import launch
from core.ledger import Applied, apply_call
from core.models import Campaign, Contact, ContactList, Reservation, Row, Suppression, Wave
from core.progress import progress
from core.submission import Claim, claim, record
from core.waves import lock_wave
from provider.vault import SecretVault
from tests.factories import make_agent

VAULT = SecretVault("a key for tests that is long enough to be one")
LAUNCHER = Actor("Lena Launcher")


def number(place: int) -> str:
    return f"+1415555{place:04d}"


def launched(session: Session, now: datetime, people: int = 3, first: int = 0, **settings: object) -> Campaign:
    """A running campaign with `people` contacts, numbered from `first`."""
    return launched_with(session, now, [{"number": number(first + place)} for place in range(people)], **settings)


def launched_with(session: Session, now: datetime, rows: list[dict[str, str]], **settings: object) -> Campaign:
    """A running campaign with a contact for each of these rows, in their order."""
    with writing(session):
        agent = make_agent(session)
        campaign = Campaign(name="Spring", agent_id=agent.id, state_since=now, created_at=now, **settings)
        session.add(campaign)
        session.flush()
        contact_list = ContactList(campaign_id=campaign.id, state="ready", changed_at=now, mapping={})
        session.add(contact_list)
        session.flush()
        session.add_all(
            Row(list_id=contact_list.id, row_number=place, cells=[], verdict="ready", **row)
            for place, row in enumerate(rows, 2)
        )
        session.flush()
        launch(session, campaign.id, campaign_version=1, list_version=1, actor=LAUNCHER, now=now)
    return campaign


def suppress(session: Session, at: datetime, *numbers: str, until: datetime | None = None) -> None:
    """These numbers asked not to be called."""
    with writing(session):
        session.add_all(Suppression(number=one, reason="Asked us", created_at=at, expires_at=until) for one in numbers)


def set_hours(session: Session, campaign: Campaign, **hours: object) -> None:
    """Other calling hours for a campaign that runs already."""
    with writing(session):
        mine = session.get_one(Campaign, campaign.id)
        for name, value in hours.items():
            setattr(mine, f"hours_{name}", value)


def why(session: Session, campaign: Campaign) -> str:
    session.rollback()
    return session.get_one(Campaign, campaign.id, populate_existing=True).why


def tick(session: Session, campaign: Campaign, now: datetime) -> Round:
    with writing(session):
        return advance(session, campaign.id, VAULT, now)


def claimed(session: Session, wave_id: int, now: datetime) -> Claim | None:
    with writing(session):
        return claim(session, wave_id, "https://callboard.example", VAULT, now)


def answer(session: Session, held: Claim, sent: Sent, now: datetime, **more: object) -> None:
    campaign = CampaignFact(f"provider-{held.wave_id}", "running") if sent == Sent.ACCEPTED else None
    with writing(session):
        record(session, held, Submission(sent, f"The provider said {sent}.", campaign, **more), now)


def accepted(session: Session, campaign: Campaign, now: datetime) -> Wave:
    """The campaign's next wave, cut, claimed and accepted."""
    (wave_id,) = tick(session, campaign, now).submit
    held = claimed(session, wave_id, now)
    assert held is not None
    answer(session, held, Sent.ACCEPTED, now)
    return session.get_one(Wave, wave_id)


def report(session: Session, wave: Wave, place: int, status: AttemptStatus, now: datetime, **fact: object) -> Applied:
    """One report of the call to number `place`; its call id is made of the number unless given."""
    fact.setdefault("call_id", f"call-{place}")
    with writing(session):
        locked = lock_wave(session, wave.id)
        assert locked is not None
        return apply_call(session, locked, CallFact(status, number=number(place), **fact), now)


def states(session: Session, campaign: Campaign) -> list[str]:
    """The contacts' states in the list's order."""
    session.rollback()
    return list(
        session.scalars(select(Contact.state).where(Contact.campaign_id == campaign.id).order_by(Contact.position))
    )


def reserved(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Reservation.number).order_by(Reservation.number)))


def check_boxes(session: Session, campaign: Campaign) -> None:
    """The numbers of the page are the rows of the database, state by state."""
    session.rollback()
    told = {state: count for state, count in progress(session, campaign).counts.items() if count}
    real: dict[str, int] = {}
    for state in states(session, campaign):
        real[state] = real.get(state, 0) + 1
    assert told == real


def later(now: datetime, **spans: float) -> datetime:
    return now + timedelta(**spans)
