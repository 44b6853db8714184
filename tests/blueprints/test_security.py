"""Doors: each view says whom it lets in, and nobody else gets in; what every answer carries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Blueprint, request
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import create_app
from blueprints.security import actor, door_of, needs, needs_token, open_door, takes_uploads
from core.database import writing
from core.models import ApiToken
from tests.conftest import Browser, close_app
from tests.factories import make_token

doors = Blueprint("doors", __name__)
TOKEN = "token-of-a-program"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@doors.get("/says-nothing")
def says_nothing():
    return "open by mistake"


@doors.route("/for-<role>", methods=["GET", "POST"])
@needs("composer")
def for_composers(role):
    return actor().name


@doors.get("/api/programs")
@needs_token("launch")
def for_programs():
    return actor().name


@doors.post("/small")
@open_door("a test")
def small():
    return str(len(request.get_data()))


@doors.post("/large")
@open_door("a test")
@takes_uploads
def large():
    return str(len(request.get_data()))


@pytest.fixture
def app(app):
    app.register_blueprint(doors)
    return app


def test_every_view_says_whom_it_lets_in(settings):
    app = create_app(settings)
    silent = [endpoint for endpoint in app.view_functions if door_of(app, endpoint) is None]
    close_app(app)
    assert silent == []


def test_a_view_that_says_nothing_lets_nobody_in(sign_in_as):
    assert sign_in_as("admin").get("/says-nothing").status_code == 403


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("composer", 200), ("launcher", 200), ("admin", 200)])
def test_a_role_may_do_what_the_lesser_ones_may(sign_in_as, role, status):
    assert sign_in_as(role).get("/for-composers").status_code == status


def test_a_role_we_do_not_know_may_do_nothing(sign_in_as):
    assert sign_in_as("emperor").get("/agents").status_code == 403


def test_a_page_leads_to_the_sign_in_and_back(client):
    answer = client.get("/for-composers?page=2")
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/for-composers?page%3D2")


def test_a_form_leads_back_to_the_page_it_stood_on(client):
    answer = client.post("/for-composers", headers={"Referer": "http://localhost/agents"}, csrf=False)
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/agents")
    assert client.post("/for-composers", headers={"Referer": "http://elsewhere.example/x"}).location == "/sign-in"


def test_a_fragment_makes_its_page_go_to_the_sign_in(client):
    answer = client.get("/for-composers", headers={"HX-Request": "true", "Referer": "http://localhost/agents"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=/agents")


def test_a_stream_is_not_led_to_a_page(client):
    assert client.get("/for-composers", headers={"Accept": "text/event-stream"}).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN} x", "Bearer \xe9"])
def test_a_program_without_a_valid_token_is_told_so(client, session, header):
    make_token(session)
    session.commit()
    answer = client.get("/api/programs", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json["detail"].startswith("Not authenticated")


def test_a_program_with_a_token_is_let_in_and_its_use_is_noted_once_a_minute(client, session):
    make_token(session, name="Nightly import")
    session.commit()
    assert client.get("/api/programs", headers=BEARER).text == "Nightly import"
    first = session.scalar(select(ApiToken.last_used_at))
    session.rollback()
    client.get("/api/programs", headers=BEARER)
    assert session.scalar(select(ApiToken.last_used_at)) == first is not None


def test_a_token_opens_only_what_its_scopes_say_and_nothing_once_revoked(client, session):
    make_token(session, scopes="read compose")
    session.commit()
    assert client.get("/api/programs", headers=BEARER).status_code == 403
    session.execute(update(ApiToken).values(scopes="launch", revoked_at=datetime.now(UTC) - timedelta(days=1)))
    session.commit()
    assert client.get("/api/programs", headers=BEARER).status_code == 401


def test_a_token_does_not_open_pages_nor_a_sign_in_the_api(client, launcher, session):
    make_token(session)
    session.commit()
    assert client.get("/for-composers", headers=BEARER).status_code == 303
    assert launcher.get("/api/programs").status_code == 401


def test_a_change_without_the_forms_token_is_refused(composer):
    assert composer.post("/for-composers", csrf=False).status_code == 400
    assert composer.post("/for-composers").status_code == 200


def test_only_views_that_take_uploads_may_be_sent_a_lot(client):
    much = b"x" * (13 * 1024 * 1024)
    assert client.post("/small", data=much).status_code == 413
    assert client.post("/large", data=much).text == str(len(much))


def test_every_answer_carries_the_policy_and_is_not_stored(client):
    for path in ("/sign-in", "/nothing-here", "/livez"):
        headers = client.get(path).headers
        assert "default-src 'self'; script-src 'self'; style-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "HX-Request" in headers["Vary"]
        assert "Strict-Transport-Security" not in headers


def test_over_tls_cookies_are_bound_to_the_host_and_to_tls(settings):
    app = create_app(replace(settings, public_url="https://calls.example.com"))
    client = Browser(app, use_cookies=True)
    answer = client.get("/sign-in", base_url="https://calls.example.com")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["Set-Cookie"].startswith("__Host-callboard-form=")
    assert "Secure; HttpOnly; Path=/; SameSite=Lax" in answer.headers["Set-Cookie"]
    close_app(app)


def test_static_files_carry_their_hash_and_may_be_kept(client):
    page = client.get("/sign-in").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "?v=" in address
    for path, kept in ((address, "public, max-age=31536000, immutable"), (address.partition("?")[0], "no-cache")):
        with client.get(path) as answer:
            assert answer.headers["Cache-Control"] == kept


def test_a_page_only_reads_and_waits_for_no_writer(composer, engine):
    with Session(engine) as busy, writing(busy):
        assert composer.get("/agents").status_code == 200


def test_only_who_may_compose_is_offered_a_new_campaign(viewer, composer):
    assert "New campaign" not in viewer.get("/agents").text
    assert "New campaign" in composer.get("/agents").text


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_a_proxy_is_believed_only_when_it_is_ours(settings, proxies, seen):
    app = create_app(replace(settings, trusted_proxies=proxies))
    app.add_url_rule("/seen", view_func=open_door("a test")(lambda: request.remote_addr))
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    assert app.test_client().get("/seen", headers=forwarded).get_data(as_text=True) == seen
    close_app(app)
