"""The provider as the rest of the house sees it: one POST, typed outcomes, pages of calls; against the sandbox and worse."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from core.facts import AttemptStatus, Sent
from provider.answers import Asked
from provider.client import Provider, read_base_url
from provider.wire import Timeouts
from tests.provider.stub import Stub, answer, drip, hang_up, reset, silence
from tests.sandbox_process import AGENT, campaign_request, wait_until

QUICK = Timeouts(connect=0.5, read=0.4, total=0.8)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
CREATED = {"campaign_id": "c-1", "status": "running"}


def provider(url, **options):
    options = {"token": "key-1", "allow_private": True, "timeouts": QUICK, **options}
    return Provider(url, now=lambda: datetime.now(UTC), **options)


@pytest.fixture
def client(sandbox):
    return provider(sandbox.url, token=sandbox.token, timeouts=Timeouts(2, 1, 2))


def test_a_campaign_is_accepted_with_its_id(client, sandbox):
    submission = client.create_campaign(campaign_request("+14155550101", "+14155550102"))
    assert (submission.sent, submission.campaign.total) == (Sent.ACCEPTED, 2)
    assert submission.campaign.provider_id == sandbox.truth()["campaigns"][0]["id"]


def test_a_bad_campaign_is_refused_field_by_field(client):
    submission = client.create_campaign(campaign_request("12", name="", concurrent_calls=11))
    assert (submission.sent, submission.http_status) == (Sent.REFUSED, 422)
    assert {error.loc for error in submission.errors} >= {("body", "name"), ("body", "concurrent_calls")}


@pytest.mark.parametrize(
    ("kind", "options", "sent", "campaigns"),
    [
        ("unauthorized", {}, Sent.KEY_REFUSED, 0),
        ("refuse", {"status": 409}, Sent.REFUSED, 0),
        ("redirect", {"url": "http://127.0.0.1:9/"}, Sent.REFUSED, 0),
        ("unavailable_503", {}, Sent.UNKNOWN, 0),
        ("error_500_before", {}, Sent.UNKNOWN, 0),
        ("error_500_after_accept", {}, Sent.UNKNOWN, 1),
        ("silence_after_accept", {}, Sent.UNKNOWN, 1),
        ("drip", {"interval": 0.1}, Sent.UNKNOWN, 1),
        ("accept_without_id", {}, Sent.UNKNOWN, 1),
        ("close_after_accept", {}, Sent.UNKNOWN, 1),
    ],
)
def test_a_misbehaving_provider_gets_one_post(client, sandbox, kind, options, sent, campaigns):
    sandbox.misbehave(kind, times=1, **options)
    assert client.create_campaign(campaign_request()).sent is sent
    truth = sandbox.truth()
    assert (len(truth["campaigns"]), len(truth["posts"])) == (campaigns, 1)


def test_a_throttled_campaign_waits_as_told(client, sandbox):
    sandbox.misbehave("throttle", retry_after=3)
    submission = client.create_campaign(campaign_request())
    assert (submission.sent, submission.retry_after) == (Sent.THROTTLED, 3)


@pytest.mark.parametrize(
    "act", [reset, hang_up, silence, drip(b"HTTP/1.1 200 OK\r\nX: "), b"?\r\n\r\n", answer(201, {})]
)
def test_what_is_lost_after_sending_is_unknown_and_posted_once(act):
    with Stub(act) as stub:
        assert provider(stub.url).create_campaign({"name": "spring"}).sent is Sent.UNKNOWN
    assert [(asked.method, asked.path, asked.json) for asked in stub.asked] == [
        ("POST", "/campaigns", {"name": "spring"})
    ]


def test_a_dripped_answer_is_unknown_even_if_it_says_yes():
    with Stub(drip(b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(CREATED).encode())) as stub:
        assert provider(stub.url).create_campaign({}).sent is Sent.UNKNOWN


def test_a_provider_that_is_away_was_not_sent_anything():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = provider(f"http://127.0.0.1:{port}")
    assert client.create_campaign({}).sent is Sent.NOT_SENT
    assert client.check().kind is Asked.UNREACHABLE


def test_a_private_provider_was_not_sent_anything():
    with Stub(answer(201, CREATED)) as stub:
        client = provider(stub.url, allow_private=False)
        assert client.create_campaign({}).sent is Sent.NOT_SENT
        assert client.check().kind is Asked.UNREACHABLE
    assert stub.connections == 0


def test_a_redirect_takes_neither_campaign_nor_key_elsewhere():
    with Stub(answer(201, CREATED)) as elsewhere, Stub(answer(307, Location=elsewhere.url)) as stub:
        submission = provider(stub.url).create_campaign({})
    assert (submission.sent, elsewhere.connections) == (Sent.REFUSED, 0)
    assert "127.0.0.1" in submission.words


def test_a_claim_that_grew_too_old_while_connecting_is_not_sent():
    with Stub(answer(201, CREATED)) as stub:
        assert provider(stub.url).create_campaign({}, may_send=lambda: False).sent is Sent.NOT_SENT
    assert stub.asked == []


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_the_url_may_have_a_path(path):
    with Stub(answer(201, CREATED)) as stub:
        provider(stub.url + path).create_campaign({})
    assert stub.asked[0].path == path.rstrip("/") + "/campaigns"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://x.example",
        "http://",
        "http://[",
        "http://a:99999",
        "http://a:b@c.example",
        "http://a/?x=1",
    ],
)
def test_a_url_that_is_none_is_refused_at_the_start(url):
    with pytest.raises(ValueError, match="The provider URL must"):
        read_base_url(url)


def test_a_campaign_is_found_by_id_and_in_the_list(client, sandbox):
    created = client.create_campaign(campaign_request(name="autumn")).campaign
    sandbox.wait_for_end(created.provider_id)
    found = client.get_campaign(created.provider_id).value
    assert (found.name, found.total, found.over) == ("autumn", 1, True)
    assert [each.name for each in client.list_campaigns().value] == ["autumn"]


def test_routes_that_are_not_offered_say_so(client, sandbox):
    for kind in ("no_get_campaign", "no_list_campaigns"):
        sandbox.misbehave(kind)
    for told in (client.get_campaign("c-1"), client.list_campaigns(), client.get_campaign("../agents")):
        assert (told.kind, told.http_status) == (Asked.NOT_OFFERED, 404)


def test_calls_of_an_agent_are_listed_and_found(client, sandbox):
    sandbox.wait_for_end(client.create_campaign(campaign_request()).campaign.provider_id)
    (call,) = client.list_calls(AGENT, since=LONG_AGO).value.calls
    assert call.number == "+14155550101"
    assert call.status not in (None, AttemptStatus.DIALLING)
    assert client.get_call(call.call_id).value.number == call.number


def test_calls_are_listed_between_two_times(client, sandbox):
    sandbox.wait_for_end(client.create_campaign(campaign_request()).campaign.provider_id)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert client.list_calls(AGENT, since=tomorrow).value.calls == ()
    assert client.list_calls(AGENT, since=LONG_AGO, until=LONG_AGO).value.calls == ()
    assert client.list_calls(AGENT, since=LONG_AGO, direction="inbound").value.calls == ()
    assert client.list_calls("no uuid", since=LONG_AGO).kind is Asked.REFUSED


def test_more_calls_than_a_page_holds_come_page_by_page(client, sandbox):
    numbers = [f"+1415555{number}" for number in range(1000, 1600)]
    sandbox.wait_for_end(client.create_campaign(campaign_request(*numbers, concurrent_calls=10)).campaign.provider_id)
    pages = [answer.value for answer in client.each_call_page(AGENT, since=LONG_AGO)]
    assert [len(page.calls) for page in pages] == [500, 100]
    assert {call.number for page in pages for call in page.calls} == set(numbers)


def test_a_provider_that_gives_the_same_page_for_ever_is_left():
    with Stub(answer(200, [{"call_id": str(number)} for number in range(500)])) as stub:
        assert len(list(provider(stub.url).each_call_page(AGENT, since=LONG_AGO))) == 2


def test_pages_end_at_the_first_that_fails():
    with Stub(answer(200, [{"call_id": str(number)} for number in range(500)]), answer(500)) as stub:
        kinds = [told.kind for told in provider(stub.url).each_call_page(AGENT, since=LONG_AGO)]
    assert kinds == [Asked.OK, Asked.UNREACHABLE]


def test_the_quota_is_read(client, sandbox):
    sandbox.wait_for_end(client.create_campaign(campaign_request()).campaign.provider_id)
    call = sandbox.get(f"/calls/agent/{AGENT}/calls").json()["calls"][0]
    quota = client.get_quota(call["tenant_id"]).value
    assert (quota.monthly_call_limit, quota.quota_exceeded) == (1_000_000, False)
    assert client.get_quota(AGENT).kind is Asked.NOT_OFFERED


def test_a_restarted_provider_still_knows_our_campaign(client, sandbox):
    created = client.create_campaign(campaign_request()).campaign
    sandbox.restart()
    told = wait_until(lambda: client.get_campaign(created.provider_id))
    assert told.value.provider_id == created.provider_id
