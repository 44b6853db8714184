"""The test call on the check page: typed, placed once, its result on the spot, with and without a script."""

import re

import pytest
from sqlalchemy import select

from core.database import writing
from core.facts import AttemptStatus
from core.launch import launch
from core.models import Campaign, Row
from tests.core.cast import LAUNCHER, accepted, report, tick
from tests.factories import make_campaign, make_list

HTMX = {"HX-Request": "true"}
PHONE = "+1 415 555 2671"


@pytest.fixture
def draft(session):
    campaign = make_campaign(session, name="Spring <b>")
    make_list(session, campaign)
    session.commit()
    return campaign


def address(draft):
    return f"/campaigns/{draft.id}/compose/test-call"


def placed(session, draft):
    session.rollback()
    return session.scalars(select(Campaign).where(Campaign.test_of_id == draft.id)).all()


def test_the_check_page_offers_it_to_launchers_only(launcher, composer, draft, session):
    page = launcher.get(f"/campaigns/{draft.id}/compose/check").text
    assert "Call my phone first" in page
    assert "(one sandbox call)" in page
    assert '<option value="2">Row 2</option>' in page
    assert "Call my phone first" not in composer.get(f"/campaigns/{draft.id}/compose/check").text
    assert [composer.get(address(draft)).status_code, composer.post(address(draft)).status_code] == [403, 403]
    session.get_one(Campaign, draft.id).agent_id = None
    session.commit()
    assert "Call my phone first" not in launcher.get(f"/campaigns/{draft.id}/compose/check").text


def test_without_a_script_it_leads_to_a_page_to_look_again_at(launcher, draft, session):
    answer = launcher.post(address(draft), data={"phone": PHONE, "row": "3"})
    assert (answer.status_code, answer.location) == (303, address(draft))
    page = launcher.get(address(draft)).text
    assert "Look again" in page
    assert "Back to the check" in page
    assert "+1 415-555-2671" in page
    assert 'value="+1 415-555-2671"' not in page  # no form while it is under way
    assert len(placed(session, draft)) == 1


def test_the_fragment_asks_for_itself_until_the_call_is_over_then_shows_the_result(launcher, draft, session, now):
    assert (
        'hx-trigger="every 2s"' in launcher.post(address(draft), data={"phone": PHONE, "row": "2"}, headers=HTMX).text
    )
    (test,) = placed(session, draft)
    moment = test.launched_at
    wave = accepted(session, test, moment)
    assert "The provider has it." in launcher.get(address(draft), headers=HTMX).text
    report(session, wave, 2671, AttemptStatus.DIALLING, moment)
    assert "The sandbox plays the call" in launcher.get(address(draft), headers=HTMX).text
    report(session, wave, 2671, AttemptStatus.ANSWERED, moment, duration=42.4, summary="Said <i>yes</i>.")
    tick(session, test, moment)
    page = launcher.get(address(draft), headers=HTMX).text
    assert "hx-trigger" not in page
    for shown in (
        "Answered",
        "42 s",
        "Said &lt;i&gt;yes&lt;/i&gt;.",
        f"/campaigns/{test.id}",
        'value="+1 415-555-2671"',
    ):
        assert shown in page


def test_a_second_click_says_so_and_calls_nobody(launcher, draft, session):
    typed = {"phone": PHONE, "row": "2"}
    launcher.post(address(draft), data=typed, headers=HTMX)
    for headers in (HTMX, {}):
        again = launcher.post(address(draft), data=typed, headers=headers)
        assert again.status_code == 422
        assert "A test call of this draft is under way." in again.text
        assert "Look again" in again.text
    assert len(placed(session, draft)) == 1


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(launcher, draft, session):
    for typed, words in (
        ({"phone": ""}, "Type the number to call."),
        ({"phone": "12"}, "It is too short for United States."),
        ({"phone": "1" * 300}, "This is too long for a number."),
        ({"phone": "\0<script>"}, "It is not a phone number."),
        ({"phone": PHONE, "row": "nonsense"}, "Invalid Choice"),
        ({"phone": PHONE, "row": "2", "other_row": "999"}, "The list has no row 999."),
        ({"phone": PHONE, "row": "2", "other_row": "-5"}, "A row&#39;s number, such as 17."),
        ({"phone": PHONE, "row": "9" * 30}, "The list has no row"),
    ):
        answer = launcher.post(address(draft), data={"row": "2"} | typed, headers=HTMX)
        assert answer.status_code == 422
        assert words in answer.text
        assert "<script>" not in answer.text
    assert 'value="+1 415 555 2671"' in answer.text
    assert placed(session, draft) == []


def test_a_draft_without_a_list_is_tried_without_a_row(launcher, draft, session):
    for row in session.scalars(select(Row)):
        session.delete(row)
    session.commit()
    assert 'name="row"' not in launcher.get(address(draft)).text
    assert launcher.post(address(draft), data={"phone": PHONE, "row": "7"}).status_code == 303


def test_its_own_page_says_what_it_is_and_no_list_does(launcher, viewer, draft, session):
    launcher.post(address(draft), data={"phone": PHONE, "row": "2"})
    (test,) = placed(session, draft)
    tick(session, test, test.launched_at)
    page = viewer.get(f"/campaigns/{test.id}").text
    assert "it stands in no list and in no sum" in page
    assert f'href="/campaigns/{draft.id}"' in page
    assert "5552671" not in re.sub(r"[ -]", "", page)  # masked for viewers, as everywhere
    assert "Test call" not in viewer.get("/campaigns/").text
    assert (
        "Test call" not in viewer.get("/campaigns/?show=live&q=Test").text.split("<main")[1].split('type="search"')[0]
    )


def test_after_the_launch_its_address_leads_to_the_campaign(launcher, draft, session, now):
    with writing(session):
        launch(session, draft.id, campaign_version=1, list_version=1, actor=LAUNCHER, now=now)
    for answer in (launcher.get(address(draft)), launcher.post(address(draft), data={"phone": PHONE, "row": "2"})):
        assert (answer.status_code, answer.location) == (303, f"/campaigns/{draft.id}")
    assert launcher.get("/campaigns/999/compose/test-call").status_code == 404
