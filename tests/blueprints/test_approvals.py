"""Approval at the doors: asked on the last step, answered on a page of its own; nothing typed is lost meanwhile."""

import re

import pytest
from sqlalchemy import func, select

from core.database import writing
from core.models import Approval, Campaign, Contact, Setting
from core.shown_numbers import masked
from tests.blueprints.test_api import AGENT, Program, request_of
from tests.blueprints.test_compose import ROLES, WHEN, fresh, hidden, launch_form, path, seen
from tests.factories import make_campaign, make_list, make_token


@pytest.fixture
def draft(session):
    with writing(session):
        campaign = make_campaign(session)
        make_list(session, campaign, headers=["phone", "first"], stored_as="a-file")
    return campaign


@pytest.fixture
def limit(session):
    """`limit(2)`: a launch above two people needs a second person."""

    def set_limit(people: int | None) -> None:
        with writing(session):
            session.merge(Setting(name="approval_above", value={"is": people}))

    return set_limit


@pytest.fixture
def asked(launcher, draft, limit):
    limit(2)
    answer = launcher.post(path(draft, "ask"), data=launch_form(launcher, draft))
    assert answer.location == f"/campaigns/{draft.id}"
    return draft


@pytest.fixture
def second(sign_in_as):
    return sign_in_as("launcher")


def called(session) -> int:
    return fresh(session).scalar(select(func.count()).select_from(Contact))


def place(campaign, act="") -> str:
    return f"/campaigns/{campaign.id}/approval{act}"


def digest(client, campaign) -> dict[str, str]:
    return {"digest": hidden(client.get(place(campaign)).text, "digest")}


def test_the_last_step_asks_a_second_person_approves_and_everybody_sees_who(launcher, second, viewer, session, asked):
    assert launcher.get(f"/campaigns/{asked.id}").location == place(asked)
    page = launcher.get(place(asked)).text
    assert "You asked for this yourself" in page
    assert "Approve and call" not in page
    board = viewer.get("/campaigns/?show=approval").text
    assert "Awaiting approval" in board
    assert re.search(r"To approve <span[^>]*>1<", board)
    form = digest(second, asked)
    assert called(session) == 0
    assert launcher.post(place(asked, "/approve"), data=form).status_code == 303
    assert called(session) == 0
    second.post(place(asked, "/approve"), data=form)
    assert called(session) == 3
    page = second.get(f"/campaigns/{asked.id}").text
    assert re.search(r"launched by <bdi>ada\d+@example.com</bdi>, approved by <bdi>ada\d+@example.com</bdi>", page)
    assert "Approved: calling 3 people." in page
    second.post(place(asked, "/approve"), data=form)
    assert "was faster and approved it." in second.get(f"/campaigns/{asked.id}").text


def test_a_viewer_sees_what_is_asked_with_masked_numbers_and_answers_nothing(viewer, composer, session, asked):
    page = viewer.get(place(asked)).text
    assert "Somebody who may launch campaigns has to answer." in page
    assert '<form method="post" action="/campaigns/' not in page
    assert masked("+14155550001") in page
    assert "555-0001" not in page
    assert "5550001" not in page
    assert viewer.post(place(asked, "/take-back")).status_code == 403
    assert composer.post(place(asked, "/approve"), data={"digest": "x"}).status_code == 403
    assert composer.post(place(asked, "/take-back")).status_code == 303
    assert fresh(session).get_one(Campaign, asked.id).state == "draft"


def test_a_refusal_needs_words_which_stand_on_the_last_step(launcher, second, asked):
    form = digest(second, asked)
    assert "Say why, so that it can be mended." in second.post(place(asked, "/refuse"), data=form).text
    assert second.post(place(asked, "/refuse"), data=form | {"words": "x" * 1001}).status_code == 422
    second.post(place(asked, "/refuse"), data=form | {"words": "<b>Too</b> many\0."})
    assert "refused the request for approval; the last step says why." in launcher.get("/campaigns/").text
    page = launcher.get(path(asked, "check")).text
    assert "&lt;b&gt;Too&lt;/b&gt; many." in page
    assert "Ask for approval" in page


