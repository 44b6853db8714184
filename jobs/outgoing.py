"""Hand over what is to be told to an endpoint: claim, commit, POST, record."""

import logging
import random
import time

from sqlalchemy.orm import Session

from core.database import writing
from core.sending import Handover, Outcome, claim_next, record
from jobs.queue import OUTGOING, begin
from jobs.runtime import now, session_scope, settings, vault
from provider.outgoing import receiver, send

log = logging.getLogger(__name__)

# Then it is another endpoint's turn, until the next tick; with the longest exchange this is well within the job's time limit.
TURN_SECONDS = 20.0
LOST_KEY = "Not sent: the secret that signs it cannot be read any more, because SECRET_KEY was changed."


def send_messages(endpoint_id: int) -> None:
    """The job. It ends with the first failure: the endpoint then rests, and the tick after that rings again."""
    begin(settings().redis_url, OUTGOING, endpoint_id)
    ends = time.monotonic() + TURN_SECONDS
    with session_scope() as session:
        with writing(session):
            held = claim_next(session, endpoint_id, now())
        while held is not None:
            held = _hand_over(session, held, ends)


def _hand_over(session: Session, held: Handover, ends: float) -> Handover | None:
    """Send one message; the next one, unless this one failed or the turn is over."""
    outcome = _send(held)
    if not outcome.delivered:
        log.info("message %s was not taken: %s", held.uid, outcome.words)
    goes_on = outcome.delivered and time.monotonic() < ends
    with writing(session, patience=30.0):
        record(session, held, outcome, now(), random.random())
        return claim_next(session, held.endpoint_id, now()) if goes_on else None


def _send(held: Handover) -> Outcome:
    try:
        secret = vault().open(held.secret) if held.secret else None
    except ValueError:
        return Outcome(False, LOST_KEY, 0)
    return send(receiver(settings().allow_private_addresses), held.url, secret, held.uid, held.body, now())
