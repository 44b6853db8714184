"""The provider page: what is known of it, "try it", and whether anything arrives."""

import dataclasses
import time

import pytest
from sqlalchemy import select

from blueprints.runtime import NAME, Runtime
from core.database import writing
from core.facts import Sent, Submission
from core.models import AuditEntry, Delivery, ProviderState
from core.provider_state import learn, refuse_key, trouble
from core.states import Verdict
from tests.core.cast import launched, tick
from tests.factories import make_agent
from tests.provider.stub import Stub, answer, drip

GOOD, NOT_FOUND = answer(200, {"calls": []}), answer(404, {"detail": "Not Found"})
NO = answer(401, {"detail": "key-of-ours is no good"})
QUOTA = answer(200, {"monthly_call_limit": 12000, "calls_used_this_month": 3456, "calls_remaining": 8544})
REAL = {"is_sandbox": False, "provider_token": "key-of-ours", "allow_private_addresses": True}


@pytest.fixture
def at(app, sign_in_as):
    """`at(provider_url=…)`: an admin's browser at an installation with these settings."""
    admin = sign_in_as("admin")

    def browser(**given):
        runtime = app.extensions[NAME]
        app.extensions[NAME] = Runtime(dataclasses.replace(runtime.settings, **REAL | given), runtime.vault)
        return admin

    return browser


def state_of(session):
    session.rollback()
    return session.get(ProviderState, 1, populate_existing=True)


def tried(admin):
    answer = admin.post("/provider/try")
    assert (answer.status_code, answer.location) == (303, "/provider")
    return admin.get("/provider").text


def test_a_fresh_sandbox_says_what_it_is_and_that_nothing_is_known_yet(sign_in_as):
    page = sign_in_as("admin").get("/provider").text
    assert "Sandbox: no real calls are placed. A stand-in" in page
    assert "not tried yet: press “Try it”" in page
    assert "nothing has ever arrived" in page
    assert "Set <code>PROVIDER_TENANT</code>" in page
    assert "/webhooks/…</code>" in page


def test_without_a_public_address_the_page_says_what_polling_means_and_what_to_set(at):
    page = at(public_url=None).get("/provider").text
    assert "None: by polling only." in page
    assert "Set <code>PUBLIC_URL</code>" in page
    assert "/webhooks/…</code>" not in page


def test_a_good_key_is_seen_its_quota_kept_and_what_it_disproves_is_lifted(at, session, now):
    make_agent(session, uuid="6f0d3b1e-1111-4222-8333-944455556666", last_used_at=now)
    session.commit()
    with Stub(GOOD, GOOD, QUOTA, GOOD, answer(200, {"campaigns": []}), QUOTA) as stub:
        admin = at(provider_url=stub.url, provider_tenant="tenant-7")
        tried(admin)  # the key of these settings is known from here on
        with writing(session):
            refuse_key(session, "Who are you?", now)
        page = tried(admin)
    assert [asked.path.split("?")[0] for asked in stub.asked[3:]] == [
        "/calls/agent/6f0d3b1e-1111-4222-8333-944455556666/calls", "/campaigns", "/analytics/tenants/tenant-7/quota",
    ]  # fmt: skip
    assert {asked.method for asked in stub.asked} == {"GET"}
    assert "The provider answers and takes our key." in page
    assert "8,544" in page
    assert (state_of(session).is_tried_well, state_of(session).list_campaigns_offered) == (True, True)
    assert trouble(session, now) is None
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "provider.try")).all()[-1]
    assert (entry.before["key_refused"], entry.after) == (True, {"works": True, "key_refused": False})


ANSWERS = [
    ([NO], False, "The provider refuses our token."),
    ([NOT_FOUND], None, "does not know this route or this agent"),
    ([NOT_FOUND, GOOD], True, "takes our key"),
    ([GOOD, NOT_FOUND], True, "takes our key"),
    ([answer(429, {"detail": "Slower"}, Retry_After="60")], None, "Slower"),
    ([answer(422, {"detail": "No such agent"})], None, "No such agent"),
    ([answer(500)], False, "The provider answered 500."),
    ([answer(302, Location="https://elsewhere.example/")], None, "redirects to elsewhere.example"),
    ([answer(200, b"<html>sign in</html>")], False, "could not be read"),
    ([answer(403, {"detail": "<script>alert(1)</script>\0" + "x" * 5000})], False, "&lt;script&gt;"),
]


def test_each_answer_proves_what_it_proves_and_no_more(at, session):
    for answers, works, words in ANSWERS:
        with Stub(*answers) as stub:
            page = tried(at(provider_url=stub.url))
        assert words in page
        assert "key-of-ours" not in page
        assert state_of(session).is_tried_well is works
        assert trouble(session, state_of(session).tried_at) is None  # a harmless question holds nothing up


def test_a_user_name_is_named_and_its_password_and_tokens_are_nowhere(at):
    tokens = {"access_token": "access-0123456789", "refresh_token": "refresh-0123456789", "expires_in": 3600}
    with Stub(answer(200, tokens), GOOD) as stub:
        page = tried(
            at(provider_url=stub.url, provider_token=None, provider_username="ada", provider_password="sesame-1")
        )
    assert stub.asked[0].json == {"username": "ada", "password": "sesame-1"}
    assert "<bdi>ada</bdi>" in page
    assert not [secret for secret in ("sesame-1", *tokens.values()) if str(secret) in page.replace("3600", "")]


def test_a_host_with_a_private_address_is_refused_before_any_request_leaves(at):
    with Stub(GOOD) as stub:
        page = tried(at(provider_url=f"http://localhost:{stub.port}", allow_private_addresses=False))
    assert "points into a private network" in page
    assert stub.connections == 0


def test_nobody_waits_longer_than_the_limit_for_a_provider_that_drips(at, monkeypatch):
    monkeypatch.setattr("blueprints.provider_page.TRY_SECONDS", 0.3)
    begun = time.monotonic()
    with Stub(drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as stub:
        assert "did not answer in time" in tried(at(provider_url=stub.url))
    assert time.monotonic() - begun < 5


def test_success_ends_unreachability_and_leaves_a_throttle(at, session, now):
    with Stub(GOOD) as stub:
        admin = at(provider_url=stub.url)
        tried(admin)  # the key of these settings is known from here on
        for outcome in (Submission(Sent.NOT_SENT, "Down."), Submission(Sent.THROTTLED, "Slow down.", retry_after=90)):
            with writing(session):
                learn(session, outcome, now)
            tried(admin)
            assert state_of(session).unreachable_since is None
    assert state_of(session).throttled_words == "Slow down."


def test_the_page_says_what_arrived_last_and_with_which_headers_it_was_refused(at, session, now):
    campaign = launched(session, now)
    wave_id = tick(session, campaign, now).submit[0]
    with writing(session):
        for key, verdict in (("a", Verdict.APPLIED), ("b", Verdict.BAD_SIGNATURE)):
            session.add(
                Delivery(
                    wave_id=wave_id, campaign_id=campaign.id, key=key, received_at=now, body=b"{}", verdict=verdict,
                    headers=[["X-Odd-Signature", "value-of-it"], ["<b>", "1"]], form="x" if key == "a" else None,
                )
            )  # fmt: skip
    page = at().get("/provider").text
    assert "X-Odd-Signature" in page
    assert "value-of-it" not in page
    assert "&lt;b&gt;" in page
    assert "Applied" in page


def test_only_an_admin_gets_there(sign_in_as, session):
    launcher = sign_in_as("launcher")
    assert [launcher.get("/provider").status_code, launcher.post("/provider/try").status_code] == [403, 403]
    assert state_of(session) is None
