"""What an admin decides for the whole installation."""

import html

from sqlalchemy import select

from core.installation import APPROVAL_ABOVE, CHOICES, DO_NOT_CALL_BY_OUTCOME, LINES_IN_ALL, value_of
from core.models import AuditEntry


def test_an_admin_decides_above_how_many_people_a_second_person_is_asked(sign_in_as, session):
    admin = sign_in_as("admin")
    assert admin.post("/settings", data={"approval_above": " 500 "}).location == "/settings"
    page = admin.get("/settings").text
    assert "The settings are saved." in page
    assert 'value="500"' in page
    assert value_of(session, APPROVAL_ABOVE) == 500
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "settings.change")).one()
    assert (entry.before, entry.after) == ({"approval_above": None}, {"approval_above": 500})


def test_rubbish_and_absence_change_nothing_and_emptiness_does(sign_in_as, session):
    admin = sign_in_as("admin")
    admin.post("/settings", data={"approval_above": "7"})
    for typed in ("-1", "many", "1000001", "9" * 5000, "=1+1", "1\x002x"):
        answer = admin.post("/settings", data={"approval_above": typed})
        assert answer.status_code == 422
        assert "A whole number between 0 and 1,000,000, or nothing." in answer.text
    admin.post("/settings", data={})
    assert value_of(session, APPROVAL_ABOVE) == 7
    admin.post("/settings", data={"approval_above": ""})
    session.rollback()
    assert value_of(session, APPROVAL_ABOVE) is None


def test_whether_a_call_s_outcome_puts_numbers_on_the_list_is_yes_until_an_admin_says_no(sign_in_as, session):
    admin = sign_in_as("admin")
    assert 'checked id="do_not_call_by_outcome-0" name="do_not_call_by_outcome" type="radio" value="yes"' in admin.get(
        "/settings"
    ).text.replace("\n", "")
    assert admin.post("/settings", data={"do_not_call_by_outcome": "no"}).status_code == 303
    assert value_of(session, DO_NOT_CALL_BY_OUTCOME) is False
    for typed in ("maybe", "", "True"):
        answer = admin.post("/settings", data={"do_not_call_by_outcome": typed})
        assert (answer.status_code, "Choose yes or no." in answer.text) == (422, True)
    session.rollback()
    assert value_of(session, DO_NOT_CALL_BY_OUTCOME) is False


def test_whatever_can_be_decided_stands_on_the_page_with_its_hint(sign_in_as):
    page = html.unescape(sign_in_as("admin").get("/settings").text)
    for choice in CHOICES:
        assert f'name="{choice.name}"' in page
        assert choice.label in page
        assert choice.hint in page


def test_an_admin_limits_the_calls_at_a_time_over_all_campaigns(sign_in_as, session):
    admin = sign_in_as("admin")
    assert admin.post("/settings", data={"lines_in_all": " 25 "}).location == "/settings"
    assert value_of(session, LINES_IN_ALL) == 25
    for typed in ("0", "-1", "1001", "many", "9" * 5000, "٣", "2.5"):
        answer = admin.post("/settings", data={"lines_in_all": typed})
        assert (answer.status_code, "A whole number between 1 and 1,000, or nothing." in answer.text) == (422, True)
    session.rollback()
    assert value_of(session, LINES_IN_ALL) == 25
    admin.post("/settings", data={"lines_in_all": ""})
    session.rollback()
    assert value_of(session, LINES_IN_ALL) is None
