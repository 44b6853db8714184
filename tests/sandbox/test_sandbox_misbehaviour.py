"""Everything the sandbox can be told to do wrong, one by one."""

import base64
import time
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.sandbox.receiver import SECRET, Receiver, signature
from tests.sandbox_process import SandboxProcess, campaign_request, wait_until


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def accepted(sandbox: SandboxProcess) -> list[bool]:
    return [post["accepted"] for post in sandbox.truth()["posts"]]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("unauthorized", 401), ("throttle", 429), ("unavailable_503", 503), ("error_500_before", 500), ("refuse", 422)],
)
def test_a_refused_create_makes_no_campaign(sandbox: SandboxProcess, kind: str, status: int) -> None:
    sandbox.misbehave(kind, times=1)
    assert sandbox.create().status_code == status
    assert sandbox.create().status_code == 201
    assert accepted(sandbox) == [False, True]
    assert [(post["status"], post["misbehaviour"]) for post in sandbox.truth()["posts"]] == [
        (status, kind),
        (201, None),
    ]


def test_throttling_says_when_to_come_back_if_told_to(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("throttle", retry_after=7, times=1)
    sandbox.misbehave("throttle", times=1)
    assert [sandbox.create().headers.get("Retry-After") for _ in range(3)] == ["7", None, None]


def test_a_refusal_names_the_targets_it_was_told_to_name(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("refuse", targets=[0, 2, 9], message="Carrier unknown")
    numbers = ("+14155550101", "+14155550102", "+14155550103")
    detail = sandbox.create(*numbers).json()["detail"]
    assert [item["loc"] for item in detail] == [["body", "targets", index, "to_number"] for index in (0, 2)]
    assert {item["msg"] for item in detail} == {"Carrier unknown"}


def test_a_refusal_of_a_number_follows_the_number(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("refuse", numbers=["+14155550102"])
    detail = sandbox.create("+14155550101", "+14155550102").json()["detail"]
    assert [(item["loc"][2], item["input"]) for item in detail] == [(1, "+14155550102")]
    assert sandbox.create("+14155550101").status_code == 201


def test_a_refusal_can_be_one_sentence_with_another_status(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("refuse", status=403, message="Quota exceeded")
    response = sandbox.create()
    assert (response.status_code, response.json()) == (403, {"detail": "Quota exceeded"})


def test_a_redirect_repeats_nothing_by_itself(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("redirect", url="https://elsewhere.example/campaigns")
    response = sandbox.create()
    assert (response.status_code, response.headers["Location"]) == (307, "https://elsewhere.example/campaigns")
    assert accepted(sandbox) == [False]


def test_a_500_may_come_after_accepting(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("error_500_after_accept")
    assert sandbox.create().status_code == 500
    [campaign] = sandbox.truth()["campaigns"]
    assert campaign["answered_with"] == 500
    sandbox.wait_for_end(campaign["id"])


def test_an_answer_may_carry_no_id(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("accept_without_id", body="{}")
    response = sandbox.create()
    assert (response.status_code, response.text) == (201, "{}")
    assert accepted(sandbox) == [True]


def test_silence_after_accepting_holds_the_connection_open(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("silence_after_accept")
    with pytest.raises(requests.ReadTimeout):
        sandbox.create(timeout=0.3)
    assert accepted(sandbox) == [True]
    assert sandbox.truth()["campaigns"][0]["answered_with"] is None


def test_a_connection_may_close_after_accepting(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("close_after_accept")
    with pytest.raises(requests.ConnectionError):
        sandbox.create()
    assert accepted(sandbox) == [True]


def test_an_answer_may_drip(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("drip", interval=0.01)
    began = time.monotonic()
    response = sandbox.create()
    assert response.json()["campaign_id"]
    assert time.monotonic() - began > 0.01 * len(response.content) * 0.9


def test_an_answer_may_be_slow(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("slow", seconds=0.3)
    began = time.monotonic()
    assert sandbox.create().status_code == 201
    assert time.monotonic() - began >= 0.3


def test_reads_go_wrong_only_when_asked(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("throttle", on="reads")
    assert sandbox.get("/campaigns").status_code == 429
    assert sandbox.create().status_code == 201


@pytest.mark.parametrize("kind", ["no_get_campaign", "no_list_campaigns"])
def test_undocumented_routes_can_be_missing(sandbox: SandboxProcess, kind: str) -> None:
    campaign_id = sandbox.create().json()["campaign_id"]
    sandbox.misbehave(kind)
    statuses = {path: sandbox.get(path).status_code for path in (f"/campaigns/{campaign_id}", "/campaigns")}
    missing = "/campaigns" if kind == "no_list_campaigns" else f"/campaigns/{campaign_id}"
    assert statuses == {path: 404 if path == missing else 200 for path in statuses}


def test_a_rule_can_be_for_some_campaigns_only(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("error_500_before", campaign_name_contains="spring")
    assert sandbox.create(name="autumn").status_code == 201
    assert sandbox.create(name="spring · 1/3").status_code == 500


def test_a_request_can_ask_for_misbehaviour_itself(sandbox: SandboxProcess) -> None:
    context = {"sandbox": {"refuse": {"targets": [0], "times": 2}}}
    waves = [sandbox.create(name=f"spring · {wave}/3", context=context).status_code for wave in (1, 2, 3)]
    assert waves == [422, 422, 201]
    assert sandbox.create(name="autumn").status_code == 201


def test_a_chance_is_neither_always_nor_never(sandbox: SandboxProcess) -> None:
    sandbox.misbehave("error_500_before", chance=0.5)
    assert {sandbox.create().status_code for _ in range(40)} == {201, 500}


def test_rules_can_be_listed_and_taken_away(sandbox: SandboxProcess) -> None:
    first = sandbox.misbehave("throttle")["id"]
    sandbox.misbehave("refuse")
    assert [rule["kind"] for rule in sandbox.get_admin("misbehave")["rules"]] == ["throttle", "refuse"]
    sandbox.request("DELETE", f"/admin/misbehave/{first}")
    sandbox.request("DELETE", "/admin/misbehave?kind=refuse")
    assert sandbox.get_admin("misbehave")["rules"] == []


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "explode"},
        {},
        {"kind": "slow", "second": 3},
        {"kind": "slow", "times": -1},
        {"kind": "slow", "chance": 2},
        {"kind": "signature_form", "form": "rot13"},
        {"kind": "redirect"},
    ],
)
def test_a_rule_nobody_understands_is_refused(sandbox: SandboxProcess, rule: dict[str, Any]) -> None:
    assert sandbox.post("/admin/misbehave", rule).status_code == 422


def test_a_request_asking_for_what_nobody_understands_is_refused(sandbox: SandboxProcess) -> None:
    response = sandbox.post("/campaigns", campaign_request(context={"sandbox": {"explode": True}}))
    assert response.json()["detail"][0]["loc"] == ["body", "context", "sandbox"]


def test_webhooks_can_be_left_out(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("no_webhooks", campaign_name_contains="quiet")
    sandbox.wait_for_end(sandbox.create(name="quiet", **receiver.fields).json()["campaign_id"])
    sandbox.create(name="loud", **receiver.fields)
    wait_until(lambda: "campaign.completed" in receiver.events)
    assert len(receiver.received) == 7
    assert {one.json["data"].get("name", "loud") for one in receiver.received} == {"loud"}


def test_webhooks_can_come_more_than_once(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("duplicate_webhooks", copies=3)
    sandbox.create(**receiver.fields)
    wait_until(lambda: len(receiver.received) == 21)
    assert len({one.body for one in receiver.received}) == 7


def test_webhooks_can_come_in_any_order(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("shuffle_webhooks", seconds=0.3)
    numbers = [f"+1415600{number:04d}" for number in range(2000, 2020)]
    campaign_id = sandbox.create(*numbers, **receiver.fields).json()["campaign_id"]
    sandbox.wait_for_end(campaign_id)
    wait_until(lambda: len(receiver.received) == len(sandbox.deliveries()))
    ids = [one.json["event_id"] for one in receiver.received]
    assert sorted(ids) == sorted(delivery["event_id"] for delivery in sandbox.deliveries())
    assert ids != [delivery["event_id"] for delivery in sandbox.deliveries()]


def test_webhooks_can_be_late(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("late_webhooks", seconds=0.5)
    sandbox.create(**receiver.fields)
    sent = wait_until(lambda: sent if len(sent := sandbox.deliveries(state="delivered")) == 7 else None)
    assert all(one["attempts"][0]["at"] - instant(one["created_at"]) > 0.49 for one in sent)


def test_webhooks_can_come_in_one_burst_at_the_end(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.post_admin("settings", {"speed": 100})
    sandbox.misbehave("burst")
    campaign_id = sandbox.create("+14155550104", **receiver.fields).json()["campaign_id"]
    finished_at = sandbox.wait_for_end(campaign_id)["finished_at"]
    wait_until(lambda: len(receiver.received) == 6)
    assert all(one.at > instant(finished_at) for one in receiver.received)


def test_signatures_can_be_wrong(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("wrong_signature", times=1)
    sandbox.create(**receiver.fields)
    wait_until(lambda: len(receiver.received) == 7)
    right = [
        one.headers["X-Webhook-Signature"]
        == "sha256=" + signature(one.headers["X-Webhook-Timestamp"].encode() + b"." + one.body, SECRET)
        for one in receiver.received
    ]
    assert right == [False] + [True] * 6


def test_a_call_can_end_with_a_word_that_nobody_knows(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("unknown_words", times=1)
    sandbox.create(**receiver.fields)
    wait_until(lambda: len(receiver.received) == 7)
    told = [one.json["data"].get("disposition") for one in receiver.received]
    assert told.count("warbled") == 1


def test_poison_comes_signed_beside_the_real_events(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("poison")
    sandbox.create(*[f"+1415{area}5550101" for area in range(100, 116)], **receiver.fields)
    wait_until(lambda: "campaign.completed" in receiver.events)
    poison = {one.event: one for one in receiver.received if one.event.startswith("poison.")}
    assert len(poison) == 12
    assert len(receiver.of("call.completed")) == 16
    for one in poison.values():
        message = one.headers["X-Webhook-Timestamp"].encode() + b"." + one.body
        assert one.headers["X-Webhook-Signature"] == "sha256=" + signature(message)


def test_one_kind_of_poison_can_be_chosen(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("poison", body="nested", times=1)
    sandbox.create(**receiver.fields)
    assert wait_until(lambda: receiver.of("poison.nested"))[0].body == b"[" * 30_000 + b"]" * 30_000


def test_an_event_may_contradict_an_earlier_one(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("conflicting", seconds=0.2)
    sandbox.create("+14155550101", **receiver.fields)
    wait_until(lambda: len(receiver.of("call.completed")) == 2)
    first, second = (one.json["data"] for one in receiver.of("call.completed"))
    assert first["call_id"] == second["call_id"]
    assert (first["disposition"], second["disposition"]) == ("completed", "no_answer")


def test_webhooks_may_come_before_the_answer(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.misbehave("webhook_before_answer")
    sandbox.create(**receiver.fields)
    assert receiver.received


def test_the_truth_keeps_the_bodies_it_sent(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.create(**receiver.fields)
    wait_until(lambda: len(sandbox.deliveries(state="delivered")) == 7)
    sent = {base64.b64decode(delivery["body_base64"]) for delivery in sandbox.deliveries(body="1")}
    assert sent == {one.body for one in receiver.received}
