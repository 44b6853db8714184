"""The cases that the public suites of four signature schemes try their own verifiers with, tried with ours.

Standard Webhooks (its libraries' tests), Stripe (stripe-python's), GitHub (its documentation's known answer, and what its guide
warns of), Convoy (its verifiers': simple and advanced signatures, hex and base64, several at once).
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
import stripe
from standardwebhooks.webhooks import Webhook

from provider.signatures import verify

NOW = 1614265330
BODY = b'{"test": 2432232314}'
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
KNOWN = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def verdict(headers, body=BODY, secret=WHSEC, now=NOW, **rules):
    return verify(headers, body, [secret], now, **rules).verdict


def standard(timestamp=NOW, **other):
    signature = Webhook(WHSEC).sign(MESSAGE, datetime.fromtimestamp(timestamp, UTC), BODY.decode())
    given = {"webhook-id": MESSAGE, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
    return {name: value for name, value in (given | other).items() if value is not None}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (standard(**{"webhook-signature": KNOWN}), "ok"),  # the specification's own example
        (standard(), "ok"),
        ({name.title(): value for name, value in standard().items()}, "ok"),
        (standard(**{"webhook-id": None}), "bad"),
        (standard(**{"webhook-timestamp": None}), "bad"),
        (standard(**{"webhook-signature": None}), "bad"),
        (standard(**{"webhook-timestamp": "hello"}), "bad"),
        (standard(**{"webhook-signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="}), "bad"),
        (standard(**{"webhook-signature": KNOWN[:10]}), "bad"),
        (standard(**{"webhook-signature": "v1,"}), "bad"),
        (standard(**{"webhook-signature": KNOWN.removeprefix("v1,")}), "ok"),  # bare base64 is a form of its own
        (standard(**{"webhook-signature": KNOWN.replace("v1,", "v2,")}), "ok"),  # our rule: whatever is written before it
        (standard(NOW - 301), "stale"),
        (standard(NOW + 301), "stale"),
        (standard(NOW - 299), "ok"),
        (standard(**{"webhook-signature":
            f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {KNOWN}"}), "ok"),
        (standard(**{"webhook-id": ""}), "bad"),
        (standard(**{"webhook-id": "another"}), "bad"),
    ],
)  # fmt: skip
def test_standard_webhooks(headers, told):
    assert verdict(headers) == told


@pytest.mark.parametrize("secret", [WHSEC, WHSEC.removeprefix("whsec_")])
def test_standard_webhooks_takes_its_secret_with_the_prefix(secret):
    assert verdict(standard(), secret=secret) == ("ok" if secret == WHSEC else "bad")


def of_stripe(timestamp=NOW, secret="whsec_test_secret", body=BODY):
    return stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (of_stripe(), "ok"),
        ("i'm not even a real signature header", "bad"),
        (of_stripe().replace("v1=", "v9="), "bad"),
        (f"t={NOW},v1=bad_signature", "bad"),
        (of_stripe() + ",v1=bad_signature", "ok"),
        (f"t={NOW},v1=bad_signature," + of_stripe().split(",")[1], "ok"),
        (of_stripe(12345), "stale"),
        (of_stripe(secret="whsec_another"), "bad"),
        ("", "bad"),
        (of_stripe().replace(f"t={NOW}", "t=soon"), "bad"),
        (of_stripe().replace(f"t={NOW},", ""), "bad"),
        (of_stripe().replace(f"t={NOW}", f"t={NOW + 1}"), "bad"),
        (of_stripe(body=BODY + b" "), "bad"),
    ],
)
@pytest.mark.parametrize("name", ["Webhook-Signature", "Stripe-Signature"])
def test_stripe(header, told, name):
    assert verdict({name: header}, secret="whsec_test_secret", extra_headers=["stripe-signature"]) == told


def test_stripe_takes_no_empty_secret():
    assert verdict({"Webhook-Signature": of_stripe(secret=" ")}, secret=" ") == "bad"


HELLO, GITHUB = b"Hello, World!", "It's a Secret to Everybody"
ANSWER = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        ({"X-Hub-Signature-256": f"sha256={ANSWER}"}, HELLO, "ok"),
        ({"x-hub-signature-256": f"sha256={ANSWER.upper()}"}, HELLO, "ok"),
        ({"X-Hub-Signature-256": f"sha256={ANSWER}"}, b"Hello, World", "bad"),
        ({"X-Hub-Signature-256": f"sha256={ANSWER[:-1]}"}, HELLO, "bad"),
        ({"X-Hub-Signature-256": f"sha256={ANSWER}0"}, HELLO, "bad"),
        ({"X-Hub-Signature-256": "sha256="}, HELLO, "bad"),
        ({"X-Hub-Signature-256": ""}, HELLO, "bad"),
        ({"X-Hub-Signature": "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"}, HELLO, "bad"),  # the old one is no proof
        ({"X-Hub-Signature-256": "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"}, HELLO, "bad"),
        ({}, HELLO, "bad"),
    ],
)
def test_github(headers, body, told):
    assert verdict(headers, body, secret=GITHUB) == told


CONVOY = "a-secret-of-convoy"


def digest(message, key=CONVOY, kind=hashlib.sha256):
    return hmac.digest(key.encode(), message, kind)


def advanced(*secrets, timestamp=NOW, message=BODY):
    signed = ",".join(f"v1={digest(b'%d.%b' % (timestamp, message), secret).hex()}" for secret in secrets)
    return f"t={timestamp},{signed}"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (digest(BODY).hex(), "ok"),
        (base64.b64encode(digest(BODY)).decode(), "ok"),
        (digest(BODY, "another").hex(), "bad"),
        (digest(BODY, kind=hashlib.sha512).hex(), "bad"),  # sha256 alone is tried
        (advanced(CONVOY), "ok"),
        (advanced("rolled over", CONVOY), "ok"),
        (advanced("one", "two", "three"), "bad"),
        (advanced(CONVOY, timestamp=NOW - 3600), "stale"),
        (advanced(CONVOY, message=b"{}"), "bad"),
        ("t=202x-29th,v1=" + digest(BODY).hex(), "ok"),  # then it is a signature over the body alone, and its time is not believed
        ("v1=", "bad"),
    ],
)  # fmt: skip
def test_convoy(header, told):
    assert verdict({"X-Signature": header}, secret=CONVOY) == told
