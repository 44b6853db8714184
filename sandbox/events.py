"""Webhook events: what they say, and what goes wrong with them when that was asked for."""

import json
import time
import uuid
from typing import Any

from sandbox.misbehaviour import Misbehaviour
from sandbox.moments import iso
from sandbox.outcomes import DISPOSITIONS, REACHED
from sandbox.poison import BODIES, body_number
from sandbox.records import Call, Campaign, Contact, Delivery
from sandbox.scripts import write_script
from sandbox.settings import Settings
from sandbox.store import Store

TENANT_ID = "7a0f5c1e-3f0c-4c57-9d1b-5a4d0b0c0001"
FINAL = "call.completed"


def campaign_numbers(campaign: Campaign) -> dict[str, Any]:
    """Exactly the documented `CampaignResponse`."""
    return {
        "campaign_id": campaign.id,
        "agent_id": campaign.agent_id,
        "name": campaign.name,
        "total_targets": campaign.total,
        "status": campaign.status,
        "scheduled_at": iso(campaign.scheduled_at),
        "started_at": iso(campaign.started_at),
        "calls_initiated": campaign.initiated,
        "calls_completed": campaign.completed,
        "calls_failed": campaign.failed,
    }


def call_record(call: Call) -> dict[str, Any]:
    """Exactly the documented `Call`: it names no campaign."""
    over = call.ended_at is not None
    script = write_script(call.id, call.outcome, {}) if over else None
    return {
        "call_id": call.id,
        "agent_id": call.agent_id,
        "tenant_id": TENANT_ID,
        "direction": "outbound",
        "from_number": call.from_number,
        "to_number": call.to_number,
        "status": call.status,
        "started_at": iso(call.started_at),
        "disposition": DISPOSITIONS[call.outcome] if over else None,
        "duration_seconds": call.duration,
        "recording_url": recording_url(call) if over else None,
        "sentiment_score": script.sentiment_score if script else None,
        "language_detected": "en" if over and call.outcome in REACHED else None,
        "ended_at": iso(call.ended_at),
    }


def recording_url(call: Call) -> str | None:
    return f"https://recordings.sandbox.example/{call.id}.mp3" if call.outcome in REACHED else None


class Events:
    """Writes deliveries into the store; the sender gets them from there once they are committed."""

    def __init__(self, store: Store, settings: Settings, misbehaviour: Misbehaviour) -> None:
        self.store = store
        self.settings = settings
        self.misbehaviour = misbehaviour
        self._poisons = 0

    def tell_of_call(self, campaign: Campaign, contact: Contact, call: Call, event: str) -> None:
        if not campaign.notify or call.silent or (self.settings.only_final_events and event != FINAL):
            return
        data = call_record(call)
        del data["tenant_id"], data["direction"], data["language_detected"]
        if self.settings.echo_context:
            data["context"] = contact.context
        if event == FINAL:
            script = write_script(call.id, call.outcome, contact.context)
            data |= {"summary": script.summary, "transcript": script.transcript}
        if event == FINAL and self._asked(campaign, "unknown_words") is not None:
            data |= {"disposition": "warbled", "duration_seconds": 0}
        self._tell(campaign, event, data, call.id)
        if event == FINAL:
            self._contradict(campaign, data)

    def tell_of_campaign(self, campaign: Campaign, event: str) -> None:
        self._tell(campaign, event, campaign_numbers(campaign))

    def _asked(self, campaign: Campaign, kind: str) -> dict[str, Any] | None:
        return self.misbehaviour.take(kind, campaign.name, campaign.own_rules)

    def _tell(self, campaign: Campaign, event: str, data: dict[str, Any], call_id: str | None = None) -> None:
        if not campaign.webhook_url or self._asked(campaign, "no_webhooks") is not None:
            return
        event_id = f"evt_{uuid.uuid4().hex}"
        body = {
            "event": event,
            "event_id": event_id,
            "timestamp": iso(time.time()),
            "campaign_id": campaign.id,
            "data": data,
        }
        self._post(campaign, event, event_id, json.dumps(body).encode(), call_id)
        if event == FINAL and (poison := self._asked(campaign, "poison")) is not None:
            name, bad_body = body_number(self._poisons)
            if poison.get("body") in BODIES:
                name, bad_body = poison["body"], BODIES[poison["body"]]
            self._poisons += 1
            self._post(campaign, f"poison.{name}", f"evt_{uuid.uuid4().hex}", bad_body, None)

    def _contradict(self, campaign: Campaign, data: dict[str, Any]) -> None:
        """The same call told once more, later, with another end."""
        options = self._asked(campaign, "conflicting")
        if options is None or not campaign.webhook_url:
            return
        reached = data["disposition"] in ("completed", "voicemail")
        other = {"disposition": "no_answer" if reached else "completed", "duration_seconds": 0 if reached else 61}
        event_id = f"evt_{uuid.uuid4().hex}"
        body = {"event": FINAL, "event_id": event_id, "timestamp": iso(time.time()), "data": data | other}
        wait = options.get("seconds", 1)
        self._post(campaign, FINAL, event_id, json.dumps(body).encode(), data["call_id"], wait)

    def _post(
        self, campaign: Campaign, event: str, event_id: str, body: bytes, call_id: str | None, wait: float = 0
    ) -> None:
        now = time.time()
        if (late := self._asked(campaign, "late_webhooks")) is not None:
            wait += late.get("seconds", 5)
        shuffle = self._asked(campaign, "shuffle_webhooks")
        held = self._asked(campaign, "burst") is not None
        forged = self._asked(campaign, "wrong_signature") is not None
        chosen = self._asked(campaign, "signature_form")
        form = chosen["form"] if chosen else self.settings.form
        copies = 1
        if (duplicate := self._asked(campaign, "duplicate_webhooks")) is not None:
            copies = max(2, int(duplicate.get("copies", 2)))
        for _ in range(copies):
            delay = wait + (
                self.misbehaviour.random.uniform(0, shuffle.get("seconds", 0.5)) if shuffle is not None else 0
            )
            self.store.add_delivery(
                Delivery(
                    id=self.store.next_id(Delivery),
                    campaign_id=campaign.id,
                    call_id=call_id,
                    event=event,
                    event_id=event_id,
                    body=body,
                    form=form,
                    created_at=now,
                    not_before=now + delay if delay else 0.0,
                    held=held,
                    forged=forged,
                )
            )
