"""Creates by programs: one campaign however often it is asked for, through the same door as a person's."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.approvals import approve, newest_approval, refuse
from core.audit import Actor
from core.campaign_words import call_counts
from core.creates import (
    REPEAT_WINDOW,
    Created,
    CreateRequest,
    CreateTarget,
    KeyReused,
    create_campaign,
)  # fmt: skip
from core.database import writing
from core.errors import Conflict, Invalid
from core.models import Agent, AuditEntry, Campaign, Contact, ContactList, Endpoint, Message, Row, Setting
from core.progress import progress_of_each
from core.waves import cut_wave
from provider.vault import SecretVault
from tests.factories import NOW, make_agent, make_person, make_token

VAULT = SecretVault("a key for tests that is long enough to be one")
NUMBERS = ("+14155550101", "+14155550102", "+14155550103")
REQUEST = CreateRequest(
    agent_uuid="6f0d3b1e-1111-4222-8333-944455556666", name="Spring renewals",
    targets=tuple(CreateTarget(number, "+14155550100", {"first_name": "Ada"}) for number in NUMBERS),
    start_at=None, lines=1, provider_retries=None, context={}, webhook_url="https://crm.example.com/progress",
    webhook_secret="the caller's own", notify_on_call_complete=True, body_hash="a" * 64,
)  # fmt: skip


@pytest.fixture
def token_id(session: Session) -> int:
    with writing(session):
        return make_token(session).id


def create(session, token_id, request=REQUEST, key=None, after=timedelta(0)) -> Created:
    with writing(session):
        actor = Actor("A program", api_token_id=token_id)
        return create_campaign(session, request, key, actor, VAULT, NOW + after)


def test_a_campaign_is_launched_with_everything_the_request_says(session, token_id):
    campaign = create(session, token_id).campaign
    assert (campaign.state, campaign.size, campaign.lines, campaign.launched_by) == ("running", 3, 1, "A program")
    assert (campaign.retry_by, campaign.retry_attempts) == ("us", 0)
    assert (campaign.pace, campaign.priority, campaign.start_by) == ("flowing", 0, "us")
    assert (campaign.breaker_percent, campaign.breaker_calls, campaign.latest_start_at) == (50, 20, None)
    endpoint = session.scalars(select(Endpoint).where(Endpoint.campaign_id == campaign.id)).one()
    assert (endpoint.url, endpoint.events) == (REQUEST.webhook_url, ["campaign", "call"])
    assert VAULT.open(endpoint.secret) == REQUEST.webhook_secret
    contacts = session.scalars(select(Contact).order_by(Contact.position)).all()
    assert [c.number for c in contacts] == list(NUMBERS)
    assert {(c.caller_id, c.context["first_name"], c.state) for c in contacts} == {("+14155550100", "Ada", "ready")}
    entries = session.execute(select(AuditEntry.act, AuditEntry.api_token_id).order_by(AuditEntry.id)).all()
    assert entries == [("agent.add", token_id), ("campaign.launch", token_id)]


def test_the_address_of_the_request_is_told_from_the_launch_on(session, token_id):
    campaign = create(session, token_id).campaign
    (message,) = session.scalars(select(Message))
    assert (message.event, json.loads(message.body)["data"]["campaign_id"]) == ("campaign.started", str(campaign.id))


def test_the_provider_retries_when_asked_to(session, token_id):
    campaign = create(session, token_id, replace(REQUEST, provider_retries=2)).campaign
    assert (campaign.retry_by, campaign.retry_attempts) == ("provider", 2)


def test_a_later_start_is_kept_by_our_clock(session, token_id):
    later = create(session, token_id, replace(REQUEST, start_at=NOW + timedelta(hours=1))).campaign
    past = create(session, token_id, replace(REQUEST, start_at=NOW - timedelta(hours=1), body_hash="b")).campaign
    assert (later.state, later.started_at) == ("scheduled", None)
    assert (past.state, past.started_at) == ("running", NOW)


def test_a_number_twice_is_called_once_and_counted_twice(session, token_id):
    twice = replace(REQUEST, targets=(*REQUEST.targets, REQUEST.targets[1]))
    campaign = create(session, token_id, twice).campaign
    assert (campaign.size, campaign.excluded_at_launch) == (4, 1)
    counts = session.scalars(select(ContactList.counts)).one()
    assert (counts["ready"], counts["duplicate"], counts["invalid"]) == (3, 1, 0)
    last = session.scalars(select(Contact).order_by(Contact.position.desc()).limit(1)).one()
    assert (last.state, last.reason) == ("excluded", "Twice in the request (first at target 2).")


def test_a_known_agent_keeps_its_name_and_a_new_one_is_named_by_its_id(session, token_id):
    with writing(session):
        known = make_agent(session, name="Renewals")
    create(session, token_id, replace(REQUEST, agent_uuid=known.uuid))
    create(session, token_id, replace(REQUEST, body_hash="b"))
    assert set(session.scalars(select(Agent.name))) == {"Renewals", REQUEST.agent_uuid}


@pytest.mark.parametrize("key", [None, "order-17"])
def test_a_repeat_finds_the_first_campaign_and_leaves_nothing_behind(session, token_id, key):
    first, second = create(session, token_id, key=key), create(session, token_id, key=key)
    assert (first.is_repeat, second.is_repeat) == (False, True)
    assert second.campaign.id == first.campaign.id
    assert [session.scalar(select(func.count()).select_from(table)) for table in (Campaign, ContactList, Row)] == [
        1,
        1,
        3,
    ]


def test_without_a_key_the_same_words_are_a_new_campaign_after_ten_minutes(session, token_id):
    first = create(session, token_id)
    assert create(session, token_id, after=REPEAT_WINDOW - timedelta(seconds=1)).is_repeat
    second = create(session, token_id, after=REPEAT_WINDOW)
    assert not second.is_repeat
    assert second.campaign.id != first.campaign.id
    assert create(session, token_id, after=REPEAT_WINDOW * 1.5).campaign.id == second.campaign.id


def test_a_key_is_kept_for_ever_and_bound_to_its_words(session, token_id):
    first = create(session, token_id, key="order-17")
    assert create(session, token_id, key="order-17", after=timedelta(days=400)).campaign.id == first.campaign.id
    with pytest.raises(KeyReused):
        create(session, token_id, replace(REQUEST, body_hash="b"), key="order-17")


def test_other_keys_and_other_tokens_mean_other_campaigns(session, token_id):
    with writing(session):
        other = make_token(session, token="another-token-of-a-program").id
    made = [
        create(session, token_id, key="order-17"),
        create(session, token_id, key="order-18"),
        create(session, other),
    ]
    assert len({created.campaign.id for created in made}) == 3


def test_a_caller_that_lost_its_key_still_finds_its_campaign(session, token_id):
    first = create(session, token_id, key="order-17")
    assert create(session, token_id).campaign.id == first.campaign.id


def test_a_refused_create_takes_no_key(session, token_id):
    with pytest.raises(Invalid, match="name"):
        create(session, token_id, replace(REQUEST, name=" "), key="order-17")
    assert not create(session, token_id, key="order-17").is_repeat


def test_a_campaign_that_was_taken_back_to_change_it_is_not_made_again(session, token_id):
    first = create(session, token_id, replace(REQUEST, start_at=NOW + timedelta(hours=1)))
    with writing(session):
        session.get_one(Campaign, first.campaign.id).state = "draft"
    with pytest.raises(Conflict, match="taken it back"):
        create(session, token_id)


def test_above_the_limit_a_program_asks_and_is_told_so_however_often_it_comes(session, token_id):
    with writing(session):
        session.add(Setting(name="approval_above", value={"is": 2}))
        grace = Actor("Grace", person_id=make_person(session).id)
    first, second = create(session, token_id, key="order-17"), create(session, token_id, key="order-17")
    campaign = second.campaign
    assert (campaign.state, campaign.size, second.is_repeat) == ("awaiting_approval", 3, True)
    assert first.campaign.id == campaign.id
    assert session.scalar(select(func.count()).select_from(Contact)) == 0
    with writing(session):
        asked = newest_approval(session, campaign.id)
        assert (asked.asked_by, asked.api_token_id, asked.people) == ("A program", token_id, 3)
        assert approve(session, campaign.id, asked.digest, grace, NOW).verdict == "approved"
    assert create(session, token_id, key="order-17").campaign.state == "running"
    assert session.scalar(select(func.count()).select_from(Contact)) == 3


def test_a_refused_create_is_not_made_again_and_says_why(session, token_id):
    with writing(session):
        session.add(Setting(name="approval_above", value={"is": 0}))
        grace = Actor("Grace", person_id=make_person(session).id)
    campaign = create(session, token_id).campaign
    with writing(session):
        refuse(session, campaign.id, newest_approval(session, campaign.id).digest, "Too early.", grace, NOW)
    with pytest.raises(Conflict, match="Grace refused it: Too early"):
        create(session, token_id)


@pytest.mark.parametrize("key", [None, "order-17"])
def test_requests_that_arrive_together_make_one_campaign(engine, session, token_id, key):
    made, start = [], threading.Barrier(6)

    def ask() -> None:
        with Session(engine) as mine:
            start.wait()
            created = create(mine, token_id, key=key)
            made.append((created.is_repeat, created.campaign.id))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(repeat for repeat, _ in made) == [False] + [True] * 5
    assert len({campaign_id for _, campaign_id in made}) == 1
    assert session.scalar(select(func.count()).select_from(Contact)) == 3


def counted(session, campaign):
    return call_counts(session, [campaign], progress_of_each(session, [campaign]))[campaign.id]


def test_calls_are_counted_by_what_became_of_them(session, token_id):
    people = [
        ("dialling", 1, None), ("dialling", 2, None), ("answered", 1, NOW), ("voicemail", 1, NOW),
        ("busy", 1, NOW), ("no_answer", 1, None), ("failed", 1, NOW), ("submitted", 1, None), ("submitted", 0, None),
        ("no_news", 1, NOW), ("no_news", 0, NOW), ("ready", 0, None),
    ]  # fmt: skip
    targets = tuple(CreateTarget(f"+1415555{place:04d}", None, {}) for place in range(len(people)))
    campaign = create(session, token_id, replace(REQUEST, targets=targets)).campaign
    with writing(session):
        cut_wave(session, campaign, len(people) - 1, 1, VAULT, NOW)
        contacts = session.scalars(select(Contact).order_by(Contact.position)).all()
        for contact, person in zip(contacts, people, strict=True):
            contact.state, contact.attempts, contact.settled_at = person
    counts = counted(session, campaign)
    assert (counts.initiated, counts.completed, counts.failed) == (9, 2, 2)


def test_somebody_who_waits_for_another_try_of_ours_has_had_a_call(session, token_id):
    campaign = create(session, token_id).campaign
    with writing(session):
        campaign.retry_attempts = 1
        session.scalars(select(Contact).where(Contact.number == NUMBERS[0])).one().attempts = 1
    assert counted(session, campaign).initiated == 1
