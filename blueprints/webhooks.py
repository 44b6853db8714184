"""The door for the provider's webhooks. Its status code is a message to the sender's retry machine, chosen for each case:

413 too big, 404 unknown token (nothing read or written), 400 cut off, 408 too slow, 401 not genuine or not on time (kept, moves
nothing), 503 could not be kept, 204 kept: applied, known already, or unreadable but genuine.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from blueprints.bodies import read_body
from blueprints.committer import Committer, Seat
from blueprints.database import db, writing
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import open_door
from core.connection import BODY as TEST_BODY
from core.connection import awaited_test, note_arrival
from core.errors import DatabaseBusy
from core.inbox import Address, address_of
from core.receiving import Parcel
from core.states import REFUSED_DELIVERIES, Verdict
from core.waves import token_hash
from jobs.provider import inbox_rules
from jobs.queue import ASK, TICK, announce, ring
from provider.inbox import PLAIN, Rules, judge

log = logging.getLogger(__name__)
bp = Blueprint("webhooks", __name__)

BODY_SECONDS = 10.0
MOST_REMEMBERED = 10_000
RULES_SECONDS = 5.0
# Of one address, by one process: enough to see what is sent, too few to fill a disk.
REFUSED_A_MINUTE = 60
NAME = "callboard.webhooks"


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose address it is, and the secret that its deliveries are signed with."""

    address: Address
    secret: str


class Door:
    """What one web process keeps between deliveries: who sends to which address, what was decided of the inbox, who is refused how
    often, and the queue of those that arrive together."""

    def __init__(self) -> None:
        self.senders: dict[str, Sender] = {}
        self.committer = Committer(wake)
        self.refused, self.refused_in = Counter[int](), 0
        self._rules, self._rules_until = PLAIN, 0.0

    def sender(self, hashed: str) -> Sender | None:
        """None for an address that no wave has. Only known ones are remembered: a flood of others takes no room."""
        known = self.senders.get(hashed)
        if known is None and (address := address_of(db.session(), hashed)):
            db.session.rollback()  # a slow body must not hold a connection's transaction
            if len(self.senders) >= MOST_REMEMBERED:
                self.senders.clear()
            known = self.senders[hashed] = Sender(address, _unsealed(address.secret))
        return known

    def rules(self) -> Rules:
        """What was decided, at most RULES_SECONDS ago; a replay finds what was read too early."""
        if time.monotonic() > self._rules_until:
            self._rules, self._rules_until = inbox_rules(db.session(), settings()), time.monotonic() + RULES_SECONDS
            db.session.rollback()
        return self._rules

    def is_flooded(self, wave_id: int, moment: datetime) -> bool:
        """Are so many refused at this address in this minute that no more of them are kept?"""
        minute = int(moment.timestamp()) // 60
        if minute != self.refused_in:
            self.refused, self.refused_in = Counter(), minute
        self.refused[wave_id] += 1
        return self.refused[wave_id] > REFUSED_A_MINUTE


def init_app(app: Flask) -> None:
    app.extensions[NAME] = Door()


@bp.post("/webhooks/<token>")
@open_door("The token says whose delivery it is, the signature that it is genuine.")
def webhook(token: str) -> Response:
    ours, door = settings(), current_app.extensions[NAME]
    if (request.content_length or 0) > ours.webhook_max_bytes:
        abort(413)
    hashed = token_hash(token)
    sender = door.sender(hashed)
    if sender is None:
        return _try_out(hashed)
    rules = door.rules()
    body, moment = read_body(ours.webhook_max_bytes, BODY_SECONDS), now()
    envelope, letter = judge(
        request.headers.to_wsgi_list(), body, sender.secret, request.remote_addr or "", moment, rules
    )
    if envelope.refused == Verdict.BAD_SIGNATURE and door.is_flooded(sender.address.wave_id, moment):
        return Response(status=401)
    received = door.committer.receive(Parcel(sender.address, envelope, letter, moment))
    return Response(status=401 if received.verdict in REFUSED_DELIVERIES else 204)


def _try_out(hashed: str) -> Response:
    """No wave has this address: is it that of a test of the connection? Whatever form is pinned, our own is good here."""
    test = awaited_test(db.session(), hashed, now()) or abort(404)
    test_id, secret = test.id, _unsealed(test.secret)
    db.session.rollback()
    body = read_body(len(TEST_BODY), BODY_SECONDS)
    envelope, _ = judge(request.headers.to_wsgi_list(), body, secret, "", now())
    if envelope.refused:
        return Response(status=401)
    with writing() as session:
        note_arrival(session, test_id, now())
    return Response(status=204)


@bp.errorhandler(HTTPException)
def refuse(problem: HTTPException) -> Response:
    """Nothing was kept; whatever is left of the body is not worth reading."""
    return Response(status=problem.code, headers={"Connection": "close"})


@bp.errorhandler(DatabaseBusy)
@bp.errorhandler(SQLAlchemyError)
def not_kept(problem: Exception) -> Response:
    log.warning("a delivery could not be kept: %s", type(problem).__name__)
    return Response(status=503, headers={"Retry-After": "5"})


def _unsealed(secret: str) -> str:
    try:
        return vault().open(secret)
    except ValueError:  # SECRET_KEY was changed without its fallback: the sender shall come back when that is mended
        log.exception("the secret of an address cannot be unsealed")
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
