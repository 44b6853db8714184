"""One message to one server: signed as the public library checks it, and no server holds, leads or fills us."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from provider.outgoing import SHOWN_OF_AN_ANSWER, receiver, send
from provider.wire import Timeouts
from tests.provider.stub import Stub, answer, drip, reset, silence

QUICK = Timeouts(connect=0.5, read=0.3, total=0.6)
WIRE = receiver(allow_private=True, timeouts=QUICK)
BODY = '{"type": "call.completed", "data": {"context": {"name": "Zoë"}}}'
ENCODED = "whsec_" + base64.b64encode(b"twenty-four bytes of it!").decode()


def post(url, secret=None, wire=WIRE):
    return send(wire, url, secret, "msg_1", BODY, datetime.now(UTC))


@pytest.mark.parametrize(
    ("secret", "known_as"),
    [(ENCODED, ENCODED), ("plain words", base64.b64encode(b"plain words").decode()),
     ("whsec_not base64!", base64.b64encode(b"whsec_not base64!").decode()), ("ключ", base64.b64encode("ключ".encode()).decode())],
)  # fmt: skip
def test_the_public_library_verifies_what_we_sign(secret, known_as):
    with Stub(answer(200)) as stub:
        assert post(stub.url, secret).delivered
    (asked,) = stub.asked
    assert Webhook(known_as).verify(asked.body, asked.headers)["type"] == "call.completed"
    with pytest.raises(WebhookVerificationError):
        Webhook(known_as).verify(asked.body + b" ", asked.headers)


def test_a_message_is_json_with_its_id_and_without_a_secret_it_has_no_signature():
    with Stub(answer(204)) as stub:
        outcome = post(stub.url + "/hook?key=1")
    (asked,) = stub.asked
    assert (asked.method, asked.path, asked.body.decode()) == ("POST", "/hook?key=1", BODY)
    assert (asked.headers["content-type"], asked.headers["user-agent"]) == ("application/json", "Callboard")
    assert (asked.headers["webhook-id"], "webhook-signature" in asked.headers) == ("msg_1", False)
    assert (outcome.delivered, outcome.http_status, outcome.words) == (True, 204, "It answered 204.")


def test_name_and_password_of_an_address_are_sent_as_such():
    with Stub(answer(204)) as stub:
        assert post(stub.url.replace("//", "//me:pass@")).delivered
    assert stub.asked[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:pass').decode()}"


def test_a_redirect_is_a_failure_and_is_not_followed():
    with Stub(answer(200)) as target, Stub(answer(307, Location=target.url)) as stub:
        outcome = post(stub.url)
    assert (outcome.delivered, outcome.words) == (False, "It answered 307: a redirect, which is not followed.")
    assert target.connections == 0


@pytest.mark.parametrize("status", [199, 301, 400, 404, 410, 500, 599])
def test_only_a_good_answer_means_that_it_was_taken(status):
    with Stub(answer(status, b"<b>no</b>\0")) as stub:
        outcome = post(stub.url)
    assert not outcome.delivered
    assert status == 199 or (outcome.http_status, outcome.answer) == (status, "<b>no</b>\ufffd")


def test_a_server_may_say_when_to_come_back():
    with Stub(answer(503, Retry_After="120")) as stub:
        assert post(stub.url).wait == 120


@pytest.mark.parametrize(
    "act", [silence, drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")], ids=["silence", "one byte after the other"]
)
def test_a_server_that_does_not_answer_in_time_has_failed(act):
    with Stub(act) as stub:
        outcome = post(stub.url)
    assert (outcome.delivered, outcome.words) == (False, "The receiver did not answer in time.")
    assert outcome.milliseconds < 5000


def test_an_endless_answer_is_read_no_further_than_it_is_kept():
    with Stub(answer(200, b"x" * 5_000_000)) as stub:
        outcome = post(stub.url)
    assert (outcome.delivered, len(outcome.answer)) == (True, SHOWN_OF_AN_ANSWER)


def test_a_connection_that_breaks_has_failed():
    with Stub(reset) as stub:
        assert "broke" in post(stub.url).words


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_a_private_address_is_not_even_dialled(host):
    with Stub(answer(200)) as stub:
        outcome = post(f"http://{host}:{stub.port}/", wire=receiver(allow_private=False, timeouts=QUICK))
    assert "The receiver URL points into a private network" in outcome.words
    assert stub.connections == 0


@pytest.mark.parametrize(
    "url", ["http://[", "http://a\nb/", "gopher://x/", "http://x:99999/", "http://nobody.invalid/"]
)
def test_an_address_that_leads_nowhere_has_failed(url):
    assert not post(url).delivered
