"""A second person's word: given for exactly what was asked, by somebody else, once; until then nobody is called."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import approvals, drafts, lists
from core.audit import Actor
from core.database import writing
from core.dispatch import advance, live_campaigns
from core.errors import AwaitsApproval, Conflict, Invalid
from core.installation import APPROVAL_ABOVE, change_settings, needs_approval, people_or_none, value_of
from core.launch import launch
from core.models import Agent, Approval, AuditEntry, Campaign, Contact, ContactList, Row
from core.row_store import drop_rows
from tests.core.cast import VAULT
from tests.factories import NOW, make_campaign, make_list, make_person, make_token

VERSIONS = {"campaign_version": 1, "list_version": 1}


@pytest.fixture
def ada(session):
    with writing(session):
        return Actor("Ada", person_id=make_person(session).id)


@pytest.fixture
def grace(session):
    with writing(session):
        return Actor("Grace", person_id=make_person(session).id)


@pytest.fixture
def draft(session):
    with writing(session):
        campaign = make_campaign(session)
        make_list(session, campaign, headers=["phone", "first"], mapping={"number": 0, "variables": {"first": 1}})
    return campaign


def ask_for(session, campaign, actor, now=NOW) -> Approval:
    return approvals.ask(
        session, campaign.id, approvals.substance_of(session, campaign.id), **VERSIONS, actor=actor, now=now
    )


@pytest.fixture
def asked(session, draft, ada):
    with writing(session):
        return ask_for(session, draft, ada)


def called(session) -> int:
    return session.scalar(select(func.count()).select_from(Contact))


def limit(session, above, actor):
    with writing(session):
        change_settings(session, {"approval_above": above}, actor, NOW)


def test_the_limit_is_kept_told_and_audited_with_before_and_after(session, ada):
    assert value_of(session, APPROVAL_ABOVE) is None
    limit(session, " 1,000 ", ada)
    limit(session, "1000", ada)
    assert [needs_approval(session, people) for people in (1000, 1001)] == [False, True]
    limit(session, "", ada)
    assert not needs_approval(session, 1_000_000)
    entries = session.execute(select(AuditEntry.before, AuditEntry.after)).all()
    assert entries == [
        ({"approval_above": None}, {"approval_above": 1000}),
        ({"approval_above": 1000}, {"approval_above": None}),
    ]


@pytest.mark.parametrize("typed", ["-1", "1.5", "many", "1000001", "9" * 5000, "٣", "1e3", "\0"])
def test_what_is_no_number_of_people_is_refused_in_words(typed):
    with pytest.raises(Invalid, match="A whole number between 0 and 1,000,000"):
        people_or_none(typed)


def test_asking_calls_nobody_and_stands_in_the_list_with_its_people(session, draft, asked, ada):
    campaign = session.get_one(Campaign, draft.id)
    assert (campaign.state, campaign.size, campaign.launched_by) == ("awaiting_approval", 3, "")
    assert campaign.why == "Ada asks to call 3 people; a second person has to approve it."
    assert (called(session), live_campaigns(session)) == (0, [])
    assert advance(session, draft.id, VAULT, NOW).submit == []
    assert session.scalars(select(AuditEntry.act)).all() == ["campaign.ask_approval"]


def test_a_second_person_approves_exactly_what_was_asked(session, draft, asked, grace):
    with writing(session):
        answered = approvals.approve(session, draft.id, asked.digest, grace, NOW)
    campaign = session.get_one(Campaign, draft.id)
    assert (answered.verdict, campaign.state, called(session)) == ("approved", "running", 3)
    assert (campaign.launched_by, approvals.approved_by(session, draft.id)) == ("Ada", "Grace")
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "campaign.launch")).one()
    assert (entry.actor, entry.person_id, entry.after["asked_by"]) == ("Grace", grace.person_id, "Ada")
    assert entry.summary == "Ada launched 3 calls; Grace approved it."


def test_nobody_approves_what_they_asked_for(session, draft, asked, ada):
    with pytest.raises(Conflict, match="somebody else has to approve it"), writing(session):
        approvals.approve(session, draft.id, asked.digest, ada, NOW)
    assert called(session) == 0


def test_whoever_made_the_token_stands_behind_the_program(session, draft, ada, grace):
    with writing(session):
        token = make_token(session, created_by_id=ada.person_id)
        program = Actor("CRM", api_token_id=token.id)
        asked = ask_for(session, draft, program)
    assert "with a token that you made" in approvals.why_not(session, asked, ada.person_id)
    assert approvals.why_not(session, asked, None) == "A person has to approve this."
    assert approvals.why_not(session, asked, grace.person_id) is None


def test_an_old_page_approves_and_refuses_nothing(session, draft, asked, ada, grace):
    with writing(session):
        approvals.take_back(session, draft.id, ada, NOW)
        drafts.save_step(session, draft.id, "when", {"lines": 9}, drafts.fingerprint(draft, "when"), ada, NOW)
        substance = approvals.substance_of(session, draft.id)
        approvals.ask(session, draft.id, substance, campaign_version=2, list_version=1, actor=ada, now=NOW)
    for answer in (
        lambda: approvals.approve(session, draft.id, asked.digest, grace, NOW),
        lambda: approvals.refuse(session, draft.id, asked.digest, "No.", grace, NOW),
    ):
        with pytest.raises(Conflict, match="asked for anew"), writing(session):
            answer()


def test_a_refused_campaign_is_a_draft_with_the_words(session, draft, asked, ada, grace):
    with writing(session):
        approvals.refuse(session, draft.id, asked.digest, "Too many.", grace, NOW)
    campaign = session.get_one(Campaign, draft.id)
    assert (campaign.state, campaign.size) == ("draft", 0)
    assert campaign.why == "Grace refused the request for approval; the last step says why."
    newest = approvals.newest_approval(session, draft.id)
    assert (newest.verdict, newest.decided_by, newest.words) == ("refused", "Grace", "Too many.")
    with pytest.raises(Conflict, match="Grace was faster and refused it"):
        approvals.approve(session, draft.id, asked.digest, ada, NOW)


def test_a_draft_that_was_refused_can_be_deleted_but_not_a_programs(session, draft, asked, ada, grace):
    with writing(session):
        approvals.refuse(session, draft.id, asked.digest, "No.", grace, NOW)
        session.get_one(Campaign, draft.id).api_token_id = make_token(session).id
    with pytest.raises(Conflict, match="A program asked for this campaign"), writing(session):
        drafts.begin_delete(session, draft.id)
    with writing(session):
        session.get_one(Campaign, draft.id).api_token_id = None
        drop_rows(session, drafts.begin_delete(session, draft.id).id)
        drafts.delete_draft(session, draft.id, ada, NOW)
    assert session.scalars(select(Approval)).all() == []


def test_a_start_that_passed_while_nobody_answered_is_not_approved(session, draft, ada, grace):
    with writing(session):
        draft.start_at = NOW + timedelta(hours=1)
        session.flush()
        asked = ask_for(session, draft, ada)
    with pytest.raises(Conflict, match="start time has passed"), writing(session):
        approvals.approve(session, draft.id, asked.digest, grace, NOW + timedelta(hours=2))
    with writing(session):
        approvals.approve(session, draft.id, asked.digest, grace, NOW + timedelta(minutes=59))
    assert session.get_one(Campaign, draft.id).state == "scheduled"


EDITS = {
    "a step": lambda session, draft: drafts.save_step(
        session, draft.id, "what", {"name": "Other"}, "", Actor("Eve"), NOW
    ),
    "the list": lambda session, draft: lists.lock_list(session, draft.id),
    "its deletion": lambda session, draft: drafts.delete_draft(session, draft.id, Actor("Eve"), NOW),
    "the check page": lambda session, draft: drafts.check_launch(session, draft.id, NOW),
    "a launch": lambda session, draft: launch(session, draft.id, **VERSIONS, actor=Actor("Eve"), now=NOW),
    "a second request": lambda session, draft: ask_for(session, draft, Actor("Eve")),
}


def test_no_edit_is_taken_while_it_waits(session, draft, asked):
    for edit in EDITS.values():
        with pytest.raises(AwaitsApproval, match="Take it back to change it"), writing(session):
            edit(session, draft)
    assert called(session) == 0


def test_a_launch_checks_the_limit_itself_but_for_test_calls(session, draft, ada):
    limit(session, "2", ada)
    with pytest.raises(Conflict, match="needs the approval of a second person now"), writing(session):
        launch(session, draft.id, **VERSIONS, actor=ada, now=NOW)
    assert called(session) == 0
    with writing(session):
        session.get_one(Campaign, draft.id).is_test = True
        session.flush()
        assert launch(session, draft.id, **VERSIONS, actor=ada, now=NOW).state == "running"


def together(engine, *acts) -> list[str]:
    """Each act in a thread and a transaction of its own, at once; the sentences of those who were too late."""
    late, start = [], threading.Barrier(len(acts))

    def run(act) -> None:
        with Session(engine) as mine:
            start.wait()
            try:
                with writing(mine):
                    act(mine)
            except Conflict as error:
                late.append(str(error))

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return late


def test_of_two_approvers_one_wins_and_the_other_is_told(engine, session, draft, asked, grace):
    with writing(session):
        linus = Actor("Linus", person_id=make_person(session).id)
    late = together(
        engine,
        *(
            lambda mine, who=who: approvals.approve(mine, draft.id, asked.digest, who, NOW)
            for who in (grace, linus, grace)
        ),
    )
    assert len(late) == 2
    assert all(words.endswith("was faster and approved it.") for words in late)
    assert called(session) == 3


def test_an_approval_and_a_taking_back_do_not_both_happen(engine, session, draft, asked, ada, grace):
    late = together(
        engine,
        lambda mine: approvals.approve(mine, draft.id, asked.digest, grace, NOW),
        lambda mine: approvals.take_back(mine, draft.id, ada, NOW),
    )
    session.expire_all()
    outcome = (session.get_one(Campaign, draft.id).state, called(session), late)
    assert outcome in (
        ("running", 3, ["Grace was faster and approved it."]),
        ("draft", 0, ["Ada was faster and took the request back."]),
    )


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
CAMPAIGN_EDITS = {
    "name": texts, "note": texts, "context": st.dictionaries(texts, texts, min_size=1), "zone": st.sampled_from(["Europe/Berlin"]),
    "start_at": st.datetimes(NOW.replace(tzinfo=None) + timedelta(days=1), timezones=st.just(NOW.tzinfo)),
    "lines": st.integers(1, 10), "wave_size": st.integers(1, 1000), "retry_by": st.just("provider"),
    "retry_attempts": st.integers(1, 10), "retry_gap_minutes": st.integers(1, 10080), "retry_outcomes": st.just(["failed"]),
    "version": st.just(2), "agent_id": st.none(), "recent_days": st.integers(1, 90),
    "hours_days": st.just([5, 6]), "hours_from": st.integers(0, 1439), "hours_to": st.integers(1, 1440),
    "hours_by": st.sampled_from(["column", "number"]), "pace": st.just("strict"), "priority": st.sampled_from([-1, 1]),
    "start_by": st.just("provider"), "breaker_percent": st.integers(1, 49), "breaker_calls": st.integers(21, 1000),
    "latest_start_at": st.datetimes(NOW.replace(tzinfo=None) + timedelta(days=400), timezones=st.just(NOW.tzinfo)),
}  # fmt: skip
ROW_EDITS = {
    "number": st.from_regex(r"\+1415556[0-9]{4}", fullmatch=True), "caller_id": st.just("+14155550100"), "time_zone": texts,
    "cells": st.lists(texts, min_size=2, max_size=2), "verdict": st.sampled_from(["invalid", "duplicate", "do_not_call", "repaired"]),
    "row_number": st.integers(100, 200), "list_id": st.none(), "reason": texts,
}  # fmt: skip
LIST_EDITS = {
    "version": st.just(2), "country": st.just("DE"), "mapping": st.just({"number": 0}), "counts": st.just({"ready": 4}),
}  # fmt: skip
AGENT_EDITS = {"uuid": st.uuids().map(str), "variables": st.lists(texts, min_size=1)}
EDITABLE = {Campaign: CAMPAIGN_EDITS, Row: ROW_EDITS, ContactList: LIST_EDITS, Agent: AGENT_EDITS}
one_edit = st.sampled_from([(table, name) for table, edits in EDITABLE.items() for name in edits]).flatmap(
    lambda place: st.tuples(st.just(place), EDITABLE[place[0]][place[1]])
)


def test_the_property_knows_every_setting_of_a_draft():
    assert {*drafts.WHAT, *drafts.WHEN} <= CAMPAIGN_EDITS.keys()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=one_edit, place=st.integers(0, 2))
def test_after_any_single_edit_nothing_is_launched(session, draft, ada, grace, edit, place):
    """Whatever changes a field or a row behind the back of the doors that refuse to: all of it is undone after each example."""
    (table, name), value = edit
    try:
        asked = ask_for(session, draft, ada)
        thing = session.scalars(select(table).order_by(*table.__table__.primary_key)).all()[
            place if table is Row else 0
        ]
        assume(getattr(thing, name) != value)
        if name == "list_id":
            session.delete(thing)
        else:
            setattr(thing, name, value)
        session.flush()
        assert approvals.approve(session, draft.id, asked.digest, grace, NOW).verdict == "void"
        assert (session.get_one(Campaign, draft.id).state, called(session)) == ("draft", 0)
    finally:
        session.rollback()
