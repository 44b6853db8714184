"""The door for the provider's webhooks. Its status code is a message to the sender's retry machine, chosen for each case:

413 too big, 404 unknown token (nothing read or written), 400 cut off, 408 too slow, 401 not genuine or not on time (kept, moves
nothing), 503 could not be kept, 204 kept: applied, known already, or unreadable but genuine.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from blueprints.bodies import read_body
from blueprints.committer import Committer, Seat
from blueprints.database import db
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import open_door
from core.errors import DatabaseBusy
from core.inbox import Address, address_of
from core.receiving import Parcel
from core.states import Verdict
from core.waves import token_hash
from jobs.queue import ASK, TICK, announce, ring
from provider.inbox import judge

log = logging.getLogger(__name__)
bp = Blueprint("webhooks", __name__)

BODY_SECONDS = 10.0
MOST_REMEMBERED = 10_000
NAME = "callboard.webhooks"


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose address it is, and the secret that its deliveries are signed with."""

    address: Address
    secret: str


class Door:
    """What one web process keeps between deliveries: who sends to which address, and the queue of those that arrive together."""

    def __init__(self) -> None:
        self.senders: dict[str, Sender] = {}
        self.committer = Committer(wake)

    def sender(self, token: str) -> Sender:
        """404 for an address that was never made. Only known ones are remembered: a flood of others takes no room."""
        hashed = token_hash(token)
        known = self.senders.get(hashed)
        if known is None:
            address = address_of(db.session(), hashed) or abort(404)
            db.session.rollback()  # a slow body must not hold a connection's transaction
            if len(self.senders) >= MOST_REMEMBERED:
                self.senders.clear()
            known = self.senders[hashed] = Sender(address, _unsealed(address))
        return known


def init_app(app: Flask) -> None:
    app.extensions[NAME] = Door()


@bp.post("/webhooks/<token>")
@open_door("The token says whose delivery it is, the signature that it is genuine.")
def webhook(token: str) -> Response:
    ours, door = settings(), current_app.extensions[NAME]
    if (request.content_length or 0) > ours.webhook_max_bytes:
        abort(413)
    sender = door.sender(token)
    body, moment = read_body(ours.webhook_max_bytes, BODY_SECONDS), now()
    envelope, letter = judge(
        request.headers.to_wsgi_list(), body, sender.secret, request.remote_addr or "", moment,
        extra_headers=ours.webhook_headers, pinned_form=ours.webhook_form,
    )  # fmt: skip
    received = door.committer.receive(Parcel(sender.address, envelope, letter, moment))
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


def _unsealed(address: Address) -> str:
    try:
        return vault().open(address.secret)
    except ValueError:  # SECRET_KEY was changed without its fallback: the sender shall come back when that is mended
        log.exception("the secret of wave %s cannot be unsealed", address.wave_id)
        abort(503)


def wake(written: Sequence[Seat]) -> None:
    """After the commit: screens, the next wave, a question to the provider. All best effort, the tick finds the rest."""
    new = [
        (seat.parcel.address, seat.received)
        for seat in written
        if seat.received and seat.received.verdict != Verdict.REPEAT
    ]
    for campaign_id in {address.campaign_id for address, _ in new}:
        announce(redis_url(), campaign_id)
    for campaign_id in {address.campaign_id for address, received in new if received.tick}:
        ring(redis_url(), TICK, campaign_id)
    for wave_id in {address.wave_id for address, received in new if received.ask}:
        ring(redis_url(), ASK, wave_id)
