"""The tick: does what is due for a campaign and rings for what follows. Twice does no harm, never only costs time."""

import logging
import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.database import writing
from core.dispatch import Round, advance, live_campaigns
from core.links import unmailed_links
from core.lists import waiting_lists
from core.messages import progress_due, tell_progress
from core.models import Lease
from core.notices import notices_due
from core.provider_state import quota_due
from core.replays import begin_for_explained_words, is_word_waiting, unfinished_replays
from core.retention import clean_up_due
from core.sending import endpoints_due
from core.suppression_imports import waiting_imports
from jobs.marks import is_ours
from jobs.queue import (
    ASK,
    CLEAN_UP,
    LISTS,
    MAIL,
    NOTICE,
    OUTGOING,
    QUOTA,
    REPLAY,
    SUBMIT,
    SUPPRESSIONS,
    TICK,
    announce,
    begin,
    ring,
)
from jobs.runtime import now, session_scope, settings, vault

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)


def tick(campaign_id: int) -> None:
    """Look at one campaign now: rung when a wave settles or a person presses a button."""
    begin(settings().redis_url, TICK, campaign_id)
    with session_scope() as session:
        _tick(session, campaign_id)
        _ring_outgoing(session)


def tick_all() -> None:
    """Look at live campaigns, files that wait for their import and links for their mail; rung every few seconds."""
    holder = str(uuid.uuid4())
    with session_scope() as session:
        if not _lease(session, holder, now()):
            return
        try:
            is_ours(session)
            live = live_campaigns(session)
            if live and settings().provider_tenant and quota_due(session, now()):
                ring(settings().redis_url, QUOTA, 1)
            for campaign_id in live:
                _tick_safely(session, campaign_id)
            for replay_id in _replays(session):
                ring(settings().redis_url, REPLAY, replay_id)
            if clean_up_due(session, now()):
                ring(settings().redis_url, CLEAN_UP, 1)
            for list_id in waiting_lists(session, now()):
                ring(settings().redis_url, LISTS, list_id)
            for import_id in waiting_imports(session, now()):
                ring(settings().redis_url, SUPPRESSIONS, import_id)
            for endpoint_id in progress_due(session, now()):
                _tell_safely(session, endpoint_id)
            _ring_outgoing(session)
            if settings().mail:
                for link_id in unmailed_links(session, now()):
                    ring(settings().redis_url, MAIL, link_id)
        finally:
            with writing(session):
                session.execute(update(Lease).where(Lease.name == TICK, Lease.holder == holder).values(until=now()))


def _tick(session: Session, campaign_id: int) -> None:
    with writing(session):
        round_ = advance(session, campaign_id, vault(), now())
    ring_for(settings().redis_url, round_)
    if round_.changed:
        announce(settings().redis_url, campaign_id)


def ring_for(redis_url: str, round_: Round) -> None:
    """Ring for what one look at a campaign, once it is committed, leaves to be done."""
    for wave_id in round_.submit:
        ring(redis_url, SUBMIT, wave_id)
    for wave_id in round_.ask:
        ring(redis_url, ASK, wave_id)


def _replays(session: Session) -> list[int]:
    """Those that are not finished; one more for each word that was explained while deliveries with it came in."""
    if is_word_waiting(session):
        with writing(session):
            begin_for_explained_words(session, now())
    return [replay.id for replay in unfinished_replays(session)]


def _tick_safely(session: Session, campaign_id: int) -> None:
    """One campaign that cannot be looked at must not keep the others waiting."""
    try:
        _tick(session, campaign_id)
    except Exception:
        log.exception("campaign %s could not be looked at", campaign_id)


def _tell_safely(session: Session, endpoint_id: int) -> None:
    """Nor must one whose numbers cannot be told: messages and mail come after it."""
    try:
        with writing(session):
            tell_progress(session, endpoint_id, now())
    except Exception:
        log.exception("endpoint %s could not be told of progress", endpoint_id)


def _ring_outgoing(session: Session) -> None:
    for endpoint_id in endpoints_due(session, now()):
        ring(settings().redis_url, OUTGOING, endpoint_id)
    for notice_id in notices_due(session, now()):
        ring(settings().redis_url, NOTICE, notice_id)


def _lease(session: Session, holder: str, at: datetime) -> bool:
    """True for one process at a time; a holder that died lets go by itself."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    with writing(session):
        session.execute(insert(Lease).values(name=TICK, holder="", until=at).on_conflict_do_nothing())
        # A lease that ends later than any can was taken while the clock was wrong.
        free = or_(Lease.until <= at, Lease.until > at + LEASE)
        taken = session.execute(update(Lease).where(Lease.name == TICK, free).values(holder=holder, until=at + LEASE))
        return bool(taken.rowcount)  # type: ignore[attr-defined]
