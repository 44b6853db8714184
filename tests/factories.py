"""Things with sane defaults, added to a session and flushed; say only what the test is about."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy.orm import Session

from blueprints.passwords import hash_password
from core.models import (
    Agent,
    ApiToken,
    Campaign,
    ContactList,
    Delivery,
    Endpoint,
    Message,
    Person,
    Row,
    Suppression,
    Wave,
)
from core.tokens import token_hash

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
Thing = TypeVar("Thing")
numbers = count(1)


@lru_cache
def hashed_password() -> str:
    """Hashed once: argon2 is slow on purpose."""
    return hash_password(PASSWORD)


def _added(session: Session, thing: Thing) -> Thing:
    session.add(thing)
    session.flush()
    return thing


def make_person(session: Session, **given: Any) -> Person:
    """Somebody with the password PASSWORD."""
    given = {"email": f"ada{next(numbers)}@example.com", "password_hash": hashed_password(), "created_at": NOW} | given
    return _added(session, Person(**given))


def make_token(session: Session, token: str = "token-of-a-program", **given: Any) -> ApiToken:
    return _added(
        session, ApiToken(**{"name": "A program", "token_hash": token_hash(token), "created_at": NOW} | given)
    )


def make_agent(session: Session, **given: Any) -> Agent:
    return _added(session, Agent(**{"name": "Renewals", "uuid": str(uuid4()), "created_at": NOW} | given))


def make_campaign(session: Session, **given: Any) -> Campaign:
    """A draft with an agent, ready to launch but for its list."""
    if "agent" not in given and "agent_id" not in given:
        given["agent"] = make_agent(session)
    return _added(session, Campaign(**{"name": "Spring renewals", "state_since": NOW, "created_at": NOW} | given))


def make_endpoint(session: Session, campaign: Campaign, **given: Any) -> Endpoint:
    """An address that wants to hear of everything of this campaign."""
    given = {"url": "https://crm.example.com/hook", "events": ["campaign", "call"], "created_at": NOW} | given
    return _added(session, Endpoint(campaign_id=campaign.id, **given))


def make_message(session: Session, endpoint: Endpoint, **given: Any) -> Message:
    """Something to tell, due now."""
    place = next(numbers)
    given = {"uid": f"msg_{place}", "key": f"thing:{place}", "event": "campaign.progress", "body": '{"type": "campaign.progress"}',
             "created_at": NOW, "next_at": NOW, "give_up_at": NOW + timedelta(days=1)} | given  # fmt: skip
    return _added(session, Message(endpoint_id=endpoint.id, **given))


def make_delivery(session: Session, wave: Wave, **given: Any) -> Delivery:
    """A delivery of this wave that was refused, unless told otherwise."""
    given = {"key": f"bad_signature:{next(numbers)}", "received_at": NOW, "body": b"{}", "headers": [["X-Signature", "none"]],
             "verdict": "bad_signature"} | given  # fmt: skip
    return _added(session, Delivery(wave_id=wave.id, campaign_id=wave.campaign_id, **given))


def make_suppression(session: Session, number: str = "+14155552671", **given: Any) -> Suppression:
    """A number that must not be called, for good."""
    return _added(session, Suppression(number=number, **{"created_at": NOW, "created_by": "Ada"} | given))


def make_list(session: Session, campaign: Campaign, size: int = 3, **given: Any) -> ContactList:
    """An imported list of `size` people, all good."""
    counts = {"ready": size}
    contact_list = ContactList(
        **{"campaign_id": campaign.id, "state": "ready", "headers": ["phone"], "mapping": {"number": 0, "variables": {}},
           "counts": counts, "rows_read": size, "changed_at": NOW} | given
    )  # fmt: skip
    _added(session, contact_list)
    for number in range(size):
        phone = f"+1415555{number:04d}"
        session.add(Row(list_id=contact_list.id, row_number=number + 2, cells=[phone], verdict="ready", number=phone))
    session.flush()
    return contact_list
