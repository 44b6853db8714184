"""The signature forms this family of platforms uses, by name; the sandbox's own code, shared with nobody.

Recipe for a new form: one function (secret, body, now, event id) → headers, and its name in FORMS.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

Sign = Callable[[str, bytes, float, str], dict[str, str]]
DEFAULT_FORM = "timestamp_body_sha256"


def _hex(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _base64(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()


def _timed(secret: str, body: bytes, now: float) -> tuple[str, str]:
    """The timestamp, and the hex signature over `timestamp.body`."""
    timestamp = str(int(now))
    return timestamp, _hex(secret.encode(), timestamp.encode() + b"." + body)


def standard_webhooks(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    timestamp = str(int(now))
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = secret.encode()
    signature = _base64(key, f"{event_id}.{timestamp}.".encode() + body)
    return {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def timestamp_body_sha256(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    timestamp, signature = _timed(secret, body, now)
    return {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": f"sha256={signature}"}


def timestamp_body_hex(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    timestamp, signature = _timed(secret, body, now)
    return {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": signature}


def vendor_v1(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    timestamp, signature = _timed(secret, body, now)
    return {"X-MrAssistant-Timestamp": timestamp, "X-MrAssistant-Signature": f"v1={signature}"}


def stripe(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    timestamp, signature = _timed(secret, body, now)
    return {"Webhook-Signature": f"t={timestamp},v1={signature}"}


def retell(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    milliseconds = str(int(now * 1000))
    return {"X-Webhook-Signature": f"v={milliseconds},d={_hex(secret.encode(), body + milliseconds.encode())}"}


def body_hex(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    return {"X-Webhook-Signature": _hex(secret.encode(), body)}


def body_base64(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    return {"X-Signature": _base64(secret.encode(), body)}


def github(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={_hex(secret.encode(), body)}"}


def unfamiliar_header(secret: str, body: bytes, now: float, event_id: str) -> dict[str, str]:
    """Of nobody's platform: a receiver has to be told the header's name."""
    timestamp, signature = _timed(secret, body, now)
    return {"X-Dialer-Timestamp": timestamp, "X-Dialer-Signature": signature}


FORMS: dict[str, Sign] = {
    form.__name__: form
    for form in (
        timestamp_body_sha256,
        timestamp_body_hex,
        standard_webhooks,
        vendor_v1,
        stripe,
        retell,
        body_hex,
        body_base64,
        github,
        unfamiliar_header,
    )
}
