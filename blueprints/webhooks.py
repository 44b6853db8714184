"""The door for the provider's webhooks. Its status code is a message to the sender's retry machine, chosen for each case:

413 too big, 404 unknown token (nothing read or written), 400 cut off, 408 too slow, 401 not genuine or not on time (kept, moves
nothing), 503 could not be kept, 204 kept: applied, known already, or unreadable but genuine.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Blueprint, Flask, Response, abort
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_content_length

from blueprints.bodies import read_body
from blueprints.committer import Committer, Seat
from blueprints.database import db, writing
from blueprints.request_log import log_request
from blueprints.runtime import NAME as RUNTIME
from blueprints.runtime import Runtime, now
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
PREFIX = "/webhooks/"
# Nothing was kept; whatever is left of the body is not worth reading.
CLOSE = ("Connection", "close")
STATUSES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose address it is, and the secret that its deliveries are signed with."""

    address: Address
    secret: str


class Door:
    """The door of one web process, a WSGI application in front of Flask's.

    Flask's machinery for a request (its context, cookies, hooks) costs as much as all that is done with a delivery, which needs
    none of it. Kept here between deliveries: who sends to which address, what was decided of the inbox, who is refused how often,
    and the queue of those that arrive together.
    """

    def __init__(self, app: Flask, others: WSGIApplication) -> None:
        self.app, self.others = app, others
        self.senders: dict[str, Sender] = {}
        self.committer = Committer(self._wake, app.app_context)
        self.refused, self.refused_in = Counter[int](), 0
        self._rules, self._rules_until = PLAIN, 0.0
        self._engine: Engine | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        token = environ.get("PATH_INFO", "").removeprefix(PREFIX)
        if environ["REQUEST_METHOD"] != "POST" or "/" in token or not token:
            return self.others(environ, start_response)
        began, headers = time.perf_counter(), []
        try:
            status = self._answer(environ, token_hash(token))
        except HTTPException as problem:
            status, headers = problem.code or 500, [CLOSE]
        except (DatabaseBusy, SQLAlchemyError) as problem:
            log.warning("a delivery could not be kept: %s", type(problem).__name__)
            status, headers = 503, [CLOSE, ("Retry-After", "5")]
        except Exception:
            log.exception("a delivery could not be answered")
            status, headers = 500, [CLOSE]
        log_request("POST", f"{PREFIX}<token>", status, began, environ.get("REMOTE_ADDR"), is_quiet=status < 400)
        start_response(STATUSES[status], [("Content-Length", "0"), *headers] if status != 204 else headers)
        return []

    def _answer(self, environ: WSGIEnvironment, hashed: str) -> int:
        most, ours = self.ours.settings.webhook_max_bytes, self.senders.get(hashed)
        if (get_content_length(environ) or 0) > most:
            abort(413)
        if ours is None:
            ours = self._find(hashed)
        if ours is None:
            return self._try_out(environ, hashed)
        rules = self.rules()
        body, moment = read_body(environ, most, BODY_SECONDS), now()
        envelope, letter = judge(
            list(EnvironHeaders(environ)), body, ours.secret, environ.get("REMOTE_ADDR", ""), moment, rules
        )
        if envelope.refused == Verdict.BAD_SIGNATURE and self.is_flooded(ours.address.wave_id, moment):
            return 401
        received = self.committer.receive(Parcel(ours.address, envelope, letter, moment))
        return 401 if received.verdict in REFUSED_DELIVERIES else 204

    def _session(self) -> Session:
        """To read something, at once: it must not be held while a slow body comes."""
        if self._engine is None:
            with self.app.app_context():
                self._engine = db.engine
        return Session(self._engine)

    @property
    def ours(self) -> Runtime:
        runtime: Runtime = self.app.extensions[RUNTIME]
        return runtime

    def _find(self, hashed: str) -> Sender | None:
        """None for an address that no wave has. Only known ones are remembered: a flood of others takes no room."""
        with self._session() as session:
            address = address_of(session, hashed)
        if address is None:
            return None
        if len(self.senders) >= MOST_REMEMBERED:
            self.senders.clear()
        self.senders[hashed] = Sender(address, self._unsealed(address.secret))
        return self.senders[hashed]

    def _try_out(self, environ: WSGIEnvironment, hashed: str) -> int:
        """Is it the address of a test of the connection? Whatever form is pinned, our own is good here."""
        with self._session() as session:
            test = awaited_test(session, hashed, now()) or abort(404)
            test_id, secret = test.id, self._unsealed(test.secret)
        body = read_body(environ, len(TEST_BODY), BODY_SECONDS)
        envelope, _ = judge(list(EnvironHeaders(environ)), body, secret, "", now())
        if envelope.refused:
            return 401
        with self.app.app_context(), writing() as session:
            note_arrival(session, test_id, now())
        return 204

    def rules(self) -> Rules:
        """What was decided, at most RULES_SECONDS ago; a replay finds what was read too early."""
        if time.monotonic() > self._rules_until:
            with self._session() as session:
                self._rules = inbox_rules(session, self.ours.settings)
            self._rules_until = time.monotonic() + RULES_SECONDS
        return self._rules

    def is_flooded(self, wave_id: int, moment: datetime) -> bool:
        """Are so many refused at this address in this minute that no more of them are kept?"""
        minute = int(moment.timestamp()) // 60
        if minute != self.refused_in:
            self.refused, self.refused_in = Counter(), minute
        self.refused[wave_id] += 1
        return self.refused[wave_id] > REFUSED_A_MINUTE

    def _unsealed(self, secret: str) -> str:
        try:
            return self.ours.vault.open(secret)
        except (
            ValueError
        ):  # SECRET_KEY was changed without its fallback: the sender shall come back when that is mended
            log.exception("the secret of an address cannot be unsealed")
            raise DatabaseBusy("a secret cannot be unsealed") from None

    def _wake(self, written: Sequence[Seat]) -> None:
        """After the commit: screens, the next wave, a question to the provider. All best effort, the tick finds the rest."""
        redis_url = self.ours.settings.redis_url
        new = [
            (seat.parcel.address, seat.received)
            for seat in written
            if seat.received and seat.received.verdict != Verdict.REPEAT
        ]
        for campaign_id in {address.campaign_id for address, _ in new}:
            announce(redis_url, campaign_id)
        for campaign_id in {address.campaign_id for address, received in new if received.tick}:
            ring(redis_url, TICK, campaign_id)
        for wave_id in {address.wave_id for address, received in new if received.ask}:
            ring(redis_url, ASK, wave_id)


def init_app(app: Flask) -> None:
    """Before any proxy's headers are believed: whoever does that stands further out."""
    app.wsgi_app = Door(app, app.wsgi_app)  # type: ignore[method-assign]


@bp.post(f"{PREFIX}<token>")
@open_door("The token says whose delivery it is, the signature that it is genuine.")
def webhook(token: str) -> Response:
    """For the routing, which says 405 to other methods; `Door` answers before anything comes here."""
    abort(404)
