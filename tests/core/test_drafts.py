"""Drafts: made whole, saved step by step, guarded against two tabs, and honest about what is missing."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.drafts import (
    ChangedMeanwhile,
    check_launch,
    chosen_agent,
    create_draft,
    default_name,
    delete_draft,
    fingerprint,
    get_draft,
    problems,
    save_step,
)
from core.errors import Conflict, Invalid, NotFound
from core.models import AuditEntry, Campaign, ContactList
from core.preview import summary_of
from core.schedule import expected_length, shown_twice, span, start_of, zone_names
from core.variables import missing_variables
from tests.factories import make_agent, make_campaign, make_list

ADA = Actor("Ada")
UUID = "6f0d3b1e-1111-4222-8333-944455556666"


def test_a_new_draft_has_a_name_an_empty_list_and_an_entry_in_the_audit(session, now):
    campaign = create_draft(session, ADA, now, note="n")
    assert (campaign.name, campaign.state, campaign.note) == ("Campaign of 2 Mar", "draft", "n")
    assert session.scalars(select(ContactList.state)).all() == ["empty"]
    assert session.scalars(select(AuditEntry.act)).all() == ["campaign.create"]
    assert default_name(datetime(2026, 11, 23, tzinfo=UTC)) == "Campaign of 23 Nov"


def test_a_step_is_saved_and_the_version_grows_only_when_something_changed(session, now):
    campaign = make_campaign(session)
    seen = fingerprint(campaign, "when")
    assert save_step(session, campaign.id, "when", {"lines": 7}, seen, ADA, now).version == 2
    assert save_step(session, campaign.id, "when", {"lines": 7}, seen, ADA, now).version == 2


def test_a_step_that_another_tab_saved_is_not_overwritten(session, now):
    campaign = make_campaign(session)
    seen = fingerprint(campaign, "when")
    save_step(session, campaign.id, "when", {"lines": 7}, seen, ADA, now)
    with pytest.raises(ChangedMeanwhile) as told:
        save_step(session, campaign.id, "when", {"lines": 3}, seen, ADA, now)
    assert [(change.label, change.stored) for change in told.value.changes] == [("Calls at a time", 7)]
    assert campaign.lines == 7


def test_a_save_of_another_step_is_no_conflict(session, now):
    campaign = make_campaign(session)
    seen = fingerprint(campaign, "when")
    save_step(session, campaign.id, "what", {"name": "Other"}, fingerprint(campaign, "what"), ADA, now)
    assert save_step(session, campaign.id, "when", {"lines": 3}, seen, ADA, now).lines == 3


def test_a_launched_campaign_is_no_draft_any_more(session, now):
    campaign = make_campaign(session, state="running", launched_by="Grace")
    with pytest.raises(Conflict, match="already launched by Grace"):
        get_draft(session, campaign.id)
    with pytest.raises(Conflict):
        save_step(session, campaign.id, "what", {"name": "x"}, "", ADA, now)
    with pytest.raises(NotFound):
        get_draft(session, 999)


@pytest.mark.parametrize("text", [UUID, f"Renewals · {UUID}", "renewals", "RENEW", UUID.replace("-", "").upper()])
def test_an_agent_is_found_by_id_or_name(session, now, text):
    agent = make_agent(session, name="Renewals", uuid=UUID)
    assert chosen_agent(session, text, ADA, now) is agent


def test_an_unknown_id_is_kept_as_a_new_agent(session, now):
    assert chosen_agent(session, f" {UUID} ", ADA, now).uuid == UUID


def test_a_name_that_two_agents_have_is_not_guessed(session, now):
    make_agent(session, name="Renewals DE")
    make_agent(session, name="Renewals EN")
    with pytest.raises(Invalid, match="Several agents"):
        chosen_agent(session, "Renewals", ADA, now)


def test_an_empty_draft_says_what_is_missing(session, now):
    campaign = create_draft(session, ADA, now, name=" ", start_at=now - timedelta(minutes=1))
    found = problems(session, campaign, now)
    assert found == {
        "what": ["Give the campaign a name.", "Choose the agent that makes the calls."],
        "who": ["Upload or paste the people to call."],
        "when": ["The start time has passed: choose a later one, or start now."],
    }
    with pytest.raises(Invalid, match="Give the campaign a name"):
        check_launch(session, campaign.id, now)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"state": "importing"}, "The list is still being imported."),
        ({"state": "failed", "problem": "It is damaged."}, "It is damaged."),
        ({"counts": {"invalid": 3}}, "Nobody on this list can be called."),
    ],
)
def test_a_list_that_cannot_be_launched_says_why(session, now, given, sentence):
    campaign = make_campaign(session)
    make_list(session, campaign, **given)
    assert problems(session, campaign, now)["who"] == [sentence]


def test_a_complete_draft_has_no_problems(session, now):
    campaign = make_campaign(session)
    make_list(session, campaign)
    check_launch(session, campaign.id, now)


def test_a_deleted_draft_leaves_an_entry_in_the_audit(session, now):
    campaign = make_campaign(session)
    make_list(session, campaign, size=0, stored_as="abc")
    assert delete_draft(session, campaign.id, ADA, now) == "abc"
    assert session.scalars(select(Campaign)).all() == []
    assert session.scalars(select(AuditEntry.act)).all() == ["campaign.delete"]


def test_the_summary_counts_people_waves_and_time(session, now):
    campaign = make_campaign(session, lines=10)
    contact_list = make_list(session, campaign, counts={"ready": 2000, "repaired": 400, "invalid": 5, "duplicate": 1})
    summary = summary_of(campaign, contact_list, now)
    assert (summary.people, summary.excluded, summary.plan.waves) == (2400, 6, 20)
    assert summary.ends_from == now + summary.low < summary.ends_to == now + summary.high


def test_missing_variables_are_counted_by_name(session):
    agent = make_agent(session, variables=["name", "policy", "company"])
    campaign = make_campaign(session, agent=agent, context={"company": "Acme"})
    mapping, reading = {"number": 0, "variables": {"name": 1}}, {"gaps": {"1": 2}}
    contact_list = make_list(session, campaign, mapping=mapping, reading=reading)
    gaps = missing_variables(campaign, contact_list)
    assert [(gap.name, gap.people, gap.column) for gap in gaps] == [("policy", 3, False), ("name", 2, True)]


def test_a_local_time_is_an_instant_of_its_zone():
    assert start_of(datetime(2027, 7, 1, 16), "Europe/Berlin") == datetime(2027, 7, 1, 14, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_is_refused_with_the_next_one():
    with pytest.raises(Invalid, match=r"skip 02:30 on 28 March 2027\. Choose 03:30"):
        start_of(datetime(2027, 3, 28, 2, 30), "Europe/Berlin")


def test_of_a_time_shown_twice_the_first_is_taken():
    at = start_of(datetime(2027, 10, 31, 2, 30), "Europe/Berlin")
    assert at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert shown_twice(at, "Europe/Berlin")
    assert not shown_twice(at + timedelta(hours=2), "Europe/Berlin")


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "\0"])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(Invalid, match="Choose a time zone"):
        start_of(datetime(2027, 7, 1), zone)


def test_zones_begin_with_utc_and_are_places():
    assert zone_names()[0] == "UTC"
    assert "Europe/Berlin" in zone_names()
    assert "EST5EDT" not in zone_names()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45 s"), (600, "10 min"), (3600, "1 h"), (11400, "3 h 10 min"), (187200, "2 d 4 h"), (-5, "0 s")],
)
def test_a_length_of_time_in_words(seconds, words):
    assert span(timedelta(seconds=seconds)) == words


def test_retries_make_the_long_end_longer_only():
    once, again = (
        Campaign(lines=2, retry_attempts=0),
        Campaign(lines=2, retry_attempts=2, retry_by="us", retry_gap_minutes=60),
    )
    assert expected_length(once, 10)[0] == expected_length(again, 10)[0]
    assert expected_length(again, 10)[1] - expected_length(once, 10)[1] == 2 * timedelta(minutes=69)
    assert expected_length(again, 0) == (timedelta(0), timedelta(0))
