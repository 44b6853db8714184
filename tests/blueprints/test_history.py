"""The audit log's page: newest first, filtered by the address, and taken along as a file."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest

from core import history
from core.audit import CALLBOARD, Actor, note
from core.models import Person
from tests.factories import make_campaign, make_person, make_token

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def admin(sign_in_as):
    return sign_in_as("admin")


@pytest.fixture
def told(session):
    """Four entries: of a person, of a program, of Callboard, and of somebody who writes formulas."""
    ada, program = make_person(session, name="Ada"), make_token(session, name="Nightly")
    campaign = make_campaign(session)
    by_ada, day = Actor("Ada", ada.id, address="203.0.113.7"), timedelta(days=1)
    note(session, by_ada, "draft.change", "campaign", campaign.id, AT, summary="Ada changed Name.",
         before={"name": "Old"}, after={"name": "<b>New</b>"})  # fmt: skip
    by_nightly = Actor("Nightly", api_token_id=program.id)
    note(
        session, by_nightly, "campaign.launch", "campaign", campaign.id, AT + day, summary="Nightly launched 12 calls."
    )
    note(session, CALLBOARD, "wave.needs_person", "campaign", 999, AT + 2 * day, summary="A wave needs 50 % more.")
    note(session, by_ada, "agent.add", "agent", campaign.agent_id, AT + 3 * day, summary="=cmd();=cmd()",
         after={"variables": ["a", "b"], "lines": 4, "is_test": False})  # fmt: skip
    session.commit()
    return {"ada": ada.id, "nightly": program.id, "campaign": campaign.id}


SENTENCES = {"draft": "Ada changed Name.", "launch": "Nightly launched 12 calls.", "wave": "A wave needs 50 % more.",
             "agent": "=cmd();=cmd()"}  # fmt: skip


def shown(page):
    return [name for name, words in SENTENCES.items() if f"<bdi>{words}</bdi>" in page.text]


def test_an_entry_says_who_from_where_what_and_to_what(admin, told):
    page = admin.get("/audit").text
    assert "203.0.113.7" in page
    assert "Old" in page
    assert "&lt;b&gt;New&lt;/b&gt;" in page
    assert f'href="/campaigns/{told["campaign"]}"' in page
    assert "a, b" in page
    assert 'href="/campaigns/999"' not in page


ASKED = {
    "": ["draft", "launch", "wave", "agent"], "who=person-{ada}": ["draft", "agent"], "who=token-{nightly}": ["launch"],
    "who=callboard": ["wave"], "act=campaign.launch": ["launch"], "act=draft": ["draft"], "act=dra": [],
    "campaign={campaign}": ["draft", "launch"], "from=2026-03-03&to=2026-03-04": ["launch", "wave"],
    "to=2026-03-02": ["draft"], "from=2026-03-05": ["agent"], "from=2037-01-01": [], "q=LAUNCHED": ["launch"],
    "q=50+%25": ["wave"], "q=_": [], "q=%00": ["draft", "launch", "wave", "agent"],
    "from=0001-01-01&to=9999-12-31&who=person-{ada}&act=agent.add&q=cmd": ["agent"],
}  # fmt: skip


def test_the_address_says_which_entries_are_shown(admin, told):
    for asked, found in ASKED.items():
        assert shown(admin.get(f"/audit?{asked.format(**told)}")) == found, asked


def test_an_empty_log_and_an_answer_without_entries_each_say_what_they_are(admin, session):
    assert "No entry answers all of these questions" in admin.get("/audit?q=nobody").text
    assert "export.csv" not in admin.get("/audit?q=nobody").text


def test_what_cannot_be_understood_is_told_and_nothing_else_is_exported(admin, told):
    for asked, words in {
        "who=person-x": "Choose a person or a program", "who=token-99999999999999": "Choose a person", "act=%27": "Choose an act",
        "campaign=-1": "consists of digits", f"campaign={'9' * 30}": "consists of digits", "from=33": "“33” is not a day",
        "to=2026-02-30": "is not a day", "from=2026-03-05&to=2026-03-04": "before the first", "to=%00": "is not a day",
    }.items():  # fmt: skip
        page = admin.get(f"/audit?{asked}")
        assert (page.status_code, words in page.text, shown(page)) == (422, True, []), asked
        assert admin.get(f"/audit/export.csv?{asked}").status_code == 422
    assert admin.get(f"/audit?before={'9' * 30}").status_code == 200


def test_pages_go_on_where_the_last_one_ended(admin, session):
    for place in range(history.PAGE + 1):
        note(session, CALLBOARD, "campaign.start", "campaign", place, AT, summary=f"Start {place}.")
    session.commit()
    first = admin.get("/audit?act=campaign").text
    assert "Start 1." in first
    assert "Start 0." not in first
    (following,) = {
        line.split('"')[1] for line in first.split("href=") if line.startswith('"/audit?') and "before=" in line
    }
    second = admin.get(following.replace("&amp;", "&")).text
    assert "Start 0." in second
    assert "Start 1." not in second


def test_the_file_for_a_spreadsheet_holds_the_filter_s_entries_and_runs_nothing(admin, told):
    answer = admin.get(f"/audit/export.csv?who=person-{told['ada']}")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    rows = list(csv.DictReader(answer.data.decode("utf-8-sig").splitlines()))
    assert [(row["act"], row["summary"]) for row in rows] == [
        ("agent.add", "'=cmd();'=cmd()"), ("draft.change", "Ada changed Name.")
    ]  # fmt: skip
    assert (rows[1]["at"], rows[1]["address"]) == ("2026-03-02T12:00:00+00:00", "203.0.113.7")
    assert json.loads(rows[1]["after"]) == {"name": "<b>New</b>"}


def test_the_file_for_programs_has_an_object_on_each_line_in_however_many_batches(admin, told, session, monkeypatch):
    monkeypatch.setattr(history, "BATCH", 2)
    entries = [json.loads(line) for line in admin.get("/audit/export.jsonl").text.splitlines()]
    assert [entry["act"] for entry in entries][:4] == [
        "agent.add",
        "wave.needs_person",
        "campaign.launch",
        "draft.change",
    ]
    assert entries[3]["before"] == {"name": "Old"}
    assert entries[3]["person_id"] == told["ada"]


def test_only_administrators_read_the_log(launcher, told):
    for path in ("/audit", "/audit/export.csv", "/audit/export.jsonl"):
        assert launcher.get(path).status_code == 403


def test_the_choice_of_people_names_each_once(session):
    session.add_all(
        [Person(email="z@example.com", name="", created_at=AT), Person(email="a@x.example", name="Zoë", created_at=AT)]
    )
    session.flush()
    assert [name for _, name in history.people_and_programs(session)[0]] == ["z@example.com", "Zoë"]
