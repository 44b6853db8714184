"""Test calls: one person, the normal machinery, no list and no sum; and each one ends by itself."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.database import writing
from core.drafts import begin_delete, delete_draft
from core.errors import Conflict, Invalid
from core.facts import AttemptStatus, Sent
from core.launch import launch
from core.lookups import WantedCampaigns, campaigns_page
from core.models import AuditEntry, Campaign, Contact, Person, Reservation, Row, Wave
from core.row_store import drop_rows
from core.schedule import SETTLE_TIME
from core.test_calls import MOST_AN_HOUR, PATIENCE, newest_test_call, phone_of, place_test_call
from tests.core.cast import accepted, answer, claimed, report, states, tick
from tests.factories import make_agent, make_campaign, make_list, make_person

PHONE = "+1 415 555 2671"


@pytest.fixture
def draft(session):
    """A draft of three people whose second column is a first name."""
    campaign = make_campaign(session, name="Spring", context={"company": "Acme"}, lines=7, retry_attempts=3)
    mapping = {"number": 0, "variables": {"first_name": 1}}
    contact_list = make_list(session, campaign, headers=["phone", "name"], mapping=mapping)
    row = session.scalars(select(Row).where(Row.list_id == contact_list.id, Row.row_number == 3)).one()
    row.cells, row.caller_id = [row.number, "Eve"], "+14155550199"
    session.commit()
    return campaign


@pytest.fixture
def ada(session):
    person = make_person(session, name="Ada", role="launcher")
    session.commit()
    return Actor("Ada", person_id=person.id)


def place(session, draft, actor, now, phone=PHONE, row=3):
    with writing(session):
        return place_test_call(session, draft.id, phone, row, actor, now)


def newest(session, draft):
    session.rollback()
    return newest_test_call(session, draft.id)


def test_a_test_call_has_the_rows_variables_and_the_typed_number(session, draft, ada, now):
    test = place(session, draft, ada, now)
    wave = session.get_one(Wave, tick(session, test, now).submit[0])
    (target,) = wave.request["targets"]
    assert (target["to_number"], target["from_number"]) == ("+14155552671", "+14155550199")
    assert target["context"]["first_name"] == "Eve"
    assert (wave.request["context"], wave.request["concurrent_calls"]) == ({"company": "Acme"}, 1)
    assert (test.name, test.retry_attempts, test.is_test, test.test_of_id) == ("Test call: Spring", 0, True, draft.id)
    assert session.get_one(Campaign, draft.id).state == "draft"


def test_it_is_played_by_the_normal_machinery_and_shown_on_the_draft(session, draft, ada, now):
    test = place(session, draft, ada, now)
    assert newest(session, draft).is_open
    wave = accepted(session, test, now)
    with pytest.raises(Conflict, match="under way"):
        place(session, draft, ada, now)
    fact = {"duration": 42.0, "summary": "Went well."}
    report(session, wave, 2671, AttemptStatus.ANSWERED, now, **fact)
    tick(session, test, now)
    placed = newest(session, draft)
    assert (placed.is_open, placed.contact.state) == (False, "answered")
    assert (placed.attempt.duration, placed.attempt.summary) == (42.0, "Went well.")
    assert place(session, draft, ada, now).id != test.id


def test_of_clicks_at_the_same_moment_one_calls(engine, session, draft, ada, now):
    def click(_):
        with Session(engine) as own, suppress(Conflict):
            return place(own, draft, ada, now).id

    with ThreadPoolExecutor(4) as pool:
        placed = [one for one in pool.map(click, range(4)) if one]
    assert len(placed) == 1
    assert newest(session, draft).campaign.id == placed[0]


def test_it_stands_in_no_list_and_leaves_the_draft_as_it_was(session, draft, ada, now):
    version = draft.version
    test = place(session, draft, ada, now)
    listed = campaigns_page(session, WantedCampaigns(), None).rows
    assert [campaign.id for campaign in listed] == [draft.id]
    assert campaigns_page(session, WantedCampaigns(("running",), "Test call"), None).rows == []
    with writing(session):
        launched = launch(session, draft.id, campaign_version=version, list_version=1, actor=ada, now=now)
    assert launched.size == 3
    assert session.scalar(select(func.count()).where(Contact.campaign_id == test.id)) == 1


def test_the_number_is_remembered_and_stands_in_no_audit_entry(session, draft, ada, now):
    assert phone_of(session, ada.person_id) == ""
    place(session, draft, ada, now, phone="(415) 555-2671")
    assert phone_of(session, ada.person_id) == "+14155552671"
    entries = session.scalars(select(AuditEntry)).all()
    told = json.dumps([[entry.summary, entry.before, entry.after] for entry in entries])
    assert "5552671" not in told
    (entry,) = [entry for entry in entries if entry.act == "campaign.test_call"]
    assert (entry.subject_id, entry.after["row"], entry.after["own_phone"]) == (draft.id, 3, "changed")


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"phone": ""}, "phone", "empty"),
        ({"phone": "12"}, "phone", "too short"),
        ({"phone": "nobody\0" * 50}, "phone", "too long"),
        ({"row": 99}, "row", "The list has no row 99."),
        ({"row": -1}, "row", "no row -1"),
        ({"row": 10**20}, "row", "no row"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nobody_is_called(session, draft, ada, now, typed, field, words):
    with pytest.raises(Invalid, match=words) as told:
        place(session, draft, ada, now, **typed)
    assert told.value.field == field
    assert newest(session, draft) is None


def test_a_draft_needs_an_agent_and_neither_a_list_nor_a_row(session, ada, now):
    draft = make_campaign(session, agent=None)
    session.commit()
    with pytest.raises(Invalid, match="Choose the agent"):
        place(session, draft, ada, now, row=None)
    with writing(session):
        session.get_one(Campaign, draft.id).agent_id = make_agent(session).id
    assert place(session, draft, ada, now, row=None).state == "running"


def test_so_many_in_an_hour_are_enough(session, draft, ada, now):
    for number in range(MOST_AN_HOUR):
        at = now + timedelta(minutes=number)
        session.add(Campaign(state="completed", state_since=at, created_at=at, is_test=True, test_of_id=draft.id))
    session.commit()
    with pytest.raises(Conflict, match="within an hour are enough"):
        place(session, draft, ada, now + timedelta(minutes=59))
    assert place(session, draft, ada, now + timedelta(minutes=61)).is_test


def test_another_draft_is_no_way_around_that(session, draft, ada, now):
    for _ in range(MOST_AN_HOUR):
        made = {"is_test": True, "created_by_id": ada.person_id}  # of drafts that are deleted by now
        session.add(Campaign(state="completed", state_since=now, created_at=now, **made))
    grace = Actor("Grace", make_person(session, email="grace@example.com").id)
    session.commit()
    with pytest.raises(Conflict, match="within an hour are enough"):
        place(session, draft, ada, now)
    assert place(session, draft, grace, now).is_test


def test_a_launched_draft_is_tested_no_more(session, draft, ada, now):
    with writing(session):
        launch(session, draft.id, campaign_version=draft.version, list_version=1, actor=ada, now=now)
    with pytest.raises(Conflict, match="already launched"):
        place(session, draft, ada, now)


def test_a_number_that_is_being_called_is_not_called_by_a_test(session, draft, ada, now):
    other = make_campaign(session)
    make_list(session, other, size=1)
    session.commit()
    with writing(session):
        launch(session, other.id, campaign_version=1, list_version=1, actor=ada, now=now)
    accepted(session, other, now)
    test = place(session, draft, ada, now, phone="+14155550000")
    assert tick(session, test, now).submit == []
    assert "being called by “Spring renewals”" in newest(session, draft).campaign.why


def test_what_cannot_be_handed_over_in_time_is_given_up(session, draft, ada, now):
    test = place(session, draft, ada, now)
    tick(session, test, now)
    after = now + PATIENCE + timedelta(seconds=1)
    assert tick(session, test, after).submit == []
    assert (newest(session, draft).is_open, states(session, test)) == (False, ["cancelled"])
    assert session.scalars(select(Reservation)).all() == []
    assert claimed(session, session.scalars(select(Wave.id)).one(), after) is None


def test_a_second_refusal_ends_it_with_the_providers_words(session, draft, ada, now):
    test = place(session, draft, ada, now)
    for _ in range(2):
        (wave_id,) = tick(session, test, now).submit
        answer(session, claimed(session, wave_id, now), Sent.REFUSED, now)
    tick(session, test, now)
    placed = newest(session, draft)
    assert (placed.is_open, placed.contact.state, placed.refusal) == (False, "cancelled", "The provider said refused.")


def test_one_that_may_have_been_sent_counts_as_sent_and_ends_without_anybodys_word(session, draft, ada, now):
    test = place(session, draft, ada, now)
    (wave_id,) = tick(session, test, now).submit
    answer(session, claimed(session, wave_id, now), Sent.UNKNOWN, now)
    for minutes in (1, 6, SETTLE_TIME.total_seconds() / 60 + 1, 240, 251):
        assert tick(session, test, now + timedelta(minutes=minutes)).submit == []
    assert (newest(session, draft).is_open, states(session, test)) == (False, ["no_news"])
    assert session.scalars(select(Reservation)).all() == []


def test_a_draft_with_test_calls_is_deleted_and_they_stay(session, draft, ada, now):
    test = place(session, draft, ada, now)
    with writing(session):
        drop_rows(session, begin_delete(session, draft.id).id)
    with writing(session):
        delete_draft(session, draft.id, ada, now)
    assert (session.get(Campaign, draft.id), session.get_one(Campaign, test.id).test_of_id) == (None, None)
    assert session.scalars(select(Person.phone).where(Person.id == ada.person_id)).one() == "+14155552671"
