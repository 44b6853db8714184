"""Judge and read kept deliveries again, a hundred at a time; a job that dies goes on where it was."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from sqlalchemy.orm import Session

from core.database import writing
from core.errors import DatabaseBusy
from core.models import Replay
from core.replays import Kept, apply_again, kept_deliveries, next_ids, note_progress
from jobs.provider import inbox_rules
from jobs.queue import ASK, REPLAY, TICK, announce, begin, ring
from jobs.runtime import now, session_scope, settings, vault
from provider.inbox import Rules, judge
from provider.vault import SecretVault

log = logging.getLogger(__name__)

# Then it rings for itself again: imports wait in the same queue.
TURN_SECONDS = 20.0


def replay(replay_id: int) -> None:
    """The job. Whatever it did twice counts once."""
    begin(settings().redis_url, REPLAY, replay_id)
    ends = time.monotonic() + TURN_SECONDS
    with session_scope() as session:
        while _one_batch(session, replay_id):
            if time.monotonic() > ends:
                ring(settings().redis_url, REPLAY, replay_id)
                return


def _one_batch(session: Session, replay_id: int) -> bool:
    """False once nothing is left."""
    asked = session.get(Replay, replay_id, populate_existing=True)
    if asked is None or asked.finished_at is not None:
        return False
    ids = next_ids(session, asked)
    rules, kept = inbox_rules(session, settings()), kept_deliveries(session, *ids)
    session.rollback()
    moved: Counter[str] = Counter()
    # One wave in one transaction: only what each act locks is locked together.
    for _, deliveries in groupby(kept, lambda one: one.wave_id):
        moved.update(replay_kept(session, list(deliveries), rules, vault(), settings().redis_url))
    with writing(session, patience=30.0):
        note_progress(session, replay_id, ids, moved, now())
    return bool(ids)


def replay_kept(
    session: Session, kept: Sequence[Kept], rules: Rules, sealer: SecretVault, redis_url: str
) -> Counter[str]:
    """Deliveries of one wave, together, or each alone where one cannot be written; how many have which new verdict."""
    try:
        return _replay(session, kept, rules, sealer, redis_url)
    except DatabaseBusy:
        raise
    except Exception:
        if len(kept) > 1:
            return sum((replay_kept(session, [one], rules, sealer, redis_url) for one in kept), Counter[str]())
        log.exception("delivery %s could not be read again", [one.id for one in kept])
        return Counter()


def _replay(session: Session, kept: Sequence[Kept], rules: Rules, sealer: SecretVault, redis_url: str) -> Counter[str]:
    # As at the door, at the time when it came.
    judged = [
        (one, *judge(one.headers, one.body, sealer.open(one.secret), one.address, one.received_at, rules))
        for one in kept
    ]
    with writing(session, patience=30.0):
        received = [(one, apply_again(session, one, envelope, letter, now())) for one, envelope, letter in judged]
    announce(redis_url, kept[0].campaign_id)
    if any(what.tick for _, what in received):
        ring(redis_url, TICK, kept[0].campaign_id)
    if any(what.ask for _, what in received):
        ring(redis_url, ASK, kept[0].wave_id)
    return Counter(str(what.verdict) for one, what in received if what.verdict != one.verdict)
