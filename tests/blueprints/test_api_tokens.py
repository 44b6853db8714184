"""The tokens page: made with a name and an end, shown once, revoked from the next request on."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.database import writing
from core.models import ApiToken, AuditEntry
from core.tokens import find_token, token_hash
from tests.factories import make_token

TOKEN = re.compile(r"cb_[A-Za-z0-9_-]{43}")
NAME = {"name": "Nightly <b>"}


@pytest.fixture
def admin(sign_in_as):
    return sign_in_as("admin")


def make(browser, **typed):
    return browser.post("/api-tokens/new", data=NAME | {"scopes": ["read", "launch"]} | typed)


def look(browser, token):
    return browser.get("/api/v1/campaigns", headers={"Authorization": f"Bearer {token}"})


def test_an_empty_list_teaches_what_a_token_is(admin):
    page = admin.get("/api-tokens").text
    assert "No tokens yet" in page
    assert "/api-tokens/new" in page


def test_a_token_is_shown_once_and_only_its_hash_is_kept(admin, client, session):
    answer = make(admin)
    (text,) = set(TOKEN.findall(answer.text))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    token = session.scalars(select(ApiToken)).one()
    assert (token.name, token.scopes, token.token_hash) == ("Nightly <b>", "read launch", token_hash(text))
    assert (token.hint, token.expires_at) == (text[-4:], None)
    page = admin.get("/api-tokens").text
    assert f"…{text[-4:]}" in page
    assert "Nightly &lt;b&gt;" in page
    assert text not in page
    assert look(client, text).status_code == 200


def test_making_and_revoking_leave_entries_without_the_token(admin, session):
    text = TOKEN.search(make(admin).text)[0]
    token_id = session.scalars(select(ApiToken.id)).one()
    for _ in range(2):
        admin.post(f"/api-tokens/{token_id}/revoke")
    session.rollback()
    entries = session.scalars(select(AuditEntry).where(AuditEntry.subject == "api_token").order_by(AuditEntry.id)).all()
    assert [(entry.act, entry.subject_id) for entry in entries] == [("token.add", token_id), ("token.revoke", token_id)]
    facts = {"name": "Nightly <b>", "scopes": "read launch", "ends": None}
    assert (entries[0].after, entries[1].before) == (facts, facts)
    assert all(entry.person_id and text not in str(vars(entry)) for entry in entries)


def test_a_revoked_token_is_refused_at_the_next_request_and_stays_on_the_list(admin, client, session):
    text = TOKEN.search(make(admin).text)[0]
    assert look(client, text).status_code == 200
    address = f"/api-tokens/{session.scalars(select(ApiToken.id)).one()}/revoke"
    assert "cannot be undone" in admin.get(address).text
    answer = admin.post(address)
    assert (answer.status_code, answer.location) == (303, "/api-tokens")
    assert look(client, text).json == {"detail": "Not authenticated: this API token was revoked."}
    assert look(client, text).status_code == 401
    page = admin.get("/api-tokens").text
    assert "Revoked" in page
    assert address not in page


def test_a_token_works_to_the_end_of_its_last_day(admin, client, session):
    today = datetime.now(UTC).date() + timedelta(days=1)  # whatever midnight does to this test
    text = TOKEN.search(make(admin, last_day=today.isoformat()).text)[0]
    token = session.scalars(select(ApiToken)).one()
    assert token.expires_at == datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    assert look(client, text).status_code == 200
    with writing(session):
        find_token(session, text).expires_at = datetime.now(UTC)
    assert look(client, text).json == {"detail": "Not authenticated: this API token has come to its end."}
    assert "Ended" in admin.get("/api-tokens").text


def test_what_is_wrong_stands_at_its_field_and_makes_nothing(admin, session):
    for typed, words in (
        ({"name": " \0"}, "Say which program it is for"),
        ({"name": "x" * 256}, "At most 255 characters."),
        ({"scopes": []}, "Choose what the token permits."),
        ({"scopes": ["everything"]}, "is not a valid choice"),
        ({"last_day": "2026-02-30"}, "Not a valid date value."),
        ({"last_day": "2020-01-01"}, "The last day should be today or later"),
        ({"last_day": "9999-12-31"}, "at most ten years from now"),
    ):
        answer = make(admin, **typed)
        assert (answer.status_code, words in answer.text) == (422, True), typed
    assert session.scalars(select(ApiToken)).all() == []


def test_only_an_admin_sees_or_makes_tokens(launcher, session):
    with writing(session):
        token_id = make_token(session).id
    for path in ("/api-tokens", "/api-tokens/new", f"/api-tokens/{token_id}/revoke"):
        assert launcher.get(path).status_code == 403
    assert make(launcher).status_code == 403
    assert launcher.post(f"/api-tokens/{token_id}/revoke").status_code == 403
    session.rollback()
    assert session.scalars(select(ApiToken.revoked_at)).all() == [None]


def test_a_token_that_is_not_there_is_a_page_that_says_so(admin):
    for answer in (admin.get("/api-tokens/999/revoke"), admin.post("/api-tokens/999/revoke")):
        assert (answer.status_code, "There is no such token." in answer.text) == (404, True)


def test_the_page_of_a_new_token_loaded_again_makes_no_second_one(admin, session):
    make(admin)
    again = make(admin)
    assert (again.status_code, bool(TOKEN.search(again.text))) == (422, False)
    assert "A token in use has this name." in again.text
    (token_id,) = session.scalars(select(ApiToken.id).where(ApiToken.name == NAME["name"]))
    admin.post(f"/api-tokens/{token_id}/revoke")
    assert make(admin).status_code == 200
