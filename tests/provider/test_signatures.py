"""The verifier: every known form, one kind of "no", and no exception."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from config import SIGNATURE_FORM
from core.inbox_settings import SIGNATURE_FORM as TYPED_FORM
from provider.signatures import HEADERS, verify

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "signatures.json").read_text("utf-8"))
NOW = 1755350400
SECRET = "campaign-secret-0123456789"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"event":"call.completed","call_id":"c1"}'


def sign(message: bytes, secret: bytes = SECRET.encode()) -> bytes:
    return hmac.new(secret, message, hashlib.sha256).digest()


def stamped(timestamp: int = NOW) -> dict[str, str]:
    signature = sign(b"%d.%b" % (timestamp, BODY)).hex()
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": signature}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_it_answers_every_known_vector(vector):
    result = verify(vector["headers"], vector["body"].encode(), [vector["secret"]], vector["now"])
    assert (result.verdict == "ok") is vector["valid"]


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector["valid"]], ids=lambda vector: vector["name"])
def test_every_form_that_matches_can_be_pinned_by_its_name(vector):
    given = (vector["headers"], vector["body"].encode(), [vector["secret"]], vector["now"])
    form = verify(*given).form
    assert SIGNATURE_FORM.fullmatch(form), "the settings would refuse it"
    assert TYPED_FORM.pattern == SIGNATURE_FORM.pattern, "the page would say something else"
    assert verify(*given, pinned_form=form).verdict == "ok"
    assert verify(*given, pinned_form="x-other hex over body").verdict == "bad"


@pytest.mark.parametrize("secret", [WHSEC, "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, so").decode()])
def test_what_the_reference_library_signs_is_genuine_and_its_id_is_told(secret):
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    result = verify(headers, BODY, [secret], NOW)
    assert (result.verdict, result.signed_id, result.timestamp) == ("ok", "msg_1", float(NOW))
    assert result.form == "webhook-signature v1, base64 over id.timestamp.body"


def test_a_standard_webhooks_secret_may_also_be_used_as_its_literal_text():
    assert verify({"X-Signature": sign(BODY, WHSEC.encode()).hex()}, BODY, [WHSEC], NOW).verdict == "ok"


@pytest.mark.parametrize(
    ("value", "message", "form"),
    [
        ("{hex}", b"%b", "x-webhook-signature hex over body"),
        ("sha256={hex}", b"1755350400.%b", "x-webhook-signature sha256= hex over timestamp.body"),
        ("v1={hex}", b"%b1755350400", "x-webhook-signature v1= hex over body+timestamp"),
        ("t=1755350400, v0={hex}", b"1755350400.%b", "x-webhook-signature t= v0= hex over timestamp.body"),
        ("v=1755350400,d={hex}", b"%b1755350400", "x-webhook-signature v= d= hex over body+timestamp"),
        ("{base64}", b"%b", "x-webhook-signature base64 over body"),
        ("{base64url}", b"%b", "x-webhook-signature base64 over body"),
        ("v1,{base64} v1,AAAA", b"1755350400.%b", "x-webhook-signature v1, base64 over timestamp.body"),
    ],
)
def test_a_form_has_a_name_that_can_be_pinned(value, message, form):
    digest = sign(message % BODY)
    coded, url = base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode().rstrip("=")
    value = value.format(hex=digest.hex(), base64=coded, base64url=url)
    headers = {"X-Webhook-Timestamp": str(NOW), "X-Webhook-Signature": value}
    assert verify(headers, BODY, [SECRET], NOW, pinned_form=form).form == form
    assert verify(headers, BODY, [SECRET], NOW, pinned_form="x-signature hex over body").verdict == "bad"


@pytest.mark.parametrize("header", HEADERS)
def test_each_header_is_tried_whatever_its_case(header):
    assert verify([(header.upper(), sign(BODY).hex())], BODY, [SECRET], NOW).verdict == "ok"


def test_a_header_from_the_settings_is_tried_with_the_timestamp_of_its_family():
    headers = {"Acme-Timestamp": str(NOW), "Acme-Signature": sign(b"%d.%b" % (NOW, BODY)).hex()}
    assert verify(headers, BODY, [SECRET], NOW).verdict == "bad"
    assert verify(headers, BODY, [SECRET], NOW, extra_headers=[" Acme-Signature "]).timestamp == NOW


def test_x_timestamp_is_used_where_the_family_has_none():
    headers = {"X-Timestamp": str(NOW), "X-Hub-Signature-256": "sha256=" + sign(b"%d.%b" % (NOW, BODY)).hex()}
    assert verify(headers, BODY, [SECRET], NOW).form == "x-hub-signature-256 sha256= hex over timestamp.body"


@pytest.mark.parametrize(("late", "verdict"), [(299, "ok"), (-299, "ok"), (300, "ok"), (301, "stale"), (-301, "stale")])
def test_a_signed_timestamp_may_be_five_minutes_off_either_way(late, verdict):
    result = verify(stamped(), BODY, [SECRET], NOW + late)
    assert (result.verdict, result.timestamp) == (verdict, NOW)


def test_an_unsigned_timestamp_makes_nothing_stale_and_is_not_told():
    headers = {"X-Webhook-Timestamp": "1", "X-Webhook-Signature": sign(BODY).hex()}
    result = verify(headers, BODY, [SECRET], NOW)
    assert (result.verdict, result.timestamp) == ("ok", None)


def test_an_id_that_is_not_signed_is_not_told():
    assert verify({"webhook-id": "msg_1", "webhook-signature": sign(BODY).hex()}, BODY, [SECRET], NOW).signed_id is None


def test_a_signature_over_body_and_timestamp_does_not_hold_for_the_body_alone():
    signature = sign(b"%b%d" % (BODY, NOW)).hex()
    assert verify({"X-Webhook-Signature": signature}, BODY, [SECRET], NOW).verdict == "bad"
    assert verify({"X-Webhook-Signature": f"v={NOW + 1},d={signature}"}, BODY, [SECRET], NOW).verdict == "bad"


@pytest.mark.parametrize("secrets", [[], [""], [" \n"], ["\0\0"], ["whsec_"], ["whsec_AAAA"]])
def test_without_a_secret_nothing_is_genuine(secrets):
    for key in (b"", b"\0", b" "):
        assert verify({"X-Signature": sign(BODY, key).hex()}, BODY, secrets, NOW).verdict == "bad"


def test_any_of_several_secrets_will_do():
    assert verify(stamped(), BODY, ["an older secret", SECRET], NOW).verdict == "ok"


def test_a_header_sent_twice_is_two_candidates():
    right = stamped()
    pairs = [("X-Webhook-Signature", "0" * 64), *right.items()]
    assert verify(pairs, BODY, [SECRET], NOW).verdict == "ok"


def test_only_eight_candidates_are_looked_at():
    right, wrong = sign(BODY).hex(), "0" * 64
    for before, verdict in ((7, "ok"), (8, "bad")):
        value = ",".join([f"v1={wrong}"] * before + [f"v1={right}"])
        assert verify({"X-Signature": value}, BODY, [SECRET], NOW).verdict == verdict


def test_only_four_kilobytes_of_header_are_looked_at():
    for before, verdict in ((4000, "ok"), (4090, "bad")):
        value = "," * before + sign(BODY).hex()
        assert verify({"X-Signature": value}, BODY, [SECRET], NOW).verdict == verdict


def test_what_was_sent_is_told_by_name_for_the_page_that_helps_to_set_it():
    headers = {"Host": "x", "X-Acme-HMAC": "y", "X-Webhook-Signature": "z", "Acme": "w"}
    result = verify(headers, BODY, [SECRET], NOW, extra_headers=["acme"])
    assert result.header_names == ("X-Acme-HMAC", "X-Webhook-Signature", "Acme")


ANYTHING = st.text(st.characters(), max_size=80)
NEARLY = st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            ["t=", "v1=", "d=", "v=", "v1,", " ", ",", "=", "1755350400", "a" * 64, "A" * 43, "é", "\ud800"]
        )
    ),
)
NAMES = st.sampled_from([*HEADERS, "webhook-id", "webhook-timestamp", "x-webhook-timestamp", "x-timestamp"])


@given(st.lists(st.tuples(NAMES | ANYTHING, NEARLY | ANYTHING)), st.binary(), st.lists(ANYTHING), st.floats())
def test_it_never_raises_and_never_says_yes_to_what_nobody_signed(headers, body, secrets, now):
    assert verify(headers, body, secrets, now, extra_headers=["é"]).verdict == "bad"
