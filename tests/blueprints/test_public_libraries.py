"""What two independent public libraries sign is taken over HTTP, once."""

import time
from datetime import UTC, datetime

import pytest
import stripe
from standardwebhooks.webhooks import Webhook

from blueprints import webhooks
from tests.blueprints.sent import deliveries, event
from tests.core.cast import states


def of_standard_webhooks(key, body):
    stamp = datetime.now(UTC)
    # The library takes base64; what we send the provider is any text, which is tried as its bytes too.
    signature = Webhook(key.encode()).sign("msg_1", stamp, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(stamp.timestamp())), "webhook-signature": signature}


def of_stripe(key, body):
    return {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body.decode(), key, int(time.time()))}


@pytest.mark.parametrize(("sign", "header"), [(of_standard_webhooks, ""), (of_stripe, "Stripe-Signature")])
def test_it_is_taken_once(client, sign_in_as, session, campaign, wave, sign, header, monkeypatch):
    monkeypatch.setattr(webhooks, "RULES_SECONDS", -1.0)
    sign_in_as("admin").post("/inbox/connection", data={"webhook_headers": header})
    body = event()
    headers = sign(wave.key, body)
    answers = [client.post(wave.address, data=body, headers=headers, csrf=False).status_code for _ in range(2)]
    changed = client.post(wave.address, data=body + b" ", headers=headers, csrf=False).status_code
    assert (answers, changed) == ([204, 204], 401)
    assert [one.verdict for one in deliveries(session)] == ["applied", "bad_signature"]
    assert states(session, campaign)[0] == "answered"
