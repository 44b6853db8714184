"""The programs' door: the provider's documented create call, its errors in the documented shape, and repeats."""

import json
import threading
from collections import Counter
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import func, select

from blueprints.api.validation import Refused, read_create
from core.creates import CreateRequest
from core.database import writing
from core.models import AuditEntry, Campaign, Contact
from core.states import ContactState
from tests.core.cast import suppress
from tests.factories import NOW, make_campaign, make_token

AGENT = "6f0d3b1e-1111-4222-8333-944455556666"
TOKEN = "token-of-a-program"
DOCUMENTED_KEYS = {
    "campaign_id", "agent_id", "name", "total_targets", "status", "scheduled_at", "started_at",
    "calls_initiated", "calls_completed", "calls_failed",
}  # fmt: skip


SIZE_WORDS = "The request is larger than 1 MiB. Split it into several campaigns."


def request_of(size: int = 1, **changes: Any) -> dict[str, Any]:
    """A documented request with every field."""
    targets = [
        {"to_number": f"+1415555{n:04d}", "from_number": "+14155550100", "context": {"n": n}} for n in range(size)
    ]
    return {
        "agent_id": AGENT, "name": "Spring renewals", "targets": targets, "schedule_at": None, "concurrent_calls": 3,
        "retry_failed": False, "retry_attempts": 0, "context": {"company": "Example"}, "webhook_secret": "s3cret",
        "webhook_url": "https://crm.example.com/progress", "notify_on_call_complete": True,
    } | changes  # fmt: skip


class Program:
    """A program written for the provider."""

    def __init__(self, app, token: str = TOKEN):
        self.client = app.test_client()
        self.headers = {"Authorization": f"Bearer {token}"}

    def create(self, body: Any, **headers: str):
        data = body if isinstance(body, bytes) else json.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/api/v1/campaigns", data=data, headers=self.headers | headers, csrf=False)

    def look(self, campaign_id: object):
        return self.client.get(f"/api/v1/campaigns/{campaign_id}", headers=self.headers)


@pytest.fixture
def program(app, session) -> Program:
    with writing(session):
        make_token(session, token=TOKEN)
    return Program(app)


@pytest.mark.parametrize("size", [3, 2500])
def test_the_documented_request_makes_a_campaign_in_which_nobody_stands_twice(program, session, settings, size):
    answer = program.create(request_of(size))
    assert answer.status_code == 200
    assert set(answer.json) == DOCUMENTED_KEYS
    assert (answer.json["total_targets"], answer.json["status"], answer.json["agent_id"]) == (size, "running", AGENT)
    numbers = Counter(session.scalars(select(Contact.number)))
    assert (len(numbers), set(numbers.values())) == (size, {1})
    with Redis.from_url(settings.redis_url) as redis:
        assert redis.llen("rq:queue:tick") == 1


def test_a_target_on_the_do_not_call_list_is_excluded_with_the_reason(program, session):
    suppress(session, NOW, "+14155550001")
    campaign_id = program.create(request_of(2)).json["campaign_id"]
    contacts = program.look(campaign_id).json["contacts"]
    assert {state: count for state, count in contacts.items() if count} == {"ready": 1, "excluded": 1}
    assert "do-not-call list" in session.scalars(select(Contact.reason).where(Contact.state == "excluded")).one()


def test_a_request_whose_targets_are_all_on_it_makes_no_campaign(program, session):
    suppress(session, NOW, "+14155550000")
    answer = program.create(request_of(1))
    assert (answer.status_code, answer.json["detail"][0]["msg"]) == (422, "Nobody on this list can be called.")
    assert session.scalar(select(func.count()).select_from(Campaign)) == 0


def test_only_what_is_required_is_enough(program):
    answer = program.create({"agent_id": AGENT, "name": "x", "targets": [{"to_number": "+14155550101"}]})
    assert (answer.status_code, answer.json["scheduled_at"]) == (200, None)


