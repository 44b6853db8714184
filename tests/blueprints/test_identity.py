"""Signing in by OpenID Connect: who comes in, and what is not believed."""

import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select, update

from config import IdentityProvider
from core.models import AuditEntry, Person, SignIn
from tests.factories import make_person
from tests.identity_provider import ADA, CLIENT_ID, CLIENT_SECRET, KEYS, local_identity_provider

BEGIN = "/sign-in/oidc/"
NOT_TRUE = "What single sign-on said about you could not be verified."


@pytest.fixture(scope="module")
def running_provider():
    with local_identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider):
    running_provider.reset()
    return running_provider


@pytest.fixture
def database_url(sqlite_url):
    """What the database does in this is tested in core."""
    return sqlite_url


@pytest.fixture
def ours(provider):
    return IdentityProvider(provider.url, CLIENT_ID, CLIENT_SECRET, "Example ID", None)


@pytest.fixture
def settings(settings, ours):
    return replace(settings, identity_provider=ours, public_url="http://calls.example.com")


@pytest.fixture
def ada(session):
    person = make_person(session, email="ada@example.com", role="composer")
    session.commit()
    return person


def leave(client, begin=BEGIN):
    """Off to the provider; the address at which the browser comes back."""
    away = client.get(begin)
    assert away.status_code == 303
    back = requests.get(away.location, allow_redirects=False, timeout=10).headers["Location"]
    return back[back.index("/sign-in/oidc/callback") :]


def sign_in(client, begin=BEGIN):
    return client.get(leave(client, begin))


def refusal(client, answer):
    """The sentence on the sign-in page that the browser was led back to; nobody is signed in."""
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")
    assert client.get_cookie("callboard") is None
    page = client.get(answer.location).text
    return page.partition('id="notices"')[2].partition('class="narrow')[0]


def test_the_button_leads_to_the_public_address_and_only_where_there_is_a_provider(client, settings):
    page = client.get("/sign-in?next=/agents").text
    assert f'href="{settings.public_url}/sign-in/oidc/?next=/agents"' in page
    assert "Sign in with Example ID" in page


def test_whoever_was_added_comes_in_is_linked_once_and_led_on(client, ada, session, provider):
    assert sign_in(client, BEGIN + "?next=/agents%3Fq%3D1").location == "/agents?q=1"
    assert client.get("/agents").status_code == 200
    session.refresh(ada)
    assert ada.oidc_subject == f"{provider.url} {ADA['sub']}"
    client.post("/sign-out")
    assert sign_in(client).location == "/"
    session.rollback()
    acts = session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)).all()
    assert acts == ["person.link", "person.sign_in", "person.sign_out", "person.sign_in"]
    assert "with single sign-on" in session.scalars(select(AuditEntry.summary).order_by(AuditEntry.id)).all()[1]


def test_the_cookie_is_new_and_the_one_before_it_ends(client, ada, session):
    sign_in(client)
    first = client.get_cookie("callboard").value
    sign_in(client)
    assert client.get_cookie("callboard").value != first
    client.set_cookie("callboard", first)
    assert client.get("/agents").status_code == 303


def test_an_address_that_leads_elsewhere_is_not_followed(client, ada):
    for wanted in ("https://evil.example/", "//evil.example", "/%5Cevil.example", "/%09/evil.example"):
        assert sign_in(client, f"{BEGIN}?next={wanted}").location == "/"


def test_what_the_provider_is_told_is_what_it_needs(client, provider, settings):
    asked = {name: value for name, [value] in parse_qs(urlsplit(client.get(BEGIN).location).query).items()}
    assert asked["redirect_uri"] == f"{settings.public_url}/sign-in/oidc/callback"
    assert asked["scope"] == "openid email profile"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) >= 20
    assert len(asked["nonce"]) >= 20


