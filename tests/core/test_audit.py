"""The audit log: entries are added, and never changed or removed, not even by us."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.audit import LONGEST_VALUE, Actor, changes, note
from core.drafts import create_draft, delete_draft, fingerprint, save_step
from core.facts import AttemptStatus
from core.list_edits import list_edit
from core.lists import accept_file, change_mapping
from core.models import AuditEntry, Campaign
from core.progress import feed
from core.provider_state import notice_key
from core.sign_ins import MOST_FOR_ACCOUNT, TooManyTries, begin_try, sign_out
from tests.core.cast import accepted, launched, report
from tests.factories import make_agent, make_campaign, make_delivery, make_list, make_person

ADA = Actor("Ada")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'Eve'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "INSERT OR REPLACE INTO audit_entry SELECT id, at, 'Eve', person_id, api_token_id, address, act, subject, subject_id,"
        " summary, before, after FROM audit_entry",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove_an_entry(session, now, statement):
    note(session, ADA, "agent.add", "agent", 1, now)
    session.commit()
    with pytest.raises(DBAPIError, match=r"only grows|syntax error"):
        session.execute(text(statement))
    session.rollback()
    assert session.query(AuditEntry.actor).all() == [("Ada",)]


def test_a_new_campaign_does_not_inherit_the_entries_of_a_deleted_draft(session, now):
    deleted = create_draft(session, ADA, now)
    number = deleted.id
    delete_draft(session, number, ADA, now)
    session.expunge_all()
    several = [Campaign(name=name, state_since=now, created_at=now) for name in "ab"]
    session.add_all(several)
    session.flush()
    assert sorted(campaign.id for campaign in several) == [number + 1, number + 2]


def entries(session):
    return (
        session.query(AuditEntry.act, AuditEntry.summary, AuditEntry.before, AuditEntry.after)
        .order_by(AuditEntry.id)
        .all()
    )


def test_changes_are_the_fields_that_differ():
    assert changes({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4}) == (
        {"b": 2, "c": 3, "d": None}, {"b": 3, "c": None, "d": 4}
    )  # fmt: skip
    assert changes({"a": [1]}, {"a": [1]}) == ({}, {})


def test_a_long_value_stands_in_an_entry_with_its_beginning_only(session, now):
    values = {"note": "x" * 501, "context": {"k": "y" * 500}, "lines": 4, "start_at": now, "names": ["a"], "none": None}
    note(session, Actor("A" * 300, address="1" * 99), "campaign.create", "campaign", 1, now, after=values)
    session.flush()
    entry = session.query(AuditEntry).one()
    assert (len(entry.actor), len(entry.address)) == (255, 64)
    assert (entry.after["note"], len(entry.after["context"])) == ("x" * 499 + "…", LONGEST_VALUE)
    rest = {name: entry.after[name] for name in ("lines", "start_at", "names", "none")}
    assert rest == {"lines": 4, "start_at": "2026-03-02T12:00:00+00:00", "names": ["a"], "none": None}


def test_a_saved_step_tells_only_what_changed_and_an_agent_by_its_name(session, now):
    campaign = make_campaign(session, name="Old", note="n")
    agent = make_agent(session, name="Reminders")
    values = {"name": "New", "note": "n", "agent_id": agent.id}
    save_step(session, campaign.id, "what", values, fingerprint(campaign, "what"), ADA, now)
    save_step(session, campaign.id, "what", values, fingerprint(campaign, "what"), ADA, now)
    assert entries(session) == [
        ("draft.change", "Ada changed Name, Agent.", {"name": "Old", "agent": "Renewals"}, {"name": "New", "agent": "Reminders"})
    ]  # fmt: skip


def test_what_people_decide_about_a_list_is_told_and_none_of_its_rows(session, now):
    campaign = make_campaign(session)
    make_list(session, campaign)
    with list_edit(session, campaign.id, "draft.upload", ADA, now) as found:
        accept_file(found, source="file", filename="a.csv", stored_as="secret", size=9, country="US", now=now)
    for _ in range(2):
        with list_edit(session, campaign.id, "draft.mapping", ADA, now) as found:
            change_mapping(session, found, {"number": 1}, now)
    upload, mapping = entries(session)
    assert (upload.after["file"], upload.after["bytes"], "secret" in str(upload)) == ("a.csv", 9, False)
    assert mapping == (
        "draft.mapping",
        "Ada changed which column is what.",
        {"columns": {}},
        {"columns": {"number": 1}},
    )


def test_tries_that_are_used_up_are_told_once_and_nothing_that_is_no_account(session, now):
    make_person(session, email="ada@example.com")
    for email in ("ada@example.com", "my-password-in-the-wrong-field"):
        for _ in range(MOST_FOR_ACCOUNT):
            begin_try(session, email, "203.0.113.7", now)
        for _ in range(3):
            with pytest.raises(TooManyTries):
                begin_try(session, email, "203.0.113.7", now)
    first, second = entries(session)
    assert (first.act, "ada@example.com" in first.summary) == ("person.use_up_tries", True)
    assert (second.act, "wrong-field" in second.summary) == ("person.use_up_tries", False)


def test_a_sign_out_and_another_key_to_the_provider_are_told(session, now):
    sign_out(session, "a token", ADA, now)
    for key in ("first", "first", "second"):
        notice_key(session, key, now)
    session.flush()
    assert [entry.act for entry in entries(session)] == ["person.sign_out", "provider.change"]
    assert "second" not in str(entries(session))


def test_numbers_and_secrets_in_the_provider_s_words_do_not_reach_the_log(session, now):
    note(
        session,
        ADA,
        "wave.refused",
        "campaign",
        1,
        now,
        summary="Wave 1: no +14155550123, Bearer abc.def, and 1,234 more.",
    )
    session.flush()
    assert entries(session)[0].summary == "Wave 1: no <number …23>, Bearer <secret>, and 1,234 more."


def test_where_nothing_is_delivered_the_feed_tells_of_calls_that_were_found_by_asking(session, now):
    campaign = launched(session, now, people=1)
    report(session, accepted(session, campaign, now), 0, AttemptStatus.BUSY, now)
    told = [(line.words, line.state, line.number) for line in feed(session, campaign.id) if line.number]
    assert told == [("Found by asking the provider.", "busy", "+14155550000")]


def test_refused_deliveries_do_not_hide_what_was_found_by_asking(session, now):
    campaign = launched(session, now, people=1)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, AttemptStatus.BUSY, now)
    make_delivery(session, wave, verdict="bad_signature")
    assert {line.tone for line in feed(session, campaign.id)} >= {"bad", "good"}


def test_how_a_campaign_was_composed_is_not_in_its_feed(session, now):
    campaign = create_draft(session, ADA, now)
    save_step(session, campaign.id, "what", {"note": "n"}, fingerprint(campaign, "what"), ADA, now)
    assert [line.words for line in feed(session, campaign.id)] == ["Ada began this draft."]
