"""Compose: four steps of one draft, saved as they are filled, and one button that calls people."""

import html
import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from core.models import Campaign, Contact, ContactList, Row
from jobs.import_list import import_list
from tests.factories import make_agent, make_campaign, make_list

UGLY = '<script>alert(1)</script>\u202e=cmd()|" \n'


@pytest.fixture
def draft(session):
    campaign = make_campaign(session)
    make_list(session, campaign)
    session.commit()
    return campaign


def path(campaign, step):
    return f"/campaigns/{campaign.id}/compose/{step}"


def seen(client, campaign, step):
    return hidden(client.get(path(campaign, step)).text, "seen")


def fresh(session):
    """What is in the database now."""
    session.rollback()
    session.expire_all()
    return session


def hidden(page, name):
    return html.unescape(re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page)[1])


ROLES = {"caller_id": "", "time_zone": "", "country": ""}
WHEN = {"start": "now", "zone": "UTC", "lines": "4", "retry_by": "us", "retry_attempts": "0"}


def test_the_first_save_makes_a_draft_and_leads_to_the_second_step(composer, session):
    agent = make_agent(session)
    session.commit()
    form = {"name": "Spring", "agent": agent.name, "context-0-key": "company", "context-0-value": "Acme", "note": "n"}
    answer = composer.post("/campaigns/new", data=form)
    campaign = session.scalars(select(Campaign)).one()
    assert (answer.status_code, answer.location) == (303, path(campaign, "who"))
    assert (campaign.agent_id, campaign.context, campaign.state) == (agent.id, {"company": "Acme"}, "draft")


def test_a_new_campaign_has_a_name_already(composer):
    assert 'value="Campaign of ' in composer.get("/campaigns/new").text


def test_an_autosave_of_a_new_campaign_makes_one_draft_however_often_it_comes(composer, session):
    first = composer.post("/campaigns/new", data={"name": "Spring"}, headers={"HX-Request": "true"})
    campaign = session.scalars(select(Campaign)).one()
    assert first.headers["HX-Replace-Url"] == path(campaign, "what")
    assert f'name="draft" value="{campaign.id}"' in first.text
    token = hidden(first.text, "seen")
    again = {"name": "Summer", "draft": campaign.id, "seen": token}
    assert composer.post("/campaigns/new", data=again, headers={"HX-Request": "true"}).status_code == 200
    fresh(session)
    assert session.scalars(select(Campaign.name)).all() == ["Summer"]


def test_an_autosave_of_a_half_typed_agent_is_refused_in_one_place_of_the_page(composer, session):
    """Its answer takes the place of #draft-seen: a whole page there would hold the form a second time, as it was then."""
    answer = composer.post("/campaigns/new", data={"name": "Spring", "agent": "b9c1f"}, headers={"HX-Request": "true"})
    assert (answer.status_code, "No saved agent has this name." in answer.text) == (422, True)
    assert ("<form" in answer.text, answer.text.count('id="draft-seen"')) == (False, 1)
    assert session.scalar(select(func.count()).select_from(Campaign)) == 0


def test_a_pasted_uuid_saves_the_agent(composer, session, draft):
    uuid = "6f0d3b1e-1111-4222-8333-944455556666"
    form = {"name": "Spring", "agent": uuid, "seen": seen(composer, draft, "what")}
    assert composer.post(path(draft, "what"), data=form).status_code == 303
    fresh(session)
    assert session.get_one(Campaign, draft.id).agent.uuid == uuid


def test_an_unknown_agent_is_told_at_its_field_and_nothing_typed_is_lost(composer, draft):
    form = {"name": UGLY, "agent": "nobody", "note": "kept", "seen": seen(composer, draft, "what")}
    answer = composer.post(path(draft, "what"), data=form)
    assert answer.status_code == 422
    assert "No saved agent has this name" in answer.text
    assert "kept</textarea>" in answer.text
    assert "<script>alert" not in answer.text


def test_a_row_of_context_is_added_without_a_script(composer, draft):
    form = {
        "name": "S",
        "context-0-key": "a",
        "context-0-value": "1",
        "add_row": "1",
        "seen": seen(composer, draft, "what"),
    }
    page = composer.post(path(draft, "what"), data=form)
    assert page.status_code == 200
    assert 'name="context-1-key"' in page.text