def test_a_later_start_is_answered_as_scheduled(program):
    answer = program.create(request_of(schedule_at="2199-01-01T10:00:00+01:00"))
    assert (answer.json["status"], answer.json["started_at"]) == ("scheduled", None)
    assert answer.json["scheduled_at"] == "2199-01-01T09:00:00+00:00"


def test_a_program_that_calls_its_json_a_form_is_understood(program):
    assert program.create(request_of(), Content_Type="application/x-www-form-urlencoded").status_code == 200


def test_unknown_fields_are_passed_over(program):
    assert program.create(request_of(priority="high")).status_code == 200


TOO_DEEP = json.loads("[" * 60 + "]" * 60)
WRONG = [
    ("agent_id", None, "string_type"), ("agent_id", "12-34", "uuid_parsing"), ("name", "", "string_too_short"),
    ("name", " ", "string_too_short"), ("name", "x" * 256, "string_too_long"), ("name", 5, "string_type"),
    ("name", "a\0b", "value_error"), ("targets", {}, "list_type"), ("targets", [], "too_short"),
    ("targets", [None] * 100_001, "too_long"), ("schedule_at", 5, "string_type"), ("schedule_at", "tomorrow", "datetime_parsing"),
    ("schedule_at", "2030-01-01T09:00:00", "datetime_parsing"), ("schedule_at", "2030-02-30T09:00:00Z", "datetime_parsing"),
    ("schedule_at", "0001-01-01T00:00:00+09:00", "datetime_parsing"), ("concurrent_calls", 0, "greater_than_equal"),
    ("concurrent_calls", 11, "less_than_equal"), ("concurrent_calls", "3", "int_type"), ("concurrent_calls", True, "int_type"),
    ("concurrent_calls", None, "int_type"), ("concurrent_calls", 2.5, "int_type"), ("retry_failed", "yes", "bool_type"),
    ("retry_attempts", -1, "greater_than_equal"), ("retry_attempts", 4, "less_than_equal"), ("context", [], "dict_type"),
    ("context", None, "dict_type"), ("context", {"a": TOO_DEEP}, "value_error"), ("context", {"a\0": 1}, "value_error"),
    ("webhook_url", "ftp://example.com", "url_parsing"), ("webhook_url", "https://", "url_parsing"),
    ("webhook_url", "https://[", "url_parsing"), ("webhook_url", f"https://example.com/{'x' * 2000}", "url_parsing"),
    ("webhook_url", "http://10.0.0.7/hook", "value_error"), ("webhook_url", "https://[::1]:8443/", "value_error"),
    ("webhook_url", "http://localhost/", "value_error"),
    ("webhook_secret", 5, "string_type"), ("notify_on_call_complete", 1, "bool_type"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "kind"), WRONG)
def test_every_range_and_type_is_checked_in_the_documented_shape(field, value, kind):
    with pytest.raises(Refused) as refused:
        read_create(json.dumps(request_of(**{field: value})).encode())
    assert [(told["loc"], told["type"]) for told in refused.value.detail] == [(["body", field], kind)]
    assert refused.value.detail[0]["msg"]


@pytest.mark.parametrize(
    ("target", "loc", "kind"),
    [
        ("+14155550101", [], "model_attributes_type"),
        ({}, ["to_number"], "missing"),
        ({"to_number": 14155550101}, ["to_number"], "string_type"),
        ({"to_number": "4155550101"}, ["to_number"], "phone_number"),
        ({"to_number": "+1"}, ["to_number"], "phone_number"),
        ({"to_number": "+" + "4" * 100_000}, ["to_number"], "phone_number"),
        ({"to_number": "+14155550101", "from_number": "me"}, ["from_number"], "phone_number"),
        ({"to_number": "+14155550101", "context": "x"}, ["context"], "dict_type"),
        ({"to_number": "+14155550101", "context": {"a": "\0"}}, ["context"], "value_error"),
    ],
)
def test_a_wrong_target_is_named(program, target, loc, kind):
    answer = program.create(request_of(targets=[{"to_number": "+14155550102"}, target]))
    assert answer.status_code == 422
    assert [(told["loc"], told["type"]) for told in answer.json["detail"]] == [(["body", "targets", 1, *loc], kind)]


