"""How the sandbox plays a campaign, and what can be read of it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.receiver import Receiver
from tests.sandbox_process import AGENT, SandboxProcess, wait_until

CERTAIN = {
    "+14155550101": "answered",
    "+14155550102": "voicemail",
    "+14155550103": "no_answer",
    "+14155550104": "busy",
    "+14155550105": "declined",
    "+14155550106": "failed",
    "+14155550108": "silence",
}


def many(count: int) -> list[str]:
    return [f"+1415600{number:04d}" for number in range(2000, 2000 + count)]


def test_certain_numbers_end_in_their_certain_way(sandbox: SandboxProcess) -> None:
    campaign_id = sandbox.create(*CERTAIN).json()["campaign_id"]
    sandbox.wait_for_end(campaign_id)
    assert sandbox.outcomes(campaign_id) == CERTAIN
    told = sandbox.get(f"/campaigns/{campaign_id}").json()
    assert (told["status"], told["calls_initiated"], told["calls_completed"], told["calls_failed"]) == (
        "completed",
        7,
        2,
        4,
    )


def test_somebody_asks_not_to_be_called_again(sandbox: SandboxProcess) -> None:
    (call,) = sandbox.wait_for_end(sandbox.create("+14155550109").json()["campaign_id"])["calls"]
    assert call["outcome"] == "do_not_call"
    told = sandbox.get(f"/calls/{call['id']}").json()
    assert (told["status"], told["disposition"]) == ("ended", "do_not_call")


def test_the_mix_of_outcomes_is_like_a_real_one(sandbox: SandboxProcess) -> None:
    campaign_id = sandbox.create(*many(1000)).json()["campaign_id"]
    sandbox.wait_for_end(campaign_id)
    outcomes = list(sandbox.outcomes(campaign_id).values())
    expected = {"answered": 450, "voicemail": 200, "no_answer": 200, "busy": 60, "declined": 50, "failed": 40}
    assert {outcome: outcomes.count(outcome) for outcome in expected} == pytest.approx(expected, abs=60)


def test_a_failed_call_is_tried_again_only_as_often_as_asked(sandbox: SandboxProcess) -> None:
    numbers = ("+14155550101", "+14155550103", "+14155550105")
    asked = sandbox.create(*numbers, retry_failed=True, retry_attempts=2).json()["campaign_id"]
    not_asked = sandbox.create(*numbers, retry_failed=False, retry_attempts=2).json()["campaign_id"]
    assert [call["position"] for call in sandbox.wait_for_end(asked)["calls"]] == [0, 1, 2, 1, 1]
    assert [call["position"] for call in sandbox.wait_for_end(not_asked)["calls"]] == [0, 1, 2]
    assert sandbox.get(f"/campaigns/{asked}").json()["calls_failed"] == 2


def test_one_number_answers_when_it_is_dialled_a_second_time(sandbox: SandboxProcess) -> None:
    first = sandbox.create("+14155550107").json()["campaign_id"]
    assert [call["outcome"] for call in sandbox.wait_for_end(first)["calls"]] == ["no_answer"]
    second = sandbox.create("+14155550107").json()["campaign_id"]
    assert [call["outcome"] for call in sandbox.wait_for_end(second)["calls"]] == ["answered"]
    third = sandbox.create("+14155550107", retry_failed=True, retry_attempts=3).json()["campaign_id"]
    assert [call["outcome"] for call in sandbox.wait_for_end(third)["calls"]] == ["no_answer", "answered"]


def test_no_more_lines_are_busy_than_were_asked_for(sandbox: SandboxProcess) -> None:
    sandbox.post_admin("settings", {"speed": 400})
    campaign_id = sandbox.create(*many(24), concurrent_calls=3).json()["campaign_id"]
    campaign = sandbox.wait_for_end(campaign_id)
    marks = [(call["started_at"], 1) for call in campaign["calls"]] + [
        (call["ended_at"], -1) for call in campaign["calls"]
    ]
    busy = busiest = 0
    for _, step in sorted(marks):
        busy += step
        busiest = max(busiest, busy)
    assert busiest == campaign["lines_busy_at_most"] == 3


def test_a_schedule_is_waited_for(sandbox: SandboxProcess) -> None:
    begin = datetime.now(UTC) + timedelta(seconds=1)
    answer = sandbox.create(schedule_at=begin.isoformat()).json()
    assert answer["status"] == "scheduled"
    assert datetime.fromisoformat(answer["scheduled_at"]) == begin.replace(microsecond=begin.microsecond // 1000 * 1000)
    campaign = sandbox.wait_for_end(answer["campaign_id"])
    assert datetime.fromisoformat(campaign["calls"][0]["started_at"]) >= begin - timedelta(milliseconds=1)


def test_a_schedule_in_the_past_begins_at_once(sandbox: SandboxProcess) -> None:
    answer = sandbox.create(schedule_at="2020-01-01T10:00:00+02:00").json()
    assert answer["scheduled_at"] == "2020-01-01T08:00:00.000Z"
    sandbox.wait_for_end(answer["campaign_id"])


def test_the_speed_can_change_while_calls_last(sandbox: SandboxProcess) -> None:
    sandbox.post_admin("settings", {"speed": 0.001})
    campaign_id = sandbox.create("+14155550101").json()["campaign_id"]
    wait_until(lambda: sandbox.truth(campaign_id)["campaigns"][0]["calls"])
    sandbox.post_admin("settings", {"speed": "instant"})
    sandbox.wait_for_end(campaign_id)


def test_a_call_shows_its_steps_while_it_lasts(sandbox: SandboxProcess) -> None:
    sandbox.post_admin("settings", {"speed": 100})
    sandbox.create("+14155550101")
    seen: list[str] = []

    def over() -> bool:
        seen.extend(call["status"] for call in sandbox.get(f"/calls/agent/{AGENT}/calls").json()["calls"])
        return "ended" in seen

    wait_until(over)
    assert seen == sorted(seen, key=["initiated", "ringing", "answered", "ended"].index)


def test_the_same_seed_plays_the_same_calls(sandbox: SandboxProcess) -> None:
    ends = []
    for seed in (7, 7, 8):
        sandbox.post_admin("reset")
        sandbox.post_admin("settings", {"seed": seed})
        calls = sandbox.wait_for_end(sandbox.create(*many(30)).json()["campaign_id"])["calls"]
        ends.append([(call["outcome"], call["duration"]) for call in calls])
    assert ends[0] == ends[1] != ends[2]


def test_one_call_is_read_in_the_documented_shape(sandbox: SandboxProcess) -> None:
    campaign_id = sandbox.create("+14155550101").json()["campaign_id"]
    call_id = sandbox.wait_for_end(campaign_id)["calls"][0]["id"]
    call = sandbox.get(f"/calls/{call_id}").json()
    assert (call["call_id"], call["agent_id"], call["to_number"]) == (call_id, AGENT, "+14155550101")
    assert (call["status"], call["direction"]) == ("ended", "outbound")
    assert call["duration_seconds"] > 0
    assert call["recording_url"].startswith("https://")
    assert "campaign_id" not in call


def test_calls_of_an_agent_are_filtered_and_paged(sandbox: SandboxProcess) -> None:
    sandbox.wait_for_end(sandbox.create(*CERTAIN).json()["campaign_id"])
    path = f"/calls/agent/{AGENT}/calls"
    assert sandbox.get(path).json()["total"] == 6
    assert [call["to_number"] for call in sandbox.get(path, params={"status_filter": "failed"}).json()["calls"]] == [
        "+14155550106"
    ]
    assert sandbox.get(path, params={"direction": "inbound"}).json()["calls"] == []
    assert sandbox.get(path, params={"end_date": "2020-01-01T00:00:00Z"}).json()["calls"] == []
    assert sandbox.get(path, params={"start_date": "2020-01-01T00:00:00+00:00"}).json()["total"] == 6
    pages = [sandbox.get(path, params={"limit": 4, "offset": offset}).json()["calls"] for offset in (0, 4)]
    assert [len(page) for page in pages] == [4, 2]
    assert len({call["call_id"] for page in pages for call in page}) == 6


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "offset=-1", "direction=up", "status_filter=done", "start_date=monday"]
)
def test_a_bad_query_is_named(sandbox: SandboxProcess, query: str) -> None:
    response = sandbox.get(f"/calls/agent/{AGENT}/calls?{query}")
    assert response.status_code == 422
    assert [item["loc"] for item in response.json()["detail"]] == [["query", query.split("=")[0]]]


def test_what_does_not_exist_is_404_and_what_is_no_uuid_422(sandbox: SandboxProcess) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    for path in (f"/calls/{nobody}", f"/campaigns/{nobody}", f"/analytics/tenants/{nobody}/quota", "/nowhere"):
        assert sandbox.get(path).status_code == 404
    for path in ("/calls/x", "/calls/agent/x/calls", "/analytics/tenants/x/quota"):
        assert sandbox.get(path).status_code == 422


def test_campaigns_are_listed_newest_first(sandbox: SandboxProcess) -> None:
    for name in ("one", "two", "three"):
        sandbox.create(name=name)
    assert [campaign["name"] for campaign in sandbox.get("/campaigns").json()["campaigns"]] == ["three", "two", "one"]


def test_agents_and_quota_can_be_asked(sandbox: SandboxProcess) -> None:
    agents = sandbox.get("/agents").json()["agents"]
    assert AGENT in [agent["agent_id"] for agent in agents]
    sandbox.wait_for_end(sandbox.create().json()["campaign_id"])
    quota = sandbox.get(f"/analytics/tenants/{agents[0]['tenant_id']}/quota").json()
    assert (quota["calls_used_this_month"], quota["quota_exceeded"], quota["current_active_calls"]) == (1, False, 0)


def test_silence_tells_nothing_of_a_call(sandbox: SandboxProcess, receiver: Receiver) -> None:
    campaign_id = sandbox.create("+14155550108", **receiver.fields).json()["campaign_id"]
    wait_until(lambda: "campaign.completed" in receiver.events)
    assert not [event for event in receiver.events if event.startswith("call.")]
    call_id = sandbox.wait_for_end(campaign_id)["calls"][0]["id"]
    assert sandbox.get(f"/calls/{call_id}").status_code == 404
    assert sandbox.get(f"/calls/agent/{AGENT}/calls").json()["calls"] == []