def test_two_tabs_do_not_overwrite_each_other(composer, session, draft):
    token = seen(composer, draft, "what")
    composer.post(path(draft, "what"), data={"name": "Mine", "seen": token})
    answer = composer.post(path(draft, "what"), data={"name": "Theirs", "seen": token})
    assert answer.status_code == 422
    assert "changed in another tab" in answer.text
    assert 'value="Theirs"' in answer.text
    assert "<dd>Mine</dd>" in answer.text
    token = hidden(answer.text, "seen")
    assert composer.post(path(draft, "what"), data={"name": "Theirs", "seen": token}).status_code == 303


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"lines": "11"}, "Between 1 and 10."),
        ({"lines": "many"}, "Not a valid integer value."),
        ({"start": "later"}, "Say when: a date and a time."),
        ({"start": "later", "start_local": "2020-01-01T10:00"}, "This time has passed."),
        (
            {"start": "later", "start_local": "2031-03-30T02:30", "zone": "Europe/Berlin"},
            "The clocks in Europe/Berlin skip 02:30",
        ),
        ({"retry_attempts": "4", "retry_by": "provider"}, "The provider tries again 0 to 3 times."),
        ({"retry_attempts": "2"}, "Choose after which outcomes"),
        ({"wave_size": "1001"}, "Between 1 and 1,000, or empty."),
        ({"retry_gap": "31", "retry_gap_unit": "1440"}, "Between 1 minute and 30 days."),
        ({"retry_gap": "-3"}, "Between 1 minute and 30 days."),
        ({"latest_local": "soon"}, "Say a date and a time, or nothing."),
        ({"latest_local": "2020-01-01T10:00"}, "This time has passed. Choose a later one, or none."),
        (
            {"start": "later", "start_local": "2031-07-01T16:00", "latest_local": "2031-07-01T16:00"},
            "The latest start should be after the start.",
        ),
        ({"start_by": "provider"}, "The provider can start it at a time only"),
        (
            {
                "start": "later",
                "start_local": "2031-07-01T16:00",
                "start_by": "provider",
                "latest_local": "2031-07-02T16:00",
            },
            "leave the latest start empty",
        ),
        ({"start_by": "nobody"}, "Not a valid choice."),
        ({"pace": "fast"}, "Not a valid choice."),
        ({"priority": "9"}, "Not a valid choice."),
        ({"breaker_percent": "101"}, "Between 1 and 100, or empty."),
        ({"breaker_calls": "4"}, "Between 5 and 1,000."),
        ({"breaker_calls": "9" * 40}, "Between 5 and 1,000."),
    ],
)
def test_what_is_wrong_about_when_stands_at_its_field(composer, draft, typed, words):
    form = WHEN | typed | {"seen": seen(composer, draft, "when")}
    answer = composer.post(path(draft, "when"), data=form)
    assert answer.status_code == 422
    assert words in answer.text


def test_how_it_is_paced_and_guarded_is_kept_and_told(composer, session, draft):
    form = WHEN | {
        "retry_attempts": "2", "retry_outcomes": "no_answer", "retry_gap": "3", "retry_gap_unit": "1440", "pace": "strict",
        "priority": "1", "breaker_percent": "30", "breaker_calls": "50", "latest_local": "2031-07-01T16:00",
        "seen": seen(composer, draft, "when"),
    }  # fmt: skip
    answer = composer.post(path(draft, "when"), data=form, headers={"HX-Request": "true"})
    assert "Each person gets up to 3 calls, at least 3 d apart, at any time of day and night" in answer.text
    fresh(session)
    kept = session.get_one(Campaign, draft.id)
    assert (kept.retry_gap_minutes, kept.pace, kept.priority) == (4320, "strict", 1)
    assert (kept.breaker_percent, kept.breaker_calls) == (30, 50)
    checked = composer.get(path(draft, "check")).text
    assert "Stops if more than 30 % of the last 50 calls fail" in checked
    assert "when everybody in the last one is settled" in composer.get(path(draft, "when")).text