@pytest.mark.parametrize("rubbish", [{}, {"digest": ""}, {"digest": "\0" * 70}, {"digest": "9" * 5000}])
def test_rubbish_approves_nothing(second, session, asked, rubbish):
    assert second.post(place(asked, "/approve"), data=rubbish).status_code in (303, 422)
    assert second.post(place(asked, "/refuse"), data=rubbish).status_code == 422
    assert called(session) == 0


def test_an_edit_from_an_old_tab_is_refused_and_keeps_what_was_typed(composer, session, draft, launcher, limit):
    what, when = ({"name": "Mine", "note": "typed", "seen": seen(composer, draft, "what")}, WHEN | {"lines": "7"})
    when["seen"] = seen(composer, draft, "when")
    limit(0)
    launcher.post(path(draft, "ask"), data=launch_form(launcher, draft))
    old = {
        "what": what, "when": when, "who": {"pasted": "+14155552671", "country": "US"},
        "who/mapping": ROLES | {"number": "0", "names-0": "", "names-1": "typed"},
        "who/reading": {"header": "0"}, "who/rules": {"country": "DE", "keep": "last", "recent_days": "7"},
    }  # fmt: skip
    typed = {"what": 'value="Mine"', "when": 'value="7"', "who": "+14155552671</textarea>", "who/mapping": 'value="typed"',
             "who/reading": '<option selected value="0"', "who/rules": '<option selected value="DE"'}  # fmt: skip
    for step, form in old.items():
        answer = composer.post(path(draft, step), data=form)
        assert answer.status_code == 409
        assert "Take it back and keep this" in answer.text
        assert typed[step] in answer.text
        assert composer.get(path(draft, step.split("/")[0])).location == f"/campaigns/{draft.id}"
    autosave = composer.post(path(draft, "what"), data=what, headers={"HX-Request": "true"})
    assert (autosave.status_code, "waits for approval" in autosave.text) == (422, True)
    assert composer.post(path(draft, "delete")).location == f"/campaigns/{draft.id}"
    assert (fresh(session).get_one(Campaign, draft.id).name, draft.state) == ("Spring renewals", "awaiting_approval")
    assert composer.post(path(draft, "what"), data=what | {"take_back": "1"}).location == path(draft, "what")
    campaign = fresh(session).get_one(Campaign, draft.id)
    assert (campaign.name, campaign.state) == ("Mine", "draft")


def test_a_limit_lowered_meanwhile_is_obeyed_by_a_page_that_said_call(launcher, session, draft, limit):
    form = launch_form(launcher, draft)
    limit(2)
    answer = launcher.post(path(draft, "launch"), data=form)
    assert answer.status_code == 409
    assert "needs the approval of a second person now" in answer.text
    assert "Yes, ask to call 3 people." in answer.text
    assert called(session) == 0


def test_an_agent_changed_meanwhile_makes_the_approval_void(composer, second, session, asked):
    form = digest(second, asked)
    composer.post(f"/agents/{asked.agent_id}", data={"name": "Renewals", "uuid": AGENT, "variables": ""})
    second.post(place(asked, "/approve"), data=form)
    assert "different from what approval was asked for" in second.get(path(asked, "check")).text
    assert fresh(session).scalars(select(Approval.verdict)).all() == ["void"]
    assert called(session) == 0


def test_a_program_above_the_limit_awaits_approval_and_calls_nobody_before(app, session, second, limit):
    limit(2)
    with writing(session):
        make_token(session, token="token-of-a-program")
    program = Program(app)
    answer, repeat = program.create(request_of(3)), program.create(request_of(3))
    assert (answer.status_code, answer.json["status"], answer.json["total_targets"]) == (200, "awaiting_approval", 3)
    assert (repeat.json, repeat.headers["X-Callboard-Repeat"]) == (answer.json, "true")
    campaign = fresh(session).get_one(Campaign, int(answer.json["campaign_id"]))
    assert called(session) == 0
    second.post(place(campaign, "/approve"), data=digest(second, campaign))
    assert (called(session), program.look(campaign.id).json["status"]) == (3, "running")
    assert program.create(request_of(2)).json["status"] == "running"


def test_without_a_request_there_is_no_approval(second, draft):
    assert second.get(place(draft)).location == f"/campaigns/{draft.id}"
    assert second.get("/campaigns/999/approval").status_code == 404
    assert second.post(place(draft, "/approve"), data={"digest": "x"}).status_code == 303
    assert "Nobody asks for approval" in second.get(path(draft, "what")).text