def test_all_complaints_come_at_once_but_no_more_than_a_hundred(program, session):
    answer = program.create(
        {"concurrent_calls": 11, "targets": [{"to_number": "+1"}] * 500, "webhook_secret": "s3cret"}
    )
    told = answer.json["detail"]
    assert {tuple(each["loc"]) for each in told} >= {
        ("body", "agent_id"),
        ("body", "name"),
        ("body", "targets", 90, "to_number"),
    }
    assert len(told) == 100
    assert "s3cret" not in answer.text
    assert session.scalar(select(func.count()).select_from(Campaign)) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 5000, b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}', b"null", b"[]",
        b'{"a": ' + b"9" * 5000 + b"}", b'{"name": "\\ud800"}', "{}".encode("utf-16"), b"\xef\xbb\xbf{}", b'"x"', b"\0",
    ],
)  # fmt: skip
def test_a_poisoned_body_is_one_complaint(program, body):
    answer = program.create(body)
    assert answer.status_code == 422
    assert [told["loc"] for told in answer.json["detail"]] == [["body"]]


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
anything = st.recursive(scalars, lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts), max_leaves=8)


@hypothesis_settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # of a machine that is busy it says nothing
@given(st.dictionaries(st.sampled_from(sorted(request_of())), anything))
def test_any_json_is_a_request_or_complaints(changes):
    try:
        assert isinstance(read_create(json.dumps(request_of() | changes).encode()), CreateRequest)
    except Refused as refused:
        assert 1 <= len(refused.detail) <= 100  # noqa: PT017 (either end is right)


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(context=st.dictionaries(st.text(), anything), name=st.text(min_size=1, max_size=255))
def test_whatever_is_taken_can_be_kept_and_shown(program, context, name):
    targets = [{"to_number": "+14155550101", "context": context}]
    answer = program.create(request_of(context=context, name=name, targets=targets))
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert program.look(answer.json["campaign_id"]).json["name"] == name


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_without_a_valid_token_nothing_is_done(app, program, session, headers):
    program.headers = headers
    for answer in (program.create(request_of()), program.look(1)):
        assert (answer.status_code, set(answer.json)) == (401, {"detail"})
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert session.scalar(select(func.count()).select_from(Campaign)) == 0


def test_a_token_that_may_only_read_creates_nothing(app, session, program):
    with writing(session):
        make_token(session, token="one that only reads", scopes="read")
    reader = Program(app, "one that only reads")
    campaign_id = program.create(request_of()).json["campaign_id"]
    assert reader.create(request_of()).status_code == 403
    assert reader.look(campaign_id).status_code == 200


@pytest.mark.parametrize("campaign_id", ["1", "0", "-1", "x", "٣", "9" * 18, "9" * 40, "1.0", "%00"])
def test_what_is_no_campaign_of_programs_is_not_found(program, session, campaign_id):
    with writing(session):
        assert make_campaign(session).state == "draft"
    answer = program.look(campaign_id)
    assert (answer.status_code, list(answer.json)) == (404, ["detail"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404), ("GET", "/api/", 404), ("GET", "/api/v1/campaigns/", 404),
        ("GET", "/api//v1/campaigns", 404),
        ("DELETE", "/api/v1/campaigns", 405), ("BREW", "/api/v1/agents", 405), ("POST", "/api/v1/openapi.json", 405),
    ],
)  # fmt: skip
def test_wrong_addresses_and_methods_are_answered_in_json(program, method, path, status):
    for accept in ("text/html", "application/json"):
        answer = program.client.open(path, method=method, headers=program.headers | {"Accept": accept}, csrf=False)
        assert (answer.status_code, list(answer.json)) == (status, ["detail"])


