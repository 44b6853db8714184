"""The door for the provider's webhooks. Its status code is a message to the sender's retry machine, chosen for each case:

413 too big, 404 unknown token (nothing read or written), 400 cut off, 408 too slow, 401 not genuine or not on time (kept, moves
nothing), 503 could not be kept, 204 kept: applied, known already, or unreadable but genuine.
"""

import logging
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ClientDisconnected

from blueprints.database import db, writing
from blueprints.runtime import settings, vault
from blueprints.security import open_door
from core.errors import DatabaseBusy
from core.inbox import Address, Received, address_of, receive
from core.states import Verdict
from core.waves import token_hash
from jobs.queue import ASK, TICK, announce, ring
from provider.inbox import judge

log = logging.getLogger(__name__)
bp = Blueprint("webhooks", __name__)

BODY_SECONDS = 10.0
WRITE_SECONDS = 3.0
RETRY_AFTER = {"Retry-After": "5"}


class Refused(Exception):
    """The request is answered with this status, and nothing of it is kept."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


@bp.post("/webhooks/<token>")
@open_door("The token says whose delivery it is, the signature that it is genuine.")
def webhook(token: str) -> Response:
    now = datetime.now(UTC)
    try:
        if (request.content_length or 0) > settings().webhook_max_bytes:
            raise Refused(413)
        address = address_of(db.session(), token_hash(token))
        if address is None:
            raise Refused(404)
        db.session.rollback()  # a slow body must not hold a connection's transaction
        received = _receive(address, _read_body(settings().webhook_max_bytes), now)
    except Refused as refused:
        return Response(status=refused.status, headers={"Connection": "close"})
    except (DatabaseBusy, SQLAlchemyError) as problem:
        log.warning("a delivery could not be kept: %s", type(problem).__name__)
        return Response(status=503, headers=RETRY_AFTER)
    _wake(address, received)
    return Response(status=401 if received.verdict in (Verdict.BAD_SIGNATURE, Verdict.STALE) else 204)


def _receive(address: Address, body: bytes, now: datetime) -> Received:
    envelope, letter = judge(
        request.headers.to_wsgi_list(), body, vault().open(address.secret), request.remote_addr or "", now,
        extra_headers=settings().webhook_headers, pinned_form=settings().webhook_form,
    )  # fmt: skip
    with writing(WRITE_SECONDS) as session:
        return receive(session, address, envelope, letter, now)


def _wake(address: Address, received: Received) -> None:
    """After the commit: screens, the next wave, a question to the provider. All best effort, the tick finds the rest."""
    if received.verdict == Verdict.REPEAT:
        return
    redis_url = settings().redis_url
    announce(redis_url, address.campaign_id)
    if received.tick:
        ring(redis_url, TICK, address.campaign_id)
    if received.ask:
        ring(redis_url, ASK, address.wave_id)


def _read_body(most: int) -> bytes:
    """The untouched bytes, chunked or not; Refused when it is too big, too slow, or cut off before its end."""
    declared = request.content_length
    stream = request.environ["wsgi.input"]
    body = bytearray()
    try:
        with _deadline(BODY_SECONDS):
            while declared is None or len(body) < declared:
                chunk = stream.read(min(65536, most + 1 - len(body) if declared is None else declared - len(body)))
                if not chunk:
                    break
                body += chunk
                if len(body) > most:
                    raise Refused(413)
    except TimeoutError:
        raise Refused(408) from None
    except (OSError, ValueError, ClientDisconnected):  # gunicorn's complaints about a broken chunk are OSErrors
        raise Refused(400) from None
    if declared is not None and len(body) < declared:
        raise Refused(400)
    return bytes(body)


def _deadline(seconds: float) -> Any:
    """Bounds the reading of a body where gevent serves; elsewhere (tests, a development server) nothing needs to."""
    import gevent.monkey

    return gevent.Timeout(seconds, TimeoutError) if gevent.monkey.is_module_patched("socket") else nullcontext()
