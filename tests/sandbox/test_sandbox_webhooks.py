"""The sandbox's webhooks: what they say, in which order, how they are signed, how often they are tried."""

import base64
import re
from collections.abc import Callable
from email.message import Message

import pytest
from standardwebhooks import Webhook

from tests.sandbox.receiver import SECRET, Received, Receiver, signature
from tests.sandbox_process import SandboxProcess, wait_until


def one_event(sandbox: SandboxProcess, receiver: Receiver, form: str, secret: str = SECRET) -> Received:
    sandbox.create(**receiver.fields | {"webhook_secret": secret}, context={"sandbox": {"signature_form": form}})
    return wait_until(lambda: receiver.of("call.completed"))[0]


def timed(name: str) -> Callable[[Message, bytes], str]:
    return lambda headers, body: signature(headers[name].encode() + b"." + body)


def stripe(headers: Message, body: bytes) -> str:
    timestamp = headers["Webhook-Signature"].split(",")[0].removeprefix("t=")
    return f"t={timestamp},v1={signature(timestamp.encode() + b'.' + body)}"


def retell(headers: Message, body: bytes) -> str:
    milliseconds = headers["X-Webhook-Signature"].split(",")[0].removeprefix("v=")
    assert re.fullmatch(r"\d{13}", milliseconds)
    return f"v={milliseconds},d={signature(body + milliseconds.encode())}"


def body_base64(headers: Message, body: bytes) -> str:
    return base64.b64encode(bytes.fromhex(signature(body))).decode()


FORMS = {
    "timestamp_body_hex": ("X-Webhook-Signature", timed("X-Webhook-Timestamp")),
    "timestamp_body_sha256": ("X-Webhook-Signature", lambda h, b: "sha256=" + timed("X-Webhook-Timestamp")(h, b)),
    "vendor_v1": ("X-MrAssistant-Signature", lambda h, b: "v1=" + timed("X-MrAssistant-Timestamp")(h, b)),
    "stripe": ("Webhook-Signature", stripe),
    "retell": ("X-Webhook-Signature", retell),
    "body_hex": ("X-Webhook-Signature", lambda h, b: signature(b)),
    "body_base64": ("X-Signature", body_base64),
    "unfamiliar_header": ("X-Dialer-Signature", timed("X-Dialer-Timestamp")),
    "github": ("X-Hub-Signature-256", lambda h, b: "sha256=" + signature(b)),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_signs_as_its_platform_does(sandbox: SandboxProcess, receiver: Receiver, form: str) -> None:
    header, expected = FORMS[form]
    event = one_event(sandbox, receiver, form)
    assert event.headers[header] == expected(event.headers, event.body)


def test_the_reference_library_accepts_standard_webhooks(sandbox: SandboxProcess, receiver: Receiver) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 24).decode()
    event = one_event(sandbox, receiver, "standard_webhooks", secret)
    headers = {name.lower(): value for name, value in event.headers.items()}
    assert Webhook(secret).verify(event.body, headers)["event"] == "call.completed"


def test_standard_webhooks_take_a_plain_secret_as_it_is(sandbox: SandboxProcess, receiver: Receiver) -> None:
    event = one_event(sandbox, receiver, "standard_webhooks")
    headers = {name.lower(): value for name, value in event.headers.items()}
    assert Webhook(base64.b64encode(SECRET.encode()).decode()).verify(event.body, headers)


