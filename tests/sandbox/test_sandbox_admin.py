"""The sandbox's own routes: truth in pages, settings that are checked, forgetting."""

from typing import Any

import pytest

from tests.sandbox_process import SandboxProcess

NUMBERS = [f"+1415600{number:04d}" for number in range(2000, 2025)]


def test_the_truth_of_contacts_comes_in_pages_or_whole(sandbox: SandboxProcess) -> None:
    first = sandbox.create(*NUMBERS).json()["campaign_id"]
    sandbox.create("+14155550101")
    whole = sandbox.get_admin("truth/calls", campaign=first)
    pages = [sandbox.get_admin("truth/calls", campaign=first, limit=10, offset=start) for start in (0, 10, 20)]
    assert [len(page["contacts"]) for page in pages] == [10, 10, 5]
    told = [contact["to_number"] for page in pages for contact in page["contacts"]]
    assert told == NUMBERS == [contact["to_number"] for contact in whole["contacts"]]
    assert sandbox.get_admin("truth/calls")["total"] == 26


def test_the_truth_can_leave_out_the_long_parts(sandbox: SandboxProcess) -> None:
    sandbox.create(*NUMBERS)
    [campaign] = sandbox.get_admin("truth", calls=0, targets=0)["campaigns"]
    assert "calls" not in campaign
    assert "targets" not in campaign["request"]


@pytest.mark.parametrize(
    "changes",
    [
        {"speed": -1},
        {"speed": "fast"},
        {"form": "rot13"},
        {"seed": 1.5},
        {"retry_delays": [-1]},
        {"echo_context": 1},
        {"loudness": 3},
    ],
)
def test_a_setting_that_does_not_fit_changes_nothing(sandbox: SandboxProcess, changes: dict[str, Any]) -> None:
    before = sandbox.get_admin("settings")
    response = sandbox.post("/admin/settings", {"clock_offset": 5, **changes})
    assert response.status_code == 422
    assert next(iter(changes)) in response.json()["detail"]
    assert sandbox.get_admin("settings") == before


def test_a_reset_forgets_campaigns_but_not_settings(sandbox: SandboxProcess) -> None:
    sandbox.post_admin("settings", {"seed": 9})
    sandbox.misbehave("throttle")
    sandbox.create(name="refused")
    sandbox.post_admin("reset")
    assert sandbox.truth() == {"campaigns": [], "posts": []}
    assert sandbox.get_admin("settings")["seed"] == 9
    assert sandbox.create().status_code == 201


def test_health_needs_no_key(sandbox: SandboxProcess) -> None:
    assert sandbox.get("/healthz", headers={}).json() == {"status": "ok"}
