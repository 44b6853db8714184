"""The people's pages: invite, change, let go; every click is a form that works without a script."""

import re
from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import select, update

from app import create_app
from config import Mail
from core.database import writing
from core.models import AuditEntry, Person, PersonLink
from jobs.queue import OUTGOING, queue
from tests.conftest import Browser, close_app
from tests.factories import PASSWORD, make_person

NEW = "kettles sing on the hob"
SMTP = Mail("127.0.0.1", 1, "none", None, None, "callboard@example.com")


@pytest.fixture
def admin(sign_in_as):
    return sign_in_as("admin")


def link_in(page):
    return re.search(r"http://localhost(/links/[\w-]{43})", page)[1]


def invite(admin, **given):
    return admin.post("/people/new", data={"email": "grace@example.com", "name": "Grace", "role": "launcher"} | given)


def test_somebody_is_invited_sets_a_password_and_is_in(app, admin, client, session):
    answer = invite(admin)
    assert "within 72 hours" in answer.text
    path = link_in(answer.text)
    page = client.get(path)
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert 'value="grace@example.com"' in page.text
    assert page.text.count('autocomplete="new-password"') == 2
    assert (client.post(path, data={"password": NEW, "again": NEW})).location == "/"
    assert "Your password is set" in client.get("/agents").text
    again = app.test_client()
    assert again.post("/sign-in", data={"email": "Grace@example.com", "password": NEW}).status_code == 303
    assert client.get("/people").status_code == 403
    session.rollback()
    assert session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)).all()[1:] == [
        "person.add", "person.invitation_link", "person.set_password", "person.sign_in", "person.sign_in",
    ]  # fmt: skip


def test_a_link_that_is_over_says_what_to_do_whyever_it_is(admin, client, session):
    used, void, old, gone = (link_in(invite(admin, email=f"{n}@example.com").text) for n in range(4))
    assert client.post(used, data={"password": NEW, "again": NEW}).status_code == 303
    voids, olds, gones = session.scalars(select(Person.id).where(Person.name == "Grace").order_by(Person.id)).all()[1:]
    newest = link_in(admin.post(f"/people/{voids}/link").text)
    with writing(session):
        session.execute(update(PersonLink).where(PersonLink.person_id == olds).values(expires_at=PersonLink.created_at))
    assert admin.post(f"/people/{gones}/deactivate").status_code == 303
    for path in (used, void, old, gone, "/links/unknown", "/links/%00", "/links/%ED%A0%80", "/links/" + "9" * 5000):
        for answer in (client.get(path), client.post(path, data={"password": NEW, "again": NEW})):
            assert answer.status_code == 404
            assert "This link is over" in answer.text
            assert "Ask an admin for a new one." in answer.text
    assert client.get(newest).status_code == 200


BAD_PASSWORDS = (
    ({"password": "short", "again": "short"}, "Use at least 12 characters"),
    ({"password": NEW, "again": NEW + "!"}, "The two passwords are not the same."),
    ({"password": "Callboard Grace", "again": "Callboard Grace"}, "mostly your name"),
    ({}, "Enter a new password."),
    ({"password": "x" * 9000, "again": "x" * 9000}, "Use at most 1,024 characters."),
)


def test_a_password_that_will_not_do_leaves_the_link_good(admin, client):
    path = link_in(invite(admin).text)
    for form, words in BAD_PASSWORDS:
        answer = client.post(path, data=form)
        assert answer.status_code == 422
        assert words in answer.text
    assert client.get(path).status_code == 200


def test_over_tls_the_form_of_a_link_is_taken_from_its_own_page_only(settings, admin, session):
    path = link_in(invite(admin).text)
    app = create_app(replace(settings, public_url="https://calls.example.com"))
    client, data = Browser(app, use_cookies=True), {"password": NEW, "again": NEW}
    site = {"base_url": "https://calls.example.com"}
    client.get(path, **site)
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(path, **site).text)[1]
    posts = [
        client.post(path, data=data | {"csrf_token": token}, csrf=False, headers={"Referer": referrer}, **site)
        for referrer in ("https://evil.example/", "https://calls.example.com/")
    ]
    assert [answer.status_code for answer in posts] == [400, 303]
    close_app(app)


