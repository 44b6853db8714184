"""The key: signed in for, refreshed ahead of time, rotated, dropped when refused, and never shown."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from core.facts import Sent
from provider.answers import Asked
from provider.auth import MemoryTokenStore, Tokens
from provider.client import Provider
from provider.wire import Timeouts
from tests.provider.documents import BODIES
from tests.provider.stub import Stub, answer, hang_up, reset
from tests.sandbox_process import AGENT, campaign_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUICK = Timeouts(connect=1, read=2, total=3)
TOKENS = {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 86_400}
OLD = Tokens("access-1", "refresh-1", NOW + timedelta(hours=1))
PEOPLE = {"username": "ann", "password": "pass-word-1"}


def provider(url, now=NOW, **keys):
    return Provider(url, allow_private=True, timeouts=QUICK, now=lambda: now, **keys)


def paths(stub):
    return [asked.path.partition("?")[0] for asked in stub.asked]


def test_user_name_and_password_become_a_campaign(sandbox):
    store = MemoryTokenStore()
    client = provider(sandbox.url, username="sandbox", password="sandbox", token_store=store)
    assert client.create_campaign(campaign_request()).sent is Sent.ACCEPTED
    assert store.load().access.startswith("at_")
    assert store.load().expires_at == NOW + timedelta(hours=24)


def test_a_stored_token_is_used_again(sandbox):
    store = MemoryTokenStore()
    provider(sandbox.url, username="sandbox", password="sandbox", token_store=store).check()
    kept = store.load()
    assert provider(sandbox.url, token_store=store).check().kind is Asked.OK
    assert store.load() == kept


def test_tokens_are_refreshed_five_minutes_ahead_and_rotated(sandbox):
    store = MemoryTokenStore()
    keys = {"username": "sandbox", "password": "sandbox", "token_store": store}
    provider(sandbox.url, **keys).check()
    first = store.load()
    provider(sandbox.url, now=first.expires_at - timedelta(minutes=6), **keys).check()
    assert store.load() == first
    provider(sandbox.url, now=first.expires_at - timedelta(minutes=4), token_store=store).check()
    assert {store.load().access, store.load().refresh}.isdisjoint({first.access, first.refresh})


def test_a_get_with_a_revoked_token_renews_it_and_is_repeated_once(sandbox):
    store = MemoryTokenStore()
    client = provider(sandbox.url, username="sandbox", password="sandbox", token_store=store)
    client.check()
    first = store.load()
    sandbox.post_admin("keys", {"revoke": first.access})
    assert client.check().kind is Asked.OK
    assert store.load().access != first.access


def test_a_refused_refresh_token_leads_to_a_new_sign_in(sandbox):
    store = MemoryTokenStore(Tokens("at_gone", "rt_gone", NOW + timedelta(hours=1)))
    client = provider(sandbox.url, username="sandbox", password="sandbox", token_store=store)
    assert client.check().kind is Asked.OK


def test_a_campaign_with_a_revoked_token_is_refused_once_and_goes_with_the_next_claim(sandbox):
    store = MemoryTokenStore()
    client = provider(sandbox.url, username="sandbox", password="sandbox", token_store=store)
    client.check()
    sandbox.post_admin("keys", {"revoke": "issued"})
    assert client.create_campaign(campaign_request()).sent is Sent.KEY_REFUSED
    assert store.load().access == ""
    assert client.create_campaign(campaign_request()).sent is Sent.ACCEPTED
    assert len(sandbox.truth()["campaigns"]) == 1


def test_a_wrong_password_and_a_wrong_token_are_refused_keys(sandbox):
    for keys in ({"username": "sandbox", "password": "wrong"}, {"token": "wrong-token"}):
        client = provider(sandbox.url, **keys)
        assert client.create_campaign(campaign_request()).sent is Sent.KEY_REFUSED
        assert client.check().kind is Asked.KEY_REFUSED


def test_without_any_key_nothing_is_asked():
    with Stub(answer(200)) as stub:
        submission = provider(stub.url).create_campaign({})
    assert submission.words == "No token and no user name with password is set for the provider."
    assert (submission.sent, stub.connections) == (Sent.KEY_REFUSED, 0)


def test_the_rotated_token_is_stored_before_it_is_used():
    store = MemoryTokenStore(OLD)
    stored_at_the_question = []

    def look(connection, stopped):
        stored_at_the_question.append(store.load().refresh)
        connection.sendall(answer(200, []))

    with Stub(answer(401), answer(200, TOKENS), look) as stub:
        assert provider(stub.url, token_store=store).check().kind is Asked.OK
    assert stored_at_the_question == ["refresh-2"]
    assert stub.asked[1].json == {"refresh_token": "refresh-1"}
    assert stub.asked[2].headers["authorization"] == "Bearer access-2"


def test_a_get_is_repeated_only_once():
    store = MemoryTokenStore(OLD)
    with Stub(answer(401), answer(200, TOKENS), answer(401)) as stub:
        assert provider(stub.url, token_store=store, **PEOPLE).get_call("c").kind is Asked.KEY_REFUSED
    assert paths(stub) == ["/calls/c", "/auth/refresh", "/calls/c"]
    assert store.load() == Tokens("", "refresh-2")


def test_a_token_that_another_process_renewed_is_used_instead_of_a_refresh():
    store = MemoryTokenStore(OLD)

    def renewed_meanwhile(connection, stopped):
        store.save(Tokens("access-9", "refresh-9", OLD.expires_at))
        connection.sendall(answer(401))

    with Stub(renewed_meanwhile, answer(200, [])) as stub:
        assert provider(stub.url, token_store=store).check().kind is Asked.OK
    assert stub.asked[1].headers["authorization"] == "Bearer access-9"


def test_a_refresh_that_another_process_won_is_no_refused_key():
    store = MemoryTokenStore(Tokens("", "refresh-1"))

    def lost(connection, stopped):
        store.save(Tokens("access-9", "refresh-9", OLD.expires_at))
        connection.sendall(answer(401))

    with Stub(lost, answer(200, [])) as stub:
        assert provider(stub.url, token_store=store).check().kind is Asked.OK
    assert paths(stub)[0] == "/auth/refresh"


def test_a_refused_token_is_not_dropped_once_a_newer_one_is_stored():
    store = MemoryTokenStore(OLD)
    newer = Tokens("access-9", "refresh-9", OLD.expires_at)

    def renewed_meanwhile(connection, stopped):
        store.save(newer)
        connection.sendall(answer(401))

    with Stub(renewed_meanwhile) as stub:
        assert provider(stub.url, token_store=store).create_campaign({}).sent is Sent.KEY_REFUSED
    assert store.load() == newer


def test_an_answer_without_a_new_refresh_token_keeps_the_old_one():
    store = MemoryTokenStore(Tokens("", "refresh-1"))
    with Stub(answer(200, {"access_token": "access-2"}), answer(200, [])) as stub:
        provider(stub.url, token_store=store).check()
    assert store.load() == Tokens("access-2", "refresh-1", None)


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        *((answer(status, {"detail": "no"}), Sent.KEY_REFUSED) for status in (400, 401, 403, 422)),
        *((answer(status), Sent.NOT_SENT) for status in (302, 404, 408, 500, 503)),
        (answer(429, {}, Retry_After="9"), Sent.THROTTLED),
        (answer(200, {"access_token": "two\nlines"}), Sent.NOT_SENT),
        (answer(200, []), Sent.NOT_SENT),
        (reset, Sent.NOT_SENT),
        (hang_up, Sent.NOT_SENT),
    ],
)
def test_a_sign_in_that_fails_sends_no_campaign(told, sent):
    with Stub(told) as stub:
        submission = provider(stub.url, **PEOPLE).create_campaign({})
    assert submission.sent is sent
    assert submission.retry_after == (9 if sent is Sent.THROTTLED else None)
    assert paths(stub) == ["/auth/token"]


def test_a_provider_that_is_away_at_the_refresh_is_unreachable_and_the_tokens_stay():
    store = MemoryTokenStore(Tokens("access-1", "refresh-1", NOW))
    with Stub(answer(503)) as stub:
        assert provider(stub.url, token_store=store, **PEOPLE).check().kind is Asked.UNREACHABLE
    assert store.load().refresh == "refresh-1"


def test_no_secret_is_ever_said():
    secrets = ["access-1", "refresh-1", "pass-word-1", "whsec-1", "url-token-1"]
    told = {"detail": [{"loc": ["body"], "msg": f"I do not like {secret}"} for secret in secrets]}
    store = MemoryTokenStore(OLD)
    request = {"webhook_url": "https://us.example/webhooks/url-token-1", "webhook_secret": "whsec-1"}
    with Stub(answer(422, told)) as stub:
        client = provider(stub.url, token_store=store, **PEOPLE)
        said = repr([client.create_campaign(request), client.get_call("c"), client, store.load()])
    assert said.count("I do not like …") > len(secrets)
    assert not [secret for secret in secrets if secret in said]


@pytest.mark.parametrize("token", ["secret\nX-Evil: 1", "secret-ü", "secret\x00"])
def test_a_token_that_fits_no_header_is_a_refused_key(token):
    with Stub(answer(200)) as stub:
        submission = provider(stub.url, token=token).create_campaign({})
    assert (submission.sent, stub.connections) == (Sent.KEY_REFUSED, 0)
    assert "secret" not in repr(submission)


@given(BODIES)
def test_no_answer_to_a_sign_in_raises(body):
    client = provider("https://api.example.com", **PEOPLE)
    tokens = client._keys._read(body, None)
    assert tokens is None or (tokens.access.isascii() and tokens.access.isprintable())


def test_a_check_asks_for_one_call_of_the_agent(sandbox):
    assert provider(sandbox.url, token=sandbox.token).check(AGENT).value == "The provider answers and takes our key."