def test_a_local_start_is_kept_as_an_instant_and_told_in_utc(composer, session, draft):
    form = WHEN | {
        "start": "later",
        "start_local": "2031-07-01T16:00",
        "zone": "Europe/Berlin",
        "seen": seen(composer, draft, "when"),
    }
    answer = composer.post(path(draft, "when"), data=form, headers={"HX-Request": "true"})
    assert "= 1 Jul 2031, 14:00 UTC, in" in answer.text
    fresh(session)
    assert session.get_one(Campaign, draft.id).start_at.isoformat() == "2031-07-01T14:00:00+00:00"
    assert 'value="2031-07-01T16:00' in composer.get(path(draft, "when")).text


def test_a_list_is_uploaded_read_and_reported(composer, session, draft, run_import):
    rows = "name;phone\nAda;0151 12345678\nBob;015112345678\nEve;12\n=cmd();+1 415 555 2671\n"
    form = {"file": (io.BytesIO(rows.encode()), "../../etc/passwd.csv"), "country": "DE"}
    assert composer.post(path(draft, "who"), data=form).status_code == 303
    assert "Waiting for its turn" in composer.get(path(draft, "who")).text
    contact_list = run_import(draft)
    assert contact_list.counts == {
        "ready": 2, "repaired": 0, "duplicate": 1, "invalid": 1, "do_not_call": 0, "called_recently": 0,
    }  # fmt: skip
    page = composer.get(path(draft, "who")).text
    assert "+4915112345678" in page
    assert "The same number as in row 2." in page
    problems = composer.get(path(draft, "who") + "/rows/download?rows=problems").text
    assert problems.splitlines()[1] == "Bob;015112345678;3;Duplicate;The same number as in row 2."


def test_a_box_filters_the_rows(composer, draft, run_import):
    composer.post(path(draft, "who"), data={"pasted": "+14155552671\nnonsense 1\n", "country": "US"})
    run_import(draft)
    page = composer.get(path(draft, "who") + "?verdict=invalid").text.split('id="rows"')[1]
    assert "nonsense 1" in page
    assert "+14155552671" not in page.split('id="columns"')[0]


def test_the_fragment_of_the_import_stops_asking_when_it_is_done(composer, draft, run_import):
    composer.post(path(draft, "who"), data={"pasted": "+14155552671", "country": "US"})
    assert 'hx-trigger="every 1s"' in composer.get(path(draft, "who") + "/progress").text
    run_import(draft)
    assert "hx-trigger" not in composer.get(path(draft, "who") + "/progress").text


def test_nothing_sent_is_told_at_its_field(composer, draft):
    answer = composer.post(path(draft, "who"), data={"country": "US"})
    assert answer.status_code == 422
    assert "Choose a file, or paste numbers below." in answer.text


def test_another_column_judges_every_row_again(composer, draft, run_import):
    composer.post(path(draft, "who"), data={"pasted": "phone,other\n1,+14155552671\n2,+14155552672\n", "country": "US"})
    contact_list = run_import(draft)
    assert contact_list.mapping["number"] == 1
    composer.post(path(draft, "who") + "/mapping", data=ROLES | {"number": "0", "names-0": "", "names-1": "other"})
    assert run_import(draft).counts["invalid"] == 2


def test_a_renamed_variable_needs_no_second_reading(composer, session, draft, run_import):
    composer.post(path(draft, "who"), data={"pasted": "phone,first\n+14155552671,Ada\n", "country": "US"})
    version = run_import(draft).version
    composer.post(path(draft, "who") + "/mapping", data=ROLES | {"number": "0", "names-0": "", "names-1": "first_name"})
    contact_list = fresh(session).scalars(select(ContactList).where(ContactList.campaign_id == draft.id)).one()
    assert (contact_list.state, contact_list.version) == ("ready", version + 1)
    assert contact_list.mapping["variables"] == {"first_name": 1}


def test_the_check_page_names_the_people_and_shows_the_request(composer, launcher, draft):
    page = launcher.get(path(draft, "check")).text
    assert "Call 3 people" in page
    assert "put in at the POST" in page
    assert "You may compose, and not launch." in composer.get(path(draft, "check")).text


def launch_form(client, campaign):
    page = client.get(path(campaign, "check")).text
    return {name: hidden(page, name) for name in ("campaign_version", "list_version", "facts")} | {"confirmed": "y"}


