"""A program that asked for it hears how its campaign goes and of each call, in the numbers of the API."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from core.models import Endpoint
from jobs.outgoing import send_messages
from tests.faults.desk import ON_SQLITE
from tests.installation import API_TOKEN
from tests.sandbox.receiver import Receiver
from tests.sandbox_process import AGENT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@ON_SQLITE
def test_a_program_hears_of_its_campaign_and_of_each_call(desk, receiver):
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    targets = [{"to_number": f"+1415555{place:04d}", "context": {"order": place}} for place in range(20)]
    asked = {"agent_id": AGENT, "name": "Spring", "targets": targets, "concurrent_calls": 10, "webhook_url": receiver.url,
             "webhook_secret": SECRET, "notify_on_call_complete": True}  # fmt: skip
    campaign_id = desk.browser.post("/api/v1/campaigns", json=asked, headers=headers, csrf=False).json["campaign_id"]
    receiver.answers[""] = [503]  # away for a moment
    send_messages(desk.session.scalars(select(Endpoint.id)).one())
    desk.finish()
    desk.pass_time(seconds=10)
    for _ in range(3):
        send_messages(desk.session.scalars(select(Endpoint.id)).one())
    shown = desk.browser.get(f"/api/v1/campaigns/{campaign_id}", headers=headers).json
    told = [Webhook(SECRET).verify(one.body, dict(one.headers)) for one in receiver.received]
    by_kind = {one["type"]: one["data"] for one in told}
    calls = {one["data"]["to_number"]: one["data"] for one in told if one["type"] == "call.completed"}
    assert by_kind["campaign.completed"] == shown
    assert {call["context"]["order"] for call in calls.values()} == set(range(20))
    reached = [call for call in calls.values() if call["state"] in ("answered", "voicemail")]
    assert len(reached) == shown["calls_completed"]
    assert all(call["attempts"][-1]["recording_url"] for call in reached)
    assert receiver.received[0].headers["webhook-id"] in {one.headers["webhook-id"] for one in receiver.received[1:]}
