"""Tell another server something: signed by the Standard Webhooks rules, sent once, never redirected, with limits to everything."""

import base64
import binascii
import hashlib
import hmac
import time
from datetime import datetime

from core.sending import Outcome
from provider.answers import read_retry_after
from provider.fields import storable
from provider.wire import Reply, Silence, Timeouts, Wire

TIMEOUTS = Timeouts(connect=5, read=15, total=15)
LARGEST_ANSWER = 16 * 1024
SHOWN_OF_AN_ANSWER = 2000
ENCODED = "whsec_"


def receiver(allow_private: bool, timeouts: Timeouts = TIMEOUTS, verify: bool | str = True) -> Wire:
    """The wire to whoever is told; private addresses are refused unless allowed."""
    return Wire(timeouts, allow_private, verify, whom="receiver")


def send(wire: Wire, url: str, secret: str | None, uid: str, body: str, now: datetime) -> Outcome:
    """POST one message. Only a 2xx means that it was taken."""
    began = time.monotonic()
    reply = wire.exchange(
        "POST", url, headers=headers(secret, uid, body, now), body=body.encode(), largest=LARGEST_ANSWER
    )
    return _outcome(reply, round((time.monotonic() - began) * 1000), now)


def headers(secret: str | None, uid: str, body: str, now: datetime) -> dict[str, str]:
    """Those of this try; without a secret of the receiver's there is no signature."""
    timestamp = str(int(now.timestamp()))
    known = {
        "Content-Type": "application/json", "User-Agent": "Callboard", "webhook-id": uid, "webhook-timestamp": timestamp,
    }  # fmt: skip
    return known | ({"webhook-signature": sign(secret, uid, timestamp, body)} if secret else {})


def sign(secret: str, uid: str, timestamp: str, body: str) -> str:
    digest = hmac.new(_key(secret), f"{uid}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    """The bytes that `whsec_…` stands for, as the rules say; any other secret is taken as it is."""
    if secret.startswith(ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(ENCODED), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()


def _outcome(reply: Reply | Silence, milliseconds: int, now: datetime) -> Outcome:
    if isinstance(reply, Silence):
        return Outcome(False, reply.words, milliseconds)
    delivered = 200 <= reply.status < 300
    words = f"It answered {reply.status}."
    if 300 <= reply.status < 400:
        words = f"It answered {reply.status}: a redirect, which is not followed."
    answer = storable(reply.body.decode("utf-8", "replace"), SHOWN_OF_AN_ANSWER)
    wait = None if delivered else read_retry_after(reply.headers, now)
    return Outcome(delivered, words, milliseconds, reply.status, answer, wait)
