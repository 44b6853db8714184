"""Agents: kept by name, found by name, each id once."""

import pytest
from sqlalchemy import select

from core.models import Agent, AuditEntry
from tests.factories import make_agent

UUID = "6f0d3b1e-1111-4222-8333-944455556666"


def test_an_empty_list_teaches_what_an_agent_is(composer):
    page = composer.get("/agents").text
    assert "No agents yet" in page
    assert "/agents/new" in page


def test_an_agent_is_added_with_its_id_in_plain_form(composer, session):
    answer = composer.post(
        "/agents/new", data={"name": " Renewals ", "uuid": f"{{{UUID.upper()}}}", "variables": "a\r\n\r\nb\r\na"}
    )
    assert (answer.status_code, answer.location) == (303, "/agents")
    agent = session.scalars(select(Agent)).one()
    assert (agent.name, agent.uuid, agent.variables) == ("Renewals", UUID, ["a", "b"])
    assert session.scalars(select(AuditEntry.act).where(AuditEntry.subject == "agent")).all() == ["agent.add"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": "", "uuid": UUID}, "Give the agent a name."),
        ({"name": "Renewals", "uuid": ""}, "Paste the agent&#39;s id."),
        ({"name": "Renewals", "uuid": "12-34"}, "This is not an agent id."),
        ({"name": "Renewals", "uuid": UUID, "variables": "first name"}, "“first name” cannot be a variable"),
        ({"name": "Renewals", "uuid": UUID, "variables": "callboard_ref"}, "name of our own reference"),
        ({"name": "x" * 256, "uuid": UUID}, "At most 255 characters."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(composer, session, typed, words):
    answer = composer.post("/agents/new", data=typed)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{typed["uuid"]}"' in answer.text
    assert session.scalars(select(Agent)).all() == []


def test_the_same_id_twice_says_under_which_name_it_is_kept(composer, session):
    make_agent(session, name="Winter <b>", uuid=UUID)
    session.commit()
    answer = composer.post("/agents/new", data={"name": "Spring", "uuid": UUID})
    assert answer.status_code == 422
    assert "already kept under the name “Winter &lt;b&gt;”" in answer.text


def test_an_agent_is_changed(composer, session):
    agent = make_agent(session, variables=["first_name"])
    session.commit()
    assert "first_name</textarea>" in composer.get(f"/agents/{agent.id}").text
    composer.post(f"/agents/{agent.id}", data={"name": "Reminders", "uuid": agent.uuid, "variables": "city"})
    session.refresh(agent)
    assert (agent.name, agent.variables) == ("Reminders", ["city"])


def test_an_agent_that_is_not_there_is_a_page_that_says_so(composer):
    answer = composer.get("/agents/999")
    assert answer.status_code == 404
    assert "There is no such agent." in answer.text


def test_a_viewer_sees_agents_and_cannot_change_them(viewer, session):
    make_agent(session)
    session.commit()
    assert "/agents/new" not in viewer.get("/agents").text
    assert viewer.get("/agents/new").status_code == 403
    assert viewer.post("/agents/new", data={"name": "x", "uuid": UUID}).status_code == 403
