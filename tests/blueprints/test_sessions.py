"""Sign-ins over time: when they end, what a new one leaves behind, changed keys, and hosts that are not ours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select, update

from app import create_app
from core.models import SignIn
from core.sign_ins import IDLE_LIMIT, LONGEST, Try, find_sign_in, mark_seen, sign_in
from tests.conftest import SECRET_KEY, Browser, close_app
from tests.factories import PASSWORD, make_person

EVIL = "evil.example"


@pytest.fixture
def ada(session):
    person = make_person(session, email="ada@example.com", role="launcher")
    session.commit()
    return person


def sign_in_by_form(client, **form):
    return client.post("/sign-in", data={"email": "ada@example.com", "password": PASSWORD, **form})


class TestTime:
    def start(self, session, now):
        token = sign_in(session, make_person(session), Try(0, "", ""), "", now)
        return token, lambda later: find_sign_in(session, token, now + later) is not None

    def test_it_ends_after_twelve_idle_hours(self, session, now):
        _, is_good = self.start(session, now)
        assert is_good(IDLE_LIMIT - timedelta(seconds=1))
        assert not is_good(IDLE_LIMIT)

    def test_whoever_works_stays_in_for_thirty_days_and_no_longer(self, session, now):
        token, is_good = self.start(session, now)
        for hours in range(11, 30 * 24, 11):
            assert is_good(timedelta(hours=hours))
            mark_seen(
                session, find_sign_in(session, token, now + timedelta(hours=hours)).id, now + timedelta(hours=hours)
            )
        assert is_good(LONGEST - timedelta(seconds=1))
        assert not is_good(LONGEST)


@pytest.fixture
def database_url(request, sqlite_url):
    """What follows does not depend on the database."""
    return sqlite_url


def test_a_page_that_refreshes_itself_is_nobody_at_work(client, ada, session):
    sign_in_by_form(client)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    for path, is_work in (("/live.json", False), ("/live", False), ("/agents", True)):
        session.execute(update(SignIn).values(last_seen_at=an_hour_ago))
        session.commit()
        client.get(path, buffered=False).close()
        assert (session.scalar(select(SignIn.last_seen_at)) != an_hour_ago) == is_work, path
        session.rollback()


def test_a_token_from_before_the_sign_in_opens_nothing_after_it(app, client, ada):
    client.set_cookie("callboard", "chosen-by-somebody-else")
    sign_in_by_form(client)
    stranger = app.test_client()
    stranger.set_cookie("callboard", "chosen-by-somebody-else")
    assert stranger.get("/agents").status_code == 303
    assert client.get("/agents").status_code == 200


def test_signing_in_again_ends_what_this_browser_had(app, client, ada):
    sign_in_by_form(client)
    first = client.get_cookie("callboard").value
    sign_in_by_form(client)
    client.set_cookie("callboard", first)
    assert client.get("/agents").status_code == 303


def test_signing_out_asks_the_browser_to_forget_what_it_showed(client, ada):
    sign_in_by_form(client)
    answer = client.post("/sign-out")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert client.get_cookie("callboard") is None


def test_over_tls_the_cookie_of_a_sign_in_is_for_this_host_and_for_no_script(settings, ada):
    app = create_app(replace(settings, public_url="https://calls.example.com"))
    client = Browser(app, use_cookies=True)
    page = client.get("/sign-in", base_url="https://calls.example.com").text
    token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
    answer = client.post(
        "/sign-in", data={"email": "ada@example.com", "password": PASSWORD, "csrf_token": token}, csrf=False,
        base_url="https://calls.example.com", headers={"Referer": "https://calls.example.com/sign-in"},
    )  # fmt: skip
    [cookie] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("__Host-callboard=")]
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=2592000"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    close_app(app)


def test_a_changed_key_signs_nobody_out_and_refuses_no_open_form(settings, client, ada):
    sign_in_by_form(client)
    page = client.get("/agents/new")
    form_token = page.text.partition('name="csrf-token" content="')[2].partition('"')[0]
    with client.session_transaction():
        form_cookie = client.get_cookie("callboard-form").value
    rotated = create_app(
        replace(settings, secret_key="another key that is long enough", secret_key_fallbacks=(SECRET_KEY,))
    )
    later = Browser(rotated, use_cookies=True)
    later.set_cookie("callboard", client.get_cookie("callboard").value)
    later.set_cookie("callboard-form", form_cookie)
    assert later.post("/sign-out", data={"csrf_token": form_token}, csrf=False).status_code == 303
    forged = URLSafeTimedSerializer("a key of nobody's", salt="wtf-csrf-token").dumps("0" * 40)
    assert later.post("/sign-in", data={"csrf_token": forged}, csrf=False).status_code == 400
    close_app(rotated)


def test_neither_a_form_nor_a_referrer_leads_to_another_site(client, ada):
    for wanted in (
        f"//{EVIL}",
        f"/\\{EVIL}",
        f"/\t/{EVIL}",
        f"https:{EVIL}",
        f"http://localhost@{EVIL}/",
        "\0",
    ):
        assert sign_in_by_form(client, next=wanted).location == "/"
        client.delete_cookie("callboard")
        assert f'value="{wanted}"' not in client.get("/sign-in", query_string={"next": wanted}).text
    for referrer in (f"//{EVIL}", f"http://{EVIL}/agents", f"http://localhost@{EVIL}/", "http://[", "\xe9"):
        assert client.post("/sign-out", headers={"Referer": referrer}).location == "/sign-in"


@pytest.mark.parametrize("public_url", ["https://calls.example.com", None])
def test_a_host_that_is_not_ours_is_in_no_answer(settings, ada, public_url):
    app = create_app(replace(settings, public_url=public_url))
    client = app.test_client()
    for host in (
        EVIL,
        f"{EVIL}:8000",
        f"calls.example.com@{EVIL}",
        f"{EVIL}/x",
        f'{EVIL}"><script>',
        "[::1",
        "\xe9",
        "",
    ):
        for path in (
            "/",
            "/campaigns",
            "//campaigns/",
            "/agents/new",
            "/sign-in",
            "/nowhere",
            "/livez",
            "/api/v1/campaigns",
        ):
            answer = client.get(path, headers={"Host": host}, follow_redirects=False)
            assert answer.status_code < 500
            assert EVIL not in f"{answer.headers}{answer.text}", (host, path)
    close_app(app)


def test_a_redirect_of_the_routing_leads_to_a_path(sign_in_as):
    answer = sign_in_as("viewer").get("/campaigns?show=drafts", headers={"Host": EVIL})
    assert (answer.status_code, answer.location) == (308, "/campaigns/?show=drafts")