def test_the_program_acts_whatever_cookie_came_along(program, launcher, session):
    """A browser's sign-in opens no door of programs, and lends its name to none."""
    body = json.dumps(request_of())
    assert launcher.post("/api/v1/campaigns", data=body).status_code == 401
    assert launcher.post("/api/v1/campaigns", data=body, headers=program.headers, csrf=False).status_code == 200
    entry = session.execute(
        select(AuditEntry.actor, AuditEntry.person_id).where(AuditEntry.act == "campaign.launch")
    ).one()
    assert tuple(entry) == ("A program", None)


def test_a_look_counts_contacts_in_each_of_the_states(program):
    body = request_of(3)
    body["targets"].append(body["targets"][0])
    answer = program.look(program.create(body).json["campaign_id"]).json
    assert set(answer) == DOCUMENTED_KEYS | {"contacts"}
    assert set(answer["contacts"]) == set(ContactState)
    assert {state: count for state, count in answer["contacts"].items() if count} == {"ready": 3, "excluded": 1}
    assert (answer["total_targets"], answer["calls_initiated"]) == (4, 0)


def test_a_repeat_is_answered_with_the_first_campaign_and_says_so(program):
    first, repeat = program.create(request_of()), program.create(request_of())
    assert (repeat.status_code, repeat.json) == (200, first.json)
    assert "X-Callboard-Repeat" not in first.headers
    assert repeat.headers["X-Callboard-Repeat"] == "true"


def test_the_same_words_in_another_order_are_the_same_request(program):
    body = request_of()
    first = program.create(body, Idempotency_Key="order-17")
    again = program.create(dict(reversed(body.items())), Idempotency_Key="order-17")
    assert (again.json, again.headers["X-Callboard-Repeat"]) == (first.json, "true")


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "käse"])
def test_a_key_that_is_none_is_refused(program, key):
    answer = program.create(request_of(), Idempotency_Key=key)
    assert (answer.status_code, answer.json["detail"][0]["loc"]) == (422, ["header", "Idempotency-Key"])


def test_a_key_for_other_words_is_refused(program):
    program.create(request_of(), Idempotency_Key="order-17")
    answer = program.create(request_of(name="Autumn"), Idempotency_Key="order-17")
    assert (answer.status_code, answer.json["detail"][0]["loc"]) == (422, ["header", "Idempotency-Key"])
    assert answer.json["detail"][0]["msg"] == "This key was used for another request."


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "order-17"}])
def test_requests_that_arrive_together_make_one_campaign(app, program, session, key):
    answers, start = [], threading.Barrier(6)

    def ask() -> None:
        mine = Program(app)
        start.wait()
        answers.append(mine.create(request_of(), **key))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert {(answer.status_code, answer.json["campaign_id"]) for answer in answers} == {
        (200, answers[0].json["campaign_id"])
    }
    assert sum("X-Callboard-Repeat" in answer.headers for answer in answers) == 5
    assert session.scalar(select(func.count()).select_from(Contact)) == 1


@pytest.mark.parametrize("is_chunked", [False, True])
def test_what_is_too_large_is_refused_with_a_sentence(program, monkeypatch, is_chunked):
    monkeypatch.setattr("blueprints.api.MOST_BYTES", 1024 * 1024)
    body = json.dumps(request_of(context={"a": "x" * 1024 * 1024})).encode()
    length = {} if is_chunked else {"CONTENT_LENGTH": str(len(body))}
    environ = {"wsgi.input": BytesIO(body), "wsgi.input_terminated": is_chunked, **length}
    answer = program.client.post("/api/v1/campaigns", headers=program.headers, environ_overrides=environ, csrf=False)
    assert (answer.status_code, answer.json["detail"]) == (413, SIZE_WORDS)
