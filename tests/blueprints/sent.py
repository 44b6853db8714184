"""What the provider sends to a wave of these tests: events, signed in one of the forms."""

import hashlib
import hmac
import json
import time

from sqlalchemy import select

from core.models import Delivery
from tests.core.cast import number


def event(place=0, **fields):
    call = {"call_id": f"call-{place}", "to_number": number(place), "status": "ended", "duration_seconds": 42}
    return json.dumps({"event": "call.completed", "data": call | fields}).encode()


def signed(wave, body, at=None, secret=None):
    stamp = str(int(at or time.time()))
    signature = hmac.new((secret or wave.key).encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": f"sha256={signature}"}


def deliver(client, wave, body=None, **signing):
    body = event() if body is None else body
    return client.post(wave.address, data=body, headers=signed(wave, body, **signing), csrf=False)


def deliveries(session):
    session.rollback()
    return session.scalars(select(Delivery).order_by(Delivery.id)).all()