LIES = [
    {"nonce": "of another sign-in"}, {"nonce": None}, {"aud": "another client"}, {"aud": ["another client"], "azp": CLIENT_ID},
    {"aud": [CLIENT_ID, "another client"]}, {"aud": None}, {"iss": "https://evil.example"}, {"iss": None},
    {"exp": int(time.time()) - 3600}, {"exp": None}, {"exp": "soon"}, {"exp": 1e400}, {"iat": int(time.time()) + 3600},
    {"nbf": int(time.time()) + 3600}, {"sub": None}, {"at_hash": "of another token"},
]  # fmt: skip
ANSWERS = [
    {}, [], "text", {"access_token": "access"}, {"id_token": "rubbish"}, {"id_token": 5}, {"id_token": "a.b.c"}, {"error": "no"},
    {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIyNDgyODk3NjEwMDEifQ."},
]  # fmt: skip


def test_an_id_token_that_is_not_for_this_sign_in_opens_nothing(client, ada, provider):
    for lie in LIES:
        provider.lies = lie
        assert NOT_TRUE in refusal(client, sign_in(client)), lie
    provider.lies, provider.key = {}, KEYS[1]
    assert NOT_TRUE in refusal(client, sign_in(client)), "signed by somebody else"
    provider.key = KEYS[0]
    assert sign_in(client).location == "/"


def test_an_answer_that_is_no_answer_opens_nothing(client, ada, provider):
    for provider.token_answer in ANSWERS:
        assert NOT_TRUE in refusal(client, sign_in(client)), provider.token_answer


def test_only_whoever_left_comes_back_and_only_once(app, client, ada):
    not_begun = "This sign-in was not begun in this browser"
    back = leave(client)
    stranger = app.test_client()
    assert not_begun in refusal(stranger, stranger.get(back))
    assert not_begun in refusal(client, client.get(back.replace("state=", "state=x")))
    assert not_begun in refusal(client, client.get(back)), "the one that went wrong is over"
    for rubbish in ("", "?state=%00&code=%ff", "?state[]=1"):
        assert not_begun in refusal(client, client.get(f"/sign-in/oidc/callback{rubbish}"))
    again = leave(client)
    assert client.get(again).location == "/"
    client.post("/sign-out")
    assert not_begun in refusal(client, client.get(again))


def test_a_replayed_code_is_refused_by_the_provider_and_told(client, ada):
    back = leave(client)
    client.get(back)
    code = parse_qs(urlsplit(back).query)["code"][0]
    client.delete_cookie("callboard")
    fresh = leave(client)
    assert NOT_TRUE in refusal(client, client.get(fresh.replace(parse_qs(urlsplit(fresh).query)["code"][0], code)))


def test_a_sign_in_that_took_too_long_begins_again(client, ada):
    back = leave(client)
    with client.session_transaction() as cookie:
        cookie["on_the_way"] = cookie["on_the_way"] | {"at": time.time() - 601}
    assert "too long ago" in refusal(client, client.get(back))


def test_whoever_turns_back_at_the_provider_is_told_so(client, ada, provider):
    provider.refusal = "access_denied"
    assert "did not let you in" in refusal(client, sign_in(client))


def test_who_is_not_let_in_is_told_why(client, ada, session, provider):
    def told(**claims):
        provider.claims = ADA | claims
        return refusal(client, sign_in(client))

    assert "There is no account for grace@example.com here." in told(email="grace@example.com")
    assert "is not verified" in told(email_verified=False)
    assert "is not verified" in told(email_verified="false")
    assert "is not verified" in told(email_verified=None)
    assert "not told your e-mail address" in told(email="<script>")
    assert "not told who you are" in told(sub="\0")
    assert "not told who you are" in told(sub="x" * 500)
    session.execute(update(Person).values(is_active=False))
    session.commit()
    assert "not active any more" in told()
    assert session.scalar(select(SignIn.id)) is None


def test_an_account_that_is_linked_opens_to_nobody_else_with_its_address(client, ada, provider):
    sign_in(client)
    client.post("/sign-out")
    provider.claims = ADA | {"sub": "somebody who got the address later"}
    assert "belongs to another single sign-on account" in refusal(client, sign_in(client))
    provider.claims = ADA | {"email": "ada.byron@example.com"}
    assert sign_in(client).location == "/", "the same person under a new address"


def test_an_admin_unlinks_a_person_who_has_a_new_account_there(client, ada, provider, sign_in_as):
    sign_in(client)
    client.post("/sign-out")
    admin = sign_in_as("admin")
    assert (
        f'Linked to single sign-on at <span class="breaks">{provider.url}</span>.'
        in admin.get(f"/people/{ada.id}").text
    )
    assert admin.post(f"/people/{ada.id}/unlink", follow_redirects=True).status_code == 200
    assert "Unlink" not in admin.get(f"/people/{ada.id}").text
    provider.claims = ADA | {"sub": "a new account"}
    assert sign_in(client).location == "/"


def test_an_address_may_stand_in_the_user_information_of_the_same_person(client, ada, provider):
    provider.lies = {"email": None, "email_verified": None}
    provider.in_userinfo = ADA | {"sub": "somebody else"}
    assert NOT_TRUE in refusal(client, sign_in(client))
    provider.in_userinfo = ADA
    assert sign_in(client).location == "/"


PUBLISHED = [
    {"issuer": "https://evil.example"}, {"issuer": None}, {"token_endpoint": None}, {"jwks_uri": 5},
    {"authorization_endpoint": "javascript:alert(1)"}, {"token_endpoint": "http://evil.example/token"},
    {"token_endpoint": "http://["}, {"id_token_signing_alg_values_supported": 5},
]  # fmt: skip


def test_a_provider_that_cannot_be_begun_with_is_said_and_the_page_stands(client, ada, app, provider, settings):
    from provider.identity import IdentityClient

    for provider.published in PUBLISHED:
        app.extensions["identity_client"] = IdentityClient(settings.identity_provider, allow_plain=False)
        assert "cannot be reached right now" in refusal(client, client.get(BEGIN)), provider.published
    away = replace(settings.identity_provider, issuer="http://127.0.0.1:1")
    app.extensions["identity_client"] = IdentityClient(away, allow_plain=False)
    assert "cannot be reached right now" in refusal(client, client.get(BEGIN))


class TestNoProvider:
    @pytest.fixture
    def ours(self):
        return None

    def test_there_is_no_such_page(self, client):
        assert [client.get(path).status_code for path in (BEGIN, BEGIN + "callback")] == [404, 404]
        assert "Sign in with" not in client.get("/sign-in").text


class TestNewPeople:
    @pytest.fixture
    def ours(self, ours):
        return replace(ours, new_people_role="viewer")

    def test_they_are_added_with_the_role_that_the_setting_names(self, client, session, provider):
        provider.claims = ADA | {"sub": "1", "email": "Grace@Example.com", "name": "Grace\0Hopper" + "x" * 300}
        assert sign_in(client).location == "/"
        grace = session.scalars(select(Person)).one()
        assert (grace.email, grace.role, grace.password_hash) == ("grace@example.com", "viewer", None)
        assert grace.name.startswith("Grace Hopperxxx")
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "person.add")).one()
        assert entry.after["role"] == "viewer"
        assert client.get("/campaigns/").status_code == 200
