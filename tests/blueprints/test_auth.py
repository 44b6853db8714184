"""Signing in: the right password only, not too many tries, and a sign-in that ends when it should."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update

from core.database import writing
from core.models import Person, SignIn, SignInFailure
from core.people import lock_person
from core.sign_ins import Try, forgive
from tests.core.test_accounts import WAITING_FOR_ME
from tests.factories import PASSWORD, make_person
from tests.sandbox_process import wait_until


@pytest.fixture
def ada(session):
    person = make_person(session, email="ada@example.com", role="launcher")
    session.commit()
    return person


def try_password(client, password=PASSWORD, email="ada@example.com", **form):
    return client.post("/sign-in", data={"email": email, "password": password, **form})


def cookie(client):
    found = client.get_cookie("callboard")
    return found.value if found else None


def test_the_page_works_without_any_script(client):
    page = client.get("/sign-in").text
    assert 'name="csrf_token"' in page
    assert 'type="password"' in page
    assert "<script>" not in page


def test_the_right_password_opens_and_the_token_is_not_kept(client, ada, session):
    answer = try_password(client, email=" Ada@Example.com ")
    assert (answer.status_code, answer.location) == (303, "/")
    header = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("callboard="))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert cookie(client) not in {kept for (kept,) in session.execute(select(SignIn.token_hash))}
    assert client.get("/agents").status_code == 200


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_account_look_the_same(client, ada, email):
    answer = try_password(client, "wrong", email)
    assert answer.status_code == 422
    assert "The e-mail address or the password is wrong." in answer.text
    assert "wrong</" not in answer.text
    assert cookie(client) is None


def test_what_is_missing_is_said_at_its_field(client):
    answer = client.post("/sign-in", data={"email": "", "password": ""})
    assert answer.status_code == 422
    assert "Enter your e-mail address." in answer.text
    assert "Enter your password." in answer.text


def test_each_sign_in_has_a_new_token(client, ada):
    client.set_cookie("callboard", "chosen by somebody else")
    try_password(client)
    first = cookie(client)
    client.post("/sign-out")
    try_password(client)
    assert len({first, cookie(client), "chosen by somebody else"}) == 3


def test_a_person_who_left_cannot_sign_in_and_is_signed_out(client, ada, session):
    try_password(client)
    session.execute(update(Person).values(is_active=False))
    session.commit()
    assert client.get("/agents").status_code == 303
    assert try_password(client).status_code == 422


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ("/agents?q=1", "/agents?q=1"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("/\t/elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("http:/\\elsewhere.example", "/"),
        ("agents", "/"),
    ],
)
def test_signing_in_leads_on_only_within_this_site(client, ada, wanted, where):
    assert try_password(client, next=wanted).location == where


def test_signing_out_ends_this_sign_in_only(app, client, ada):
    other = app.test_client()
    try_password(client)
    try_password(other)
    token = cookie(client)
    assert client.post("/sign-out").location == "/sign-in"
    client.set_cookie("callboard", token)
    assert client.get("/agents").status_code == 303
    assert other.get("/agents").status_code == 200


def test_signing_out_everywhere_ends_all_of_them(app, client, ada):
    other = app.test_client()
    try_password(client)
    try_password(other)
    client.post("/sign-out-everywhere")
    assert other.get("/agents").status_code == 303
    assert "signed out on every device" in client.get("/sign-in").text


@pytest.mark.parametrize(
    "limits", [{"expires_at": -timedelta(seconds=1)}, {"last_seen_at": -timedelta(hours=12, seconds=1)}]
)
def test_a_sign_in_ends_after_thirty_days_or_twelve_idle_hours(client, ada, session, limits):
    try_password(client)
    [(column, age)] = limits.items()
    session.execute(update(SignIn).values({column: datetime.now(UTC) + age}))
    session.commit()
    assert client.get("/agents").status_code == 303


def test_being_seen_is_written_at_most_once_a_minute(client, ada, session):
    try_password(client)
    [long_ago, just_now] = [datetime.now(UTC) - timedelta(seconds=61), datetime.now(UTC) - timedelta(seconds=30)]
    for seen, is_written in ((long_ago, True), (just_now, False)):
        session.execute(update(SignIn).values(last_seen_at=seen))
        session.commit()
        client.get("/agents")
        assert (session.scalar(select(SignIn.last_seen_at)) != seen) == is_written
        session.rollback()


def test_ten_wrong_passwords_close_the_account_and_nobody_else(client, ada, session):
    make_person(session, email="grace@example.com")
    session.commit()
    for _ in range(10):
        assert try_password(client, "wrong").status_code == 422
    answer = try_password(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Too many wrong passwords. Try again in 15 minutes." in answer.text
    assert try_password(client, email="grace@example.com").status_code == 303


def test_fifty_wrong_passwords_close_the_address(client, ada, session):
    failures = [SignInFailure(at=datetime.now(UTC), email=f"{n}@example.com", address="127.0.0.1") for n in range(50)]
    session.add_all(failures)
    session.commit()
    assert try_password(client).status_code == 429
    assert client.post("/sign-in", data={"email": "ada@example.com", "password": PASSWORD},
                       environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 303  # fmt: skip


def test_old_failures_are_forgotten_and_a_right_password_forgives(client, ada, session):
    old = datetime.now(UTC) - timedelta(minutes=16)
    session.add_all([SignInFailure(at=old, email="ada@example.com", address="127.0.0.1") for _ in range(10)])
    session.commit()
    assert try_password(client, "wrong").status_code == 422
    assert try_password(client).status_code == 303
    assert session.scalar(select(func.count(SignInFailure.id))) == 0


def test_a_form_without_its_token_is_refused_with_a_sentence(client, ada):
    answer = client.post("/sign-in", data={"email": "ada@example.com", "password": PASSWORD}, csrf=False)
    assert answer.status_code == 400
    assert "This form was open for too long" in answer.text


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_sign_in_and_a_new_password_at_once_do_not_wait_for_each_other(client, ada, session):
    try_password(client)
    form = {"current": PASSWORD, "password": "kettles sing on the hob", "again": "kettles sing on the hob"}
    with ThreadPoolExecutor(1) as pool:
        with writing(session):
            lock_person(session, ada.id)
            answer = pool.submit(client.post, "/account/password", data=form)
            wait_until(lambda: session.scalar(text(WAITING_FOR_ME)))
            forgive(session, Try(0, ada.email, "127.0.0.1"))  # as the sign-in does, with that lock
        assert answer.result().location == "/account"