BAD_PEOPLE = (
    ({"email": "GRACE@example.com "}, "There is a person with this address already."),
    ({"email": "<script>"}, "This is not an e-mail address."),
    ({"email": "a\0b@"}, "This is not an e-mail address."),
    ({"email": "x" * 300}, "This address is too long."),
    ({"email": ""}, "Enter the person&#39;s e-mail address."),
    ({"email": "eve@example.com", "name": "x" * 300}, "At most 255 characters."),
    ({"email": "eve@example.com", "role": "emperor"}, "Choose one of the roles."),
)


def test_what_is_wrong_with_a_new_person_is_told_at_its_field(admin, session):
    make_person(session, email="grace@example.com")
    session.commit()
    for given, words in BAD_PEOPLE:
        answer = invite(admin, **given)
        assert answer.status_code == 422
        assert words in answer.text
    assert len(session.scalars(select(Person)).all()) == 2


def test_a_role_is_obeyed_at_the_next_click_and_a_deactivated_person_is_out(app, admin, session):
    grace = make_person(session, role="launcher")
    session.commit()
    theirs, page = app.test_client(), f"/people/{grace.id}"
    theirs.post("/sign-in", data={"email": grace.email, "password": PASSWORD})
    assert theirs.get("/agents/new").status_code == 200
    assert admin.post(page, data={"name": "Grace", "role": "viewer"}).location == page
    assert theirs.get("/agents/new").status_code == 403
    assert "Signed in with" in admin.get(page).text
    admin.post(f"{page}/deactivate")
    assert theirs.get("/agents").status_code == 303
    admin.post(f"{page}/activate")
    assert theirs.get("/agents").status_code == 303
    theirs.post("/sign-in", data={"email": grace.email, "password": PASSWORD})
    assert admin.post(f"{page}/sign-out").location == page
    assert theirs.get("/agents").status_code == 303


def test_an_admin_keeps_the_role_unless_they_mean_it(admin, session):
    me = session.scalars(select(Person)).one()
    form = {"name": "Ada", "role": "viewer"}
    refused = admin.post(f"/people/{me.id}", data=form | {"sure": "y"})
    assert (refused.status_code, "the only admin who can sign in" in refused.text) == (422, True)
    make_person(session, role="admin")
    session.commit()
    assert "Yes, take the admin role from me" in admin.post(f"/people/{me.id}", data=form).text
    assert "your own account" in admin.post(f"/people/{me.id}/deactivate").text
    assert admin.post(f"/people/{me.id}", data=form | {"sure": "y"}).location == "/"
    assert admin.get("/people").status_code == 403


def test_people_are_listed_with_what_has_become_of_their_links(admin, session):
    for email in ("grace@example.com", "void@example.com"):
        invite(admin, email=email, name="<b>G</b>")
    session.execute(update(PersonLink).where(PersonLink.id == 2).values(revoked_at=PersonLink.created_at))
    session.commit()
    page = admin.get("/people").text
    assert "link ends" in page
    assert "without a link" in page
    assert "&lt;b&gt;G&lt;/b&gt;" in page
    assert "Nobody is found" in admin.get("/people?q=%00nobody%25").text
    for place in ("/people/999999", "/people/999999/link", "/people/999999/deactivate"):
        assert admin.open(place, method="POST" if place[-1] != "9" else "GET").status_code == 404


def test_with_a_mail_server_the_invitation_goes_by_mail_and_may_still_be_copied(settings, admin, session):
    app = create_app(replace(settings, mail=SMTP))
    browser = Browser(app, use_cookies=True)
    browser.set_cookie("callboard", admin.get_cookie("callboard").value)
    answer = invite(browser)
    link = session.scalars(select(PersonLink)).one()
    assert (answer.location, link.token_hash) == (f"/people/{link.person_id}", None)
    page = browser.get(answer.location).text
    assert "is being mailed" in page
    assert 'name="by_mail"' in page
    with Redis.from_url(settings.redis_url) as redis:
        jobs = queue(OUTGOING, redis).jobs
    assert [(job.func_name, job.args) for job in jobs] == [("jobs.mail.mail_link", [link.id])]
    link_in(browser.post(f"/people/{link.person_id}/link").text)
    close_app(app)


def test_a_page_of_oneself_leads_to_ones_account_and_an_address_known_already_to_its_person(sign_in_as, session):
    admin = sign_in_as("admin")
    me = session.scalars(select(Person)).one()
    assert 'under <a href="/account">Your account</a>' in admin.get(f"/people/{me.id}").text
    page = admin.post("/people/new", data={"email": me.email, "name": "", "role": "viewer"}).text
    assert "Look for this address among the people" in page