def test_the_samples_are_what_is_sent_with_the_emptiest_first(composer, session, draft, run_import):
    draft.agent.variables = ["first_name", "policy"]
    session.commit()
    rows = "phone,first name\n+14155552671,Ada\n+14155552672,\n"
    composer.post(path(draft, "who"), data={"pasted": rows, "country": "US"})
    run_import(draft)
    page = composer.get(path(draft, "check")).text
    assert page.index("row 3, the emptiest") < page.index("row 2")
    assert "<bdi>Ada</bdi>" in page
    assert "&#34;first_name&#34;: &#34;Ada&#34;" in page
    assert "<code>first_name</code>: empty for 1 of 2 people" in page
    assert "<code>policy</code>: no column and no context gives it" in page


def test_a_refused_autosave_names_the_field(composer, draft):
    form = WHEN | {"lines": "22", "seen": seen(composer, draft, "when")}
    answer = composer.post(path(draft, "when"), data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "Calls at a time: Between 1 and 10." in answer.text


def test_a_launch_calls_these_people_once_and_tells_the_second_click(launcher, session, draft):
    form = launch_form(launcher, draft)
    first = launcher.post(path(draft, "launch"), data=form)
    second = launcher.post(path(draft, "launch"), data=form)
    assert first.location == second.location == f"/campaigns/{draft.id}"
    assert "already launched" in launcher.get(f"/campaigns/{draft.id}").text
    assert session.scalar(select(func.count()).select_from(Contact)) == 3


def test_the_notice_after_a_launch_counts_those_who_are_called(launcher, draft, run_import):
    launcher.post(path(draft, "who"), data={"pasted": "4155552671\n+14155552671\n4155552672\n", "country": "US"})
    run_import(draft)
    launcher.post(path(draft, "launch"), data=launch_form(launcher, draft))
    assert "Launched: 2 people to call." in launcher.get(f"/campaigns/{draft.id}").text


def test_a_launch_of_something_else_than_was_shown_shows_what_changed(launcher, session, draft):
    form = launch_form(launcher, draft)
    launcher.post(path(draft, "when"), data=WHEN | {"lines": "9", "seen": seen(launcher, draft, "when")})
    answer = launcher.post(path(draft, "launch"), data=form)
    assert answer.status_code == 409
    assert "<del>5</del> → 9" in answer.text
    assert session.scalar(select(func.count()).select_from(Contact)) == 0


def test_without_the_tick_nobody_is_called(launcher, session, draft):
    form = launch_form(launcher, draft)
    del form["confirmed"]
    assert launcher.post(path(draft, "launch"), data=form).status_code == 422
    fresh(session)
    assert session.get_one(Campaign, draft.id).state == "draft"


def test_a_composer_cannot_launch(composer, draft):
    assert composer.post(path(draft, "launch"), data={}).status_code == 403


def test_a_start_that_passed_meanwhile_is_a_problem_and_not_a_launch(launcher, session, draft):
    session.get_one(Campaign, draft.id).start_at = draft.created_at - timedelta(days=1)
    session.commit()
    page = launcher.get(path(draft, "check")).text
    assert "The start time has passed" in page
    assert "Call 3 people" not in page


def test_a_launched_draft_leads_to_its_campaign(launcher, draft):
    launcher.post(path(draft, "launch"), data=launch_form(launcher, draft))
    for step in ("what", "who", "when", "check"):
        assert launcher.get(path(draft, step)).location == f"/campaigns/{draft.id}"


def test_a_deleted_draft_is_gone_with_its_rows_and_its_file(composer, session, draft, run_import, settings):
    composer.post(path(draft, "who"), data={"pasted": "+14155552671", "country": "US"})
    run_import(draft)
    assert composer.post(path(draft, "delete")).status_code == 303
    assert fresh(session).scalar(select(func.count()).select_from(Row)) == 0
    assert session.scalars(select(Campaign)).all() == []
    assert list((settings.data_dir / "uploads").iterdir()) == []


@pytest.fixture
def run_import(session, job_runtime):
    """Runs the import job of a draft's list, and returns the list."""

    def run(campaign):
        list_id = session.scalar(select(ContactList.id).where(ContactList.campaign_id == campaign.id))
        import_list(list_id)
        fresh(session)
        return session.get_one(ContactList, list_id)

    return run
