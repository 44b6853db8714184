"""The outcome table: what each status and body means, and that no answer at all can raise."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.facts import CampaignFact, Sent, Submission
from provider.answers import Answer, Asked, read_quota
from provider.outcomes import read_answer, read_call, read_call_page, read_campaign, read_campaigns, read_submission
from provider.wire import Reply, Silence
from tests.provider.documents import BODIES, HEADERS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CREATED = {"campaign_id": "c-1", "status": "running", "total_targets": 3}


def submission(status, body=None, unsent_503=False, whole=True, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_submission(Reply(status, named, content, whole), unsent_503=unsent_503, now=NOW)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        *((status, Sent.UNKNOWN) for status in (100, 200, 202, 204, 299, 408, 500, 502, 503, 504, 599, 999)),
        *((status, Sent.REFUSED) for status in (300, 301, 302, 303, 304, 307, 308, 400, 404, 405, 409, 413, 422, 499)),
        *((status, Sent.KEY_REFUSED) for status in (401, 403)),
        *((status, Sent.THROTTLED) for status in (402, 429)),
    ],
)
def test_a_status_without_a_body_means(status, sent):
    assert submission(status, b"").sent is sent


@pytest.mark.parametrize("status", [200, 201, 202, 207])
@pytest.mark.parametrize(
    "body", [CREATED, {"data": CREATED}, {"campaign": CREATED}, {"id": "c-1", "status": "running"}]
)
def test_any_2xx_with_an_id_is_accepted(status, body):
    accepted = submission(status, body)
    assert (accepted.sent, accepted.campaign.provider_id) == (Sent.ACCEPTED, "c-1")


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", {}, {"ok": True}, {"campaign_id": None}, {"campaign_id": ""}, [CREATED]]
)
def test_a_2xx_without_a_readable_id_cannot_be_known(body):
    assert submission(200, body).sent is Sent.UNKNOWN


def test_a_2xx_that_was_cut_off_cannot_be_known():
    assert submission(200, CREATED, whole=False).sent is Sent.UNKNOWN


def test_silence_is_unsent_only_before_the_first_byte():
    for begun, sent in ((False, Sent.NOT_SENT), (True, Sent.UNKNOWN)):
        assert read_submission(Silence(begun, "why"), unsent_503=True, now=NOW) == Submission(sent, "why")


def test_503_is_unsent_only_where_the_setting_says_so():
    assert submission(503, b"", Retry_After="7").sent is Sent.UNKNOWN
    unsent = submission(503, b"", unsent_503=True, Retry_After="7")
    assert (unsent.sent, unsent.retry_after) == (Sent.NOT_SENT, 7)
    assert submission(502, b"", unsent_503=True).sent is Sent.UNKNOWN


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("3", 3),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("0", 0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90),
        ("999999999", 86_400),
        ("Sun, 01 Mar 2099 12:00:00 GMT", 86_400),
        ("9" * 5000, 86_400),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_in_every_form(told, seconds):
    assert submission(429, b"", Retry_After=told).retry_after == seconds


def test_a_429_without_retry_after_waits_for_no_given_time():
    assert submission(429, {"detail": "Slow down"}) == Submission(Sent.THROTTLED, "Slow down", None, 429)


@pytest.mark.parametrize("status", [400, 403, 409, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"detail": "Monthly call quota exceeded"},
        {"error": {"code": "quota_exceeded"}},
        {"message": "You have reached your monthly limit of 1000 calls"},
        {"detail": "Insufficient credits"},
        {"detail": "Maximum number of campaigns reached"},
        {"detail": "campaign limit reached"},
    ],
)
def test_a_refusal_for_quota_waits_with_the_provider_words(status, body):
    refused = submission(status, body)
    assert refused.sent is Sent.THROTTLED
    assert refused.words.startswith("The provider's quota is used up: ")


@pytest.mark.parametrize(
    "detail",
    [
        [{"loc": ["body", "name"], "msg": "exceeds the character limit of 255, quota reached"}],
        [{"loc": ["body", "concurrent_calls"], "msg": "Input should be less than or equal to 10"}],
        "Agent has reached its end of life",
        "Name is limited to 255 characters",
    ],
)
def test_a_refusal_about_the_campaign_is_not_one_for_quota(detail):
    assert submission(422, {"detail": detail}).sent is Sent.REFUSED


def test_a_422_names_its_fields():
    refused = submission(422, {"detail": [{"loc": ["body", "targets", 0, "to_number"], "msg": "bad"}]})
    assert refused.words == "targets.0.to_number: bad"
    assert refused.errors[0].loc == ("body", "targets", 0, "to_number")


def test_a_redirect_says_where_to():
    assert submission(307, b"", Location="https://elsewhere.example/x").words == (
        "The provider URL redirects to elsewhere.example (307); it must name the place itself."
    )


def answer(status, body=None, read=read_campaign):
    return read_answer(Reply(status, {"Retry-After": "4"}, json.dumps(body).encode(), True), read, now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, Asked.UNREADABLE),
        (302, Asked.REFUSED),
        (400, Asked.REFUSED),
        (401, Asked.KEY_REFUSED),
        (403, Asked.KEY_REFUSED),
        (404, Asked.NOT_OFFERED),
        (405, Asked.NOT_OFFERED),
        (501, Asked.NOT_OFFERED),
        (408, Asked.UNREACHABLE),
        (429, Asked.THROTTLED),
        (500, Asked.UNREACHABLE),
        (503, Asked.UNREACHABLE),
    ],
)
def test_a_get_means(status, kind):
    told = answer(status)
    assert (told.kind, told.http_status, told.value) == (kind, status, None)
    assert told.words


def test_a_get_that_never_arrived_is_unreachable():
    assert read_answer(Silence(True, "why"), read_campaign, now=NOW) == Answer(Asked.UNREACHABLE, words="why")


def test_a_get_of_something_else_is_unreadable():
    assert answer(200, {"ok": True}).kind is Asked.UNREADABLE
    assert answer(200, CREATED).value.provider_id == "c-1"


@pytest.mark.parametrize("wrap", [lambda calls: calls, lambda calls: {"data": {"items": calls}}])
@pytest.mark.parametrize("name", ["calls", "data", "items", "results"])
def test_a_page_of_calls_in_any_shape(name, wrap):
    calls = [{"call_id": "a", "status": "ringing"}, "rubbish", {"call_id": "b", "status": "ringing"}]
    for document in (wrap(calls), {name: calls}):
        page = read_call_page(document, limit=500, offset=0)
        assert [call.call_id for call in page.calls] == ["a", "b"]
        assert (page.next_offset, page.skipped) == (None, 1)


def test_more_pages_follow_a_full_one_or_a_bigger_total():
    calls = [{"call_id": "a"}, {"call_id": "b"}]
    assert read_call_page(calls, limit=2, offset=4).next_offset == 6
    assert read_call_page({"calls": calls, "total": 7}, limit=500, offset=4).next_offset == 6
    assert read_call_page({"calls": calls, "total": 6}, limit=500, offset=4).next_offset is None
    assert read_call_page({"calls": [], "total": 6}, limit=500, offset=4).next_offset is None
    assert read_call_page({"nothing": 1}, limit=500, offset=0) is None


@given(st.integers(100, 999), HEADERS, BODIES, st.booleans(), st.booleans())
@example(200, {}, b"[" * 100_000, True, False)
@example(422, {}, b'{"detail":' * 2000, True, False)
@example(201, {}, b'{"campaign_id": ' + b"9" * 4000 + b"}", True, False)
@example(200, {}, '{"campaign_id": "a"}'.encode("utf-16"), True, False)
@example(307, {"Location": "http://["}, b"", True, False)
def test_no_answer_to_the_post_raises(status, headers, body, whole, unsent_503):
    told = read_submission(Reply(status, headers, body, whole), unsent_503=unsent_503, now=NOW)
    assert isinstance(told, Submission)
    assert told.words
    assert told.retry_after is None or 0 <= told.retry_after <= 86_400
    assert (told.sent is Sent.ACCEPTED) == (isinstance(told.campaign, CampaignFact) and bool(told.campaign.provider_id))
    assert told.sent is not Sent.NOT_SENT or (status == 503 and unsent_503)


READERS = [read_campaign, read_campaigns, read_call, read_quota, lambda value: read_call_page(value, limit=2, offset=0)]


@given(st.integers(100, 999), HEADERS, BODIES, st.sampled_from(READERS))
def test_no_answer_to_a_get_raises(status, headers, body, read):
    told = read_answer(Reply(status, headers, body, True), read, now=NOW)
    assert (told.kind is Asked.OK) == (told.value is not None)
