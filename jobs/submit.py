"""Submit one wave: claim it, commit, POST once, record what came of it. Running this twice is safe, and has to be."""

import logging
import time

from core.database import writing
from core.facts import Sent
from core.submission import Claim, claim, give_back, record
from jobs.marks import is_ours, take_back, write_down
from jobs.provider import provider, provider_name
from jobs.queue import SUBMIT, TICK, announce, begin, ring
from jobs.runtime import now, session_scope, settings, vault

log = logging.getLogger(__name__)

# A process that was frozen between its claim and its POST has lost the right to send: others may have acted meanwhile.
LONGEST_PAUSE_SECONDS = 5.0


def submit(wave_id: int) -> None:
    """The job. Whatever ends it between the two commits leaves the wave `submitting`, which becomes `unknown`, never sent again."""
    begin(settings().redis_url, SUBMIT, wave_id)
    with session_scope() as session:
        client = provider(session)  # before the claim: whatever fails here costs nothing
        if not is_ours(session):
            return
        with writing(session):
            began = _clock()
            held = claim(session, wave_id, settings().public_url, vault(), now(), provider_name(settings()))
        if held is None:
            return

        too_late = False

        def may_send() -> bool:
            nonlocal too_late
            too_late = max(_clock() - began, (now() - held.claimed_at).total_seconds()) >= LONGEST_PAUSE_SECONDS
            return not too_late

        if not write_down(held):
            with writing(session, patience=30.0):
                give_back(session, held, "Not sent: neither Redis nor DATA_DIR could keep a note of it.", now())
            return
        outcome = client.create_campaign(held.request, may_send=may_send)
        log.info("wave %s: %s, status %s", wave_id, outcome.sent, outcome.http_status)
        with writing(session, patience=30.0):
            if too_late:
                give_back(session, held, "Not sent: too long between claiming it and sending it.", now())
            else:
                record(session, held, outcome, now())
        if too_late or outcome.sent not in (Sent.ACCEPTED, Sent.UNKNOWN):
            take_back(held)
    _tell(held)


def _tell(held: Claim) -> None:
    announce(settings().redis_url, held.campaign_id)
    ring(settings().redis_url, TICK, held.campaign_id)


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
