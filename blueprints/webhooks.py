"""The door for the provider's webhooks. Its status code is a message to the sender's retry machine, chosen for each case:

413 too big, 404 unknown token (nothing read or written), 400 cut off, 408 too slow, 401 not genuine or not on time (kept, moves
nothing), 503 could not be kept, 204 kept: applied, known already, or unreadable but genuine.
"""

import logging
from datetime import datetime

from flask import Blueprint, Response, abort, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from blueprints.bodies import read_body
from blueprints.database import db, writing
from blueprints.runtime import now, settings, vault
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


@bp.post("/webhooks/<token>")
@open_door("The token says whose delivery it is, the signature that it is genuine.")
def webhook(token: str) -> Response:
    limit = settings().webhook_max_bytes
    if (request.content_length or 0) > limit:
        abort(413)
    address = address_of(db.session(), token_hash(token)) or abort(404)
    db.session.rollback()  # a slow body must not hold a connection's transaction
    received = _receive(address, read_body(limit, BODY_SECONDS), now())
    _wake(address, received)
    return Response(status=401 if received.verdict in (Verdict.BAD_SIGNATURE, Verdict.STALE) else 204)


@bp.errorhandler(HTTPException)
def refuse(problem: HTTPException) -> Response:
    """Nothing was kept; whatever is left of the body is not worth reading."""
    return Response(status=problem.code, headers={"Connection": "close"})


@bp.errorhandler(DatabaseBusy)
@bp.errorhandler(SQLAlchemyError)
def not_kept(problem: Exception) -> Response:
    log.warning("a delivery could not be kept: %s", type(problem).__name__)
    return Response(status=503, headers={"Retry-After": "5"})


def _receive(address: Address, body: bytes, moment: datetime) -> Received:
    try:
        secret = vault().open(address.secret)
    except ValueError:  # SECRET_KEY was changed without its fallback: the sender shall come back when that is mended
        log.exception("the secret of wave %s cannot be unsealed", address.wave_id)
        abort(503)
    envelope, letter = judge(
        request.headers.to_wsgi_list(), body, secret, request.remote_addr or "", moment,
        extra_headers=settings().webhook_headers, pinned_form=settings().webhook_form,
    )  # fmt: skip
    with writing(WRITE_SECONDS) as session:
        return receive(session, address, envelope, letter, moment)


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
