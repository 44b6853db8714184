"""Who takes part in a measurement: a launched campaign in accepted waves, and the signed events of its calls."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from bench.load import post
from core.audit import Actor
from core.database import writing
from core.facts import CampaignFact, Sent, Submission
from core.launch import launch, lock_campaign
from core.models import Agent, Attempt, Campaign, Contact, ContactList, Delivery, Reservation, Row, Wave
from core.requests import MOST_TARGETS
from core.submission import claim, record
from core.vault import Vault
from core.waves import cut_wave

LINES = 10
BODY_BYTES = 1024
# What the provider says of one call, in this order; after the last one its contact is settled.
EVENTS = ("call.ringing", "call.answered", "call.completed")


@dataclass(frozen=True, slots=True)
class Person:
    """One contact as the provider knows it: where it sends what it has to say, with what secret."""

    number: str
    ref: str
    path: str
    secret: str


def launch_campaign(session: Session, people: int, vault: Vault, public_url: str) -> list[Person]:
    """A running campaign whose people are all in accepted waves; neighbours in the answer are in different waves."""
    now = datetime.now(UTC)
    with writing(session):
        agent = Agent(name="Renewals", uuid=str(uuid4()), created_at=now)
        campaign = Campaign(name="Spring", agent=agent, state_since=now, created_at=now, lines=LINES)
        session.add(campaign)
        session.flush()
        contact_list = ContactList(campaign_id=campaign.id, state="ready", changed_at=now, mapping={})
        session.add(contact_list)
        session.flush()
        session.execute(insert(Row), [_row(contact_list.id, place) for place in range(people)])
        campaign_id = campaign.id
        launch(session, campaign_id, campaign_version=1, list_version=1, actor=Actor("The benchmark"), now=now)
    waves = [_accepted_wave(session, campaign_id, vault, public_url) for _ in range(-(-people // MOST_TARGETS))]
    by_turns = sorted((place, wave, person) for wave, people in enumerate(waves) for place, person in enumerate(people))
    return [person for _, _, person in by_turns]


def _row(list_id: int, place: int) -> dict[str, object]:
    number = f"+1415{2000000 + place}"
    return {"list_id": list_id, "row_number": place + 2, "cells": [], "verdict": "ready", "number": number}


def _accepted_wave(session: Session, campaign_id: int, vault: Vault, public_url: str) -> list[Person]:
    """Cut, claimed and accepted, with more lines in use than dispatch would allow: all waves are to be open at once."""
    now = datetime.now(UTC)
    with writing(session):
        wave = cut_wave(session, lock_campaign(session, campaign_id), MOST_TARGETS, LINES, vault, now)
        assert wave is not None
    with writing(session):
        held = claim(session, wave.id, public_url, vault, now)
        assert held is not None
    told = CampaignFact(f"provider-{held.wave_id}", "running")
    with writing(session):
        record(session, held, Submission(Sent.ACCEPTED, "Accepted.", told, http_status=200), now)
    path, secret = urlsplit(held.request["webhook_url"]).path, held.request["webhook_secret"]
    return [
        Person(target["to_number"], target["context"]["callboard_ref"], path, secret)
        for target in held.request["targets"]
    ]


def deliveries(people: Iterable[Person], address: tuple[str, int]) -> Iterator[bytes]:
    """Signed requests, ready to be sent: all first events, then all second ones, then all last ones."""
    people = list(people)
    for event in EVENTS:
        for person in people:
            body, timestamp = _body(person, event), str(int(time.time()))
            signature = hmac.new(person.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers = {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": f"sha256={signature}"}
            yield post(address, person.path, headers, body)


def _body(person: Person, event: str) -> bytes:
    over = event == EVENTS[-1]
    now = datetime.now(UTC).isoformat()
    data = {
        "call_id": str(uuid5(NAMESPACE_URL, person.ref)), "from_number": "+14155550100", "to_number": person.number,
        "status": "ended" if over else event.partition(".")[2], "started_at": now, "ended_at": now if over else None,
        "disposition": "completed" if over else None, "duration_seconds": 42 if over else None,
        "summary": "Agreed to renew." if over else None, "context": {"callboard_ref": person.ref, "script": ""},
    }  # fmt: skip
    document: dict[str, Any] = {"event": event, "event_id": f"evt_{uuid4().hex}", "timestamp": now, "data": data}
    document["data"]["context"]["script"] = "x" * (BODY_BYTES - len(json.dumps(document)))
    return json.dumps(document).encode()


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def problems(session: Session, sent: dict[str, int], people: int, filled: int = 0) -> list[str]:
    """What is wrong after everybody's calls were reported; `sent` has the status of each body, by its hash. Nothing should be.

    `filled` contacts were answered before.
    """
    people += filled
    kept = {key.removeprefix("sha256:") for key in session.scalars(select(Delivery.key))}
    lost = {digest for digest, status in sent.items() if status == 204} - kept
    found = {
        "not answered 204": sum(status != 204 for status in sent.values()),
        "answered 204 and lost": len(lost),
        "kept and neither applied nor overtaken": _count(session, Delivery.verdict.not_in(("applied", "late", "repeat"))),
        "contacts not answered and settled": people - _count(
            session, Contact.state == "answered", Contact.settled_at.is_not(None), Contact.attempts == 1
        ),
        "attempts too many or too few": abs(people - _count(session, Attempt.status == "answered")),
        "waves not finished": _count(session, Wave.state != "finished"),
        "numbers still reserved": session.scalar(select(func.count()).select_from(Reservation)) or 0,
    }  # fmt: skip
    return [f"{count} {what}" for what, count in found.items() if count]


def _count(session: Session, *conditions: object) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0  # type: ignore[arg-type]
