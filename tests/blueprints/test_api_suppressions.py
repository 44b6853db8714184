"""Programs and the do-not-call list: many at once, again without harm, and complaints in the one shape."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.database import writing
from core.models import AuditEntry, Suppression
from tests.blueprints.test_api import TOKEN
from tests.blueprints.test_api_lists import Reader
from tests.factories import NOW, make_suppression, make_token

ONE, TWO = "+14155552671", "+4915112345678"


class Keeper(Reader):
    """A program that keeps the list."""

    def suppress(self, **body):
        return self.client.post("/api/v1/suppressions", json=body, headers=self.headers, csrf=False)

    def unsuppress(self, number: str):
        return self.client.delete(f"/api/v1/suppressions/{number}", headers=self.headers, csrf=False)


@pytest.fixture
def program(app, session) -> Keeper:
    with writing(session):
        make_token(session, token=TOKEN, name="Nightly")
    return Keeper(app)


def test_numbers_are_put_on_the_list_and_again_without_harm(program, session):
    answer = program.suppress(
        number=ONE, numbers=[TWO, "+49 151 12345678"], reason="Asked the CRM", expires_at="2199-01-01T00:00:00Z"
    )
    assert (answer.status_code, answer.json["added"], answer.json["known"]) == (200, 2, 0)
    first = answer.json["items"][0]
    assert first | {"created_at": ""} == {
        "number": ONE, "reason": "Asked the CRM", "source": "api", "created_at": "", "created_by": "Nightly",
        "expires_at": "2199-01-01T00:00:00+00:00",
    }  # fmt: skip
    again = program.suppress(number=ONE)
    assert (again.json["added"], again.json["known"]) == (0, 1)
    assert (again.json["items"][0]["expires_at"], again.json["items"][0]["reason"]) == (None, "Asked the CRM")
    assert program.suppress(number=ONE).json == again.json
    assert [entry.act for entry in session.scalars(select(AuditEntry)) if entry.api_token_id] == ["suppression.add"] * 2


def test_a_number_is_taken_off_once(program, session):
    program.suppress(number=ONE)
    for answer, status in ((program.unsuppress(ONE.replace("+", "%2B")), 204), (program.unsuppress(ONE), 404)):
        assert (answer.status_code, answer.data == b"") == (status, status == 204)
    assert session.scalars(select(Suppression)).all() == []


@pytest.mark.parametrize("number", ["1", "14155552671", "+1415555267x", "a%00b", "+" + "1" * 40])
def test_what_is_no_number_is_on_no_list(program, number):
    answer = program.unsuppress(number)
    assert (answer.status_code, answer.json) == (404, {"detail": "This number is not on the do-not-call list."})


def test_the_list_is_read_a_page_at_a_time_and_filtered(program, session):
    with writing(session):
        make_suppression(session, ONE, source="call", expires_at=NOW + timedelta(days=1))
        make_suppression(session, TWO)
    assert program.all("/suppressions", "number", limit=1) == [TWO, ONE]
    assert program.all("/suppressions", "number", source="call") == [ONE]
    assert program.all("/suppressions", "number", number=TWO) == [TWO]
    assert program.all("/suppressions", "number", number="+14155550000") == []


WRONG = [
    ({}, ["body", "number"]), ({"number": None}, ["body", "number"]), ({"number": "0151 1234567"}, ["body", "number"]),
    ({"numbers": []}, ["body", "numbers"]), ({"numbers": ONE}, ["body", "numbers"]),
    ({"numbers": [ONE, "x"]}, ["body", "numbers", 1]), ({"numbers": [ONE] * 1001}, ["body", "numbers"]),
    ({"number": ONE, "reason": "x" * 256}, ["body", "reason"]), ({"number": ONE, "reason": 1}, ["body", "reason"]),
    ({"number": ONE, "reason": "a\0"}, ["body", "reason"]), ({"number": ONE, "expires_at": "2026-12-31"}, ["body", "expires_at"]),
    ({"number": ONE, "expires_at": "2020-01-01T00:00:00Z"}, ["body", "expires_at"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "place"), WRONG)
def test_what_is_wrong_is_told_at_its_place_and_nothing_is_added(program, session, body, place):
    answer = program.suppress(**body)
    assert (answer.status_code, [complaint["loc"] for complaint in answer.json["detail"]]) == (422, [place])
    assert session.scalars(select(Suppression)).all() == []


def test_a_query_that_cannot_be_understood_is_refused(program):
    for query in ({"number": "14155552671"}, {"number": "+1"}, {"source": "nobody"}, {"state": "x"}):
        answer = program.get("/suppressions", **query)
        assert (answer.status_code, answer.json["detail"][0]["loc"]) == (422, ["query", *query])
