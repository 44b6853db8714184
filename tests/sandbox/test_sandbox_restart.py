"""The sandbox's state outlives its process, however that ends."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from tests.sandbox.receiver import Receiver
from tests.sandbox_process import ROOT, SandboxProcess, wait_until

NUMBERS = [f"+1415600{number:04d}" for number in range(2000, 2060)]
STEPS = ["call.initiated", "call.ringing", "call.answered", "call.completed"]


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """A sandbox that only this test may end."""
    with SandboxProcess(tmp_path, speed=200, retry_delays=[0.2, 0.5, 1, 2], scale_retries=False) as sandbox:
        yield sandbox


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_campaign_goes_on_and_no_call_is_played_twice(
    own_sandbox: SandboxProcess, receiver: Receiver, how: str
) -> None:
    campaign_id = own_sandbox.create(*NUMBERS, concurrent_calls=10, **receiver.fields).json()["campaign_id"]
    for share in (10, 30):
        wait_until(lambda share=share: len(receiver.of("call.completed")) > share)
        getattr(own_sandbox, how)()
        own_sandbox.restart()
    campaign = own_sandbox.wait_for_end(campaign_id)
    assert [call["attempt"] for call in campaign["calls"]] == [1] * 60
    assert {call["to_number"] for call in campaign["calls"]} == set(NUMBERS)
    assert campaign["completed"] + campaign["failed"] == campaign["initiated"] == 60
    assert campaign["lines_busy_at_most"] <= 10
    wait_until(lambda: not own_sandbox.deliveries(state="pending"))
    told = {one.json["data"]["call_id"]: one.json["data"] for one in receiver.of("call.completed")}
    assert {call_id: data["to_number"] for call_id, data in told.items()} == {
        call["id"]: call["to_number"] for call in campaign["calls"]
    }


def test_a_call_cut_short_goes_on_where_it_was(own_sandbox: SandboxProcess, receiver: Receiver) -> None:
    own_sandbox.post_admin("settings", {"speed": 20})
    campaign_id = own_sandbox.create("+14155550101", **receiver.fields).json()["campaign_id"]
    wait_until(lambda: "call.ringing" in receiver.events)
    own_sandbox.kill()
    own_sandbox.restart()
    own_sandbox.post_admin("settings", {"speed": 0})
    assert len(own_sandbox.wait_for_end(campaign_id)["calls"]) == 1
    wait_until(lambda: "campaign.completed" in receiver.events)
    seen = [event for event in receiver.events if event.startswith("call.")]
    assert [event for event, after in pairwise([*seen, ""]) if event != after] == STEPS


def test_unacknowledged_webhooks_are_sent_after_a_restart(own_sandbox: SandboxProcess, receiver: Receiver) -> None:
    own_sandbox.post_admin("settings", {"speed": 0, "retry_delays": [1.5]})
    receiver.answers = {"": [503] * 7}
    own_sandbox.create(**receiver.fields)
    wait_until(lambda: len(receiver.received) == 7)
    wait_until(lambda: len([one for one in own_sandbox.deliveries() if one["attempts"]]) == 7)
    own_sandbox.kill()
    own_sandbox.restart()
    wait_until(lambda: len(own_sandbox.deliveries(state="delivered")) == 7)
    assert sorted(one.body for one in receiver.received[:7]) == sorted(one.body for one in receiver.received[7:])


def test_settings_rules_and_tokens_outlive_it(own_sandbox: SandboxProcess) -> None:
    tokens = own_sandbox.post("/auth/token", {"username": "sandbox", "password": "sandbox"}).json()
    own_sandbox.misbehave("throttle", times=2)
    assert own_sandbox.create().status_code == 429
    own_sandbox.post_admin("settings", {"speed": 3})
    own_sandbox.restart()
    assert own_sandbox.get_admin("settings")["speed"] == 3
    assert [own_sandbox.create().status_code for _ in range(2)] == [429, 201]
    own_sandbox.token = tokens["access_token"]
    assert own_sandbox.get("/agents").status_code == 200


def test_it_ends_at_once_with_connections_held_open(own_sandbox: SandboxProcess) -> None:
    own_sandbox.misbehave("silence_after_accept")
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {own_sandbox.token}"
        with pytest.raises(requests.ReadTimeout):
            own_sandbox.create(*NUMBERS, webhook_url="http://10.255.255.1/hook", timeout=0.2)
    assert own_sandbox.process is not None
    own_sandbox.process.terminate()
    assert own_sandbox.process.wait(timeout=20) == 0


def test_a_taken_port_is_one_sentence(own_sandbox: SandboxProcess, tmp_path: Path) -> None:
    place = ["--port", str(own_sandbox.port), "--database", str(tmp_path / "other.db")]
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", *place], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"the sandbox cannot listen on 127.0.0.1:{own_sandbox.port}: Address already in use"
    ]
