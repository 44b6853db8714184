"""`POST /campaigns` is checked as strictly as the reference says, and complains in its shape."""

from typing import Any

import pytest

from tests.sandbox_process import AGENT, SandboxProcess, campaign_request

MISSING = object()
RESPONSE_FIELDS = {
    "campaign_id",
    "agent_id",
    "name",
    "total_targets",
    "status",
    "scheduled_at",
    "started_at",
    "calls_initiated",
    "calls_completed",
    "calls_failed",
}


def complaints(sandbox: SandboxProcess, body: Any) -> list[tuple[list[Any], str]]:
    response = sandbox.post("/campaigns", body)
    assert response.status_code == 422, response.text
    assert all({"loc", "msg", "type", "input"} <= set(item) for item in response.json()["detail"])
    return [(item["loc"], item["type"]) for item in response.json()["detail"]]


def test_an_accepted_campaign_answers_exactly_the_documented_fields(sandbox: SandboxProcess) -> None:
    response = sandbox.create("+14155550101", "+14155550102", name="x" * 255, unknown_field=1)
    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == RESPONSE_FIELDS
    assert (answer["agent_id"], answer["total_targets"], answer["calls_initiated"]) == (AGENT, 2, 0)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("agent_id", MISSING, "missing"),
        ("agent_id", "alva", "uuid_parsing"),
        ("agent_id", None, "string_type"),
        ("name", MISSING, "missing"),
        ("name", "", "string_too_short"),
        ("name", "x" * 256, "string_too_long"),
        ("name", 7, "string_type"),
        ("targets", MISSING, "missing"),
        ("targets", [], "too_short"),
        ("targets", "+14155550101", "list_type"),
        ("concurrent_calls", 0, "greater_than_equal"),
        ("concurrent_calls", 11, "less_than_equal"),
        ("concurrent_calls", True, "int_type"),
        ("concurrent_calls", "3", "int_type"),
        ("retry_attempts", -1, "greater_than_equal"),
        ("retry_attempts", 4, "less_than_equal"),
        ("retry_failed", "yes", "bool_type"),
        ("notify_on_call_complete", 1, "bool_type"),
        ("context", [], "dict_type"),
        ("context", None, "dict_type"),
        ("schedule_at", "tomorrow", "datetime_parsing"),
        ("schedule_at", "2030-01-01T10:00:00", "datetime_parsing"),
        ("webhook_url", "ftp://example.com", "url_parsing"),
        ("webhook_url", "http://", "url_parsing"),
        ("webhook_secret", 5, "string_type"),
    ],
)
def test_a_field_out_of_its_range_is_named(sandbox: SandboxProcess, field: str, value: Any, kind: str) -> None:
    body = campaign_request(**{field: value})
    if value is MISSING:
        del body[field]
    assert complaints(sandbox, body) == [(["body", field], kind)]
    assert sandbox.truth()["campaigns"] == []


@pytest.mark.parametrize(
    ("target", "loc", "kind"),
    [
        ({"to_number": "4155550101"}, ["to_number"], "string_pattern_mismatch"),
        ({"to_number": "+0155550101"}, ["to_number"], "string_pattern_mismatch"),
        ({"to_number": "+1415555010100000"}, ["to_number"], "string_pattern_mismatch"),
        ({"to_number": None}, ["to_number"], "string_type"),
        ({}, ["to_number"], "missing"),
        ({"to_number": "+14155550101", "from_number": "here"}, ["from_number"], "string_pattern_mismatch"),
        ({"to_number": "+14155550101", "context": "name"}, ["context"], "dict_type"),
        ("+14155550101", [], "model_attributes_type"),
    ],
)
def test_a_bad_target_is_named_by_its_index(sandbox: SandboxProcess, target: Any, loc: list[str], kind: str) -> None:
    body = campaign_request("+14155550101", "+14155550102", "+14155550103")
    body["targets"].append(target)
    assert complaints(sandbox, body) == [(["body", "targets", 3, *loc], kind)]


def test_a_thousand_targets_are_taken_and_one_more_is_not(sandbox: SandboxProcess) -> None:
    numbers = [f"+1415{number:07d}" for number in range(1001)]
    assert complaints(sandbox, campaign_request(*numbers)) == [(["body", "targets"], "too_long")]
    assert sandbox.create(*numbers[:1000]).json()["total_targets"] == 1000


def test_all_complaints_come_at_once(sandbox: SandboxProcess) -> None:
    found = complaints(sandbox, campaign_request("1", "+14155550101", "2", name="", retry_attempts=9))
    assert [loc for loc, _ in found] == [
        ["body", "name"],
        ["body", "targets", 0, "to_number"],
        ["body", "targets", 2, "to_number"],
        ["body", "retry_attempts"],
    ]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 30_000, b"9" * 5000]
)
def test_what_is_not_json_is_invalid(sandbox: SandboxProcess, raw: bytes) -> None:
    response = sandbox.request("POST", "/campaigns", data=raw)
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "json_invalid"


def test_what_is_json_but_no_object_is_invalid(sandbox: SandboxProcess) -> None:
    assert complaints(sandbox, [1]) == [(["body"], "model_attributes_type")]


def test_every_post_is_in_the_truth_and_no_secret_is(sandbox: SandboxProcess) -> None:
    sandbox.create(webhook_secret="top-secret", webhook_url="http://127.0.0.1:9/hook")
    sandbox.create("nonsense")
    sandbox.post("/campaigns", campaign_request(), headers={})
    truth = sandbox.truth()
    assert [(post["accepted"], post["status"]) for post in truth["posts"]] == [(True, 201), (False, 422), (False, 401)]
    assert truth["campaigns"][0]["id"] == truth["posts"][0]["campaign_id"]
    assert truth["campaigns"][0]["request"]["webhook_secret"] == "***"
    assert "top-secret" not in str(truth)


def test_the_same_routes_are_below_v1(sandbox: SandboxProcess) -> None:
    campaign_id = sandbox.post("/v1/campaigns", campaign_request()).json()["campaign_id"]
    assert sandbox.get(f"/v1/campaigns/{campaign_id}").json()["campaign_id"] == campaign_id
    assert sandbox.get(f"/campaigns/{campaign_id}").json()["campaign_id"] == campaign_id
