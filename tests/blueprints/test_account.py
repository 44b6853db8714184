"""One's own account: name and phone, a new password, and the browsers one is signed in with."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from blueprints.account import browser_name
from core.database import writing
from core.models import Person, SignIn, SignInFailure
from core.sign_ins import Try, sign_in
from tests.factories import PASSWORD, make_person

# What the databases have to do with it is tested with core/accounts.py.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NEW = "kettles sing on the hob"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0"
)


@pytest.fixture
def browsers(app, session):
    """Two browsers of the same viewer."""
    both = [app.test_client(), app.test_client()]
    with writing(session):
        ada = make_person(session, email="ada@example.com", name="Ada")
        for browser, agent in zip(both, (FIREFOX, EDGE), strict=True):
            token = sign_in(session, ada, Try(0, ada.email, "127.0.0.1"), agent, datetime.now(UTC))
            browser.set_cookie("callboard", token)
    return both


def change(browser, current=PASSWORD, new=NEW, again=None):
    form = {"current": current, "password": new, "again": again or new}
    return browser.post("/account/password", data=form)


def test_everybody_has_an_account_page_with_right_hints_for_password_managers(browsers):
    page = browsers[0].get("/account").text
    for words in ("Firefox on Linux", "Edge on Windows", "(this one)", "ada@example.com", "Viewer"):
        assert words in page
    assert [browser_name(agent) for agent in ("", "curl/8")] == ["A browser without a name", "curl/8"]
    for hint in ('autocomplete="username"', 'autocomplete="current-password"', 'autocomplete="new-password"'):
        assert hint in page


def test_a_new_password_signs_out_the_other_browser_and_gives_this_one_a_new_token(browsers, client):
    here, other = browsers
    before = here.get_cookie("callboard").value
    assert change(here).location == "/account"
    assert "every other browser is signed out" in here.get("/account").text
    assert other.get("/account").status_code == 303
    client.set_cookie("callboard", before)
    assert client.get("/account").status_code == 303
    assert client.post("/sign-in", data={"email": "ada@example.com", "password": PASSWORD}).status_code == 422
    assert client.post("/sign-in", data={"email": "ada@example.com", "password": NEW}).status_code == 303


REFUSED = (
    ({"current": "wrong"}, "This is not your present password."),
    ({"new": "short"}, "Use at least 12 characters"),
    ({"new": "ada@example.com"}, "mostly your name"),
    ({"again": "something else"}, "The two passwords are not the same."),
    ({"current": "x" * 5000}, "This password is too long."),
    ({"current": "\0"}, "This is not your present password."),
)


def test_what_is_wrong_is_told_and_changes_nothing(browsers):
    for form, words in REFUSED:
        answer = change(browsers[0], **form)
        assert answer.status_code == 422
        assert words in answer.text
        assert NEW not in answer.text
    assert browsers[1].get("/account").status_code == 200


def test_wrong_passwords_count_here_as_they_do_at_the_sign_in(browsers, session):
    row = session.scalars(select(SignIn)).first()
    tries = [SignInFailure(at=row.created_at, email="ada@example.com", address="127.0.0.1") for _ in range(10)]
    session.add_all(tries[:-1])
    session.commit()
    assert change(browsers[0], current="wrong").status_code == 422
    answer = change(browsers[0])
    assert (answer.status_code, "Too many wrong passwords" in answer.text) == (429, True)
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert browsers[0].get("/account").status_code == 200


def test_a_browser_is_signed_out_from_another_one_but_never_somebody_elses(browsers, launcher, session):
    here, other = browsers
    _mine, theirs, strangers = session.scalars(select(SignIn.id).order_by(SignIn.id)).all()
    assert here.post(f"/account/browsers/{strangers}/end").status_code == 404
    for _ in range(2):
        assert here.post(f"/account/browsers/{theirs}/end").location == "/account"
    assert other.get("/account").status_code == 303
    assert here.get("/account").status_code == 200
    assert launcher.get("/account").status_code == 200
    assert here.post("/account/browsers/99999999999999999999/end").status_code == 404


def test_name_and_phone_are_kept_and_rubbish_is_told(browsers, session):
    assert browsers[0].post("/account", data={"name": "Ada L.", "phone": "+44 20 7946 0018"}).location == "/account"
    assert session.scalar(select(Person.phone)) == "+442079460018"
    for form, words in (
        ({"name": "Ada", "phone": "1234"}, "Write a whole number with its country code"),
        ({"name": "x" * 300, "phone": ""}, "At most 255 characters."),
    ):
        answer = browsers[0].post("/account", data=form)
        assert (answer.status_code, words in answer.text) == (422, True)


def test_whoever_has_no_password_is_told_how_to_get_one(browsers, session):
    session.execute(update(Person).values(password_hash=None))
    session.commit()
    assert "You sign in without a password here." in browsers[0].get("/account").text
    assert change(browsers[0]).status_code == 422