def test_the_usual_form_is_a_setting(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.post_admin("settings", {"form": "github"})
    sandbox.create(**receiver.fields)
    event = wait_until(lambda: receiver.received)[0]
    assert event.headers["X-Hub-Signature-256"] == "sha256=" + signature(event.body)


def test_without_a_secret_nothing_is_signed(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.create(webhook_url=receiver.url)
    event = wait_until(lambda: receiver.received)[0]
    assert not [name for name in event.headers if "signature" in name.lower()]


def test_the_clock_of_the_signature_can_be_wrong(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.post_admin("settings", {"clock_offset": -301})
    sandbox.create(**receiver.fields)
    event = wait_until(lambda: receiver.received)[0]
    assert int(event.headers["X-Webhook-Timestamp"]) == pytest.approx(event.at - 301, abs=2)


def test_a_call_is_told_step_by_step(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.create("+14155550101", **receiver.fields)
    wait_until(lambda: "campaign.completed" in receiver.events)
    assert receiver.events == [
        "campaign.progress",
        "call.initiated",
        "call.ringing",
        "call.answered",
        "call.completed",
        "campaign.progress",
        "campaign.completed",
    ]


def test_the_last_event_of_a_call_says_how_it_was(sandbox: SandboxProcess, receiver: Receiver) -> None:
    target = {"to_number": "+14155550101", "context": {"name": "Ada", "callboard_ref": "r1"}}
    sandbox.create(targets=[target], **receiver.fields)
    event = wait_until(lambda: receiver.of("call.completed"))[0].json
    data = event["data"]
    assert event["event"] == "call.completed"
    assert (data["status"], data["disposition"], data["to_number"]) == ("ended", "completed", "+14155550101")
    assert data["context"] == {"name": "Ada", "callboard_ref": "r1"}
    assert data["duration_seconds"] > 0
    assert data["recording_url"].startswith("https://")
    assert "Ada" in data["summary"]
    assert {line["role"] for line in data["transcript"]} == {"agent", "user"}


def test_the_context_need_not_be_echoed(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.post_admin("settings", {"echo_context": False, "only_final_events": True})
    sandbox.create(**receiver.fields)
    wait_until(lambda: "campaign.completed" in receiver.events)
    assert "context" not in receiver.of("call.completed")[0].json["data"]
    assert "call.ringing" not in receiver.events


def test_without_notification_only_the_campaign_is_told(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.create("+14155550101", "+14155550103", **receiver.fields | {"notify_on_call_complete": False})
    completed = wait_until(lambda: receiver.of("campaign.completed"))[0].json["data"]
    assert set(receiver.events) == {"campaign.progress", "campaign.completed"}
    assert (completed["status"], completed["calls_completed"], completed["calls_failed"]) == ("completed", 1, 1)


def test_a_failed_webhook_is_tried_again_then_given_up(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.post_admin("settings", {"retry_delays": [0, 0.1], "only_final_events": True})
    receiver.answers = {"call.completed": [500, 503, 302]}
    sandbox.create(**receiver.fields)
    [delivery] = wait_until(lambda: sandbox.deliveries(event="call.completed", state="gave_up"))
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 503, 302]
    tried = receiver.of("call.completed")
    assert len({one.body for one in tried}) == 1
    assert len(tried) == 3


def test_a_receiver_that_comes_up_late_gets_everything(sandbox: SandboxProcess, receiver: Receiver) -> None:
    receiver.answers = {"": [503] * 4}
    sandbox.create(**receiver.fields)
    wait_until(lambda: len(sandbox.deliveries(state="delivered")) == 7)
    assert len(receiver.received) == 11


def test_nobody_listening_is_written_down(sandbox: SandboxProcess) -> None:
    sandbox.create(webhook_url="http://127.0.0.1:9/hook")
    [delivery, *_] = wait_until(lambda: sandbox.deliveries(state="gave_up"))
    assert len(delivery["attempts"]) == 4
    assert all(attempt["status"] is None and "refused" in attempt["error"] for attempt in delivery["attempts"])


def test_events_of_many_calls_keep_the_order_of_each(sandbox: SandboxProcess, receiver: Receiver) -> None:
    numbers = [f"+1415600{number:04d}" for number in range(2000, 2100)]
    sandbox.create(*numbers, concurrent_calls=10, **receiver.fields)
    wait_until(lambda: "campaign.completed" in receiver.events)
    steps: dict[str, list[str]] = {}
    for one in receiver.received:
        if "call_id" in one.json["data"]:
            steps.setdefault(one.json["data"]["call_id"], []).append(one.event)
    assert len(steps) == 100
    without = ["call.initiated", "call.ringing", "call.completed"]
    assert all(told in (without, [*without[:2], "call.answered", "call.completed"]) for told in steps.values())
    assert receiver.events[-1] == "campaign.completed"
