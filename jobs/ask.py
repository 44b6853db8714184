"""Ask the provider about one wave, and apply what it says; the same facts as the webhooks bring."""

import itertools
import logging
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from core.asking import (
    Question,
    ask_later,
    find_ours,
    question,
    record_calls,
    record_campaign,
    record_evidence,
    schedule_next,
)
from core.database import writing
from core.facts import CallFact, CampaignFact
from core.provider_state import provider_state, refuse_key, throttle, throttled_until
from core.states import WaveState
from jobs.provider import provider
from jobs.queue import ASK, TICK, announce, begin, ring
from jobs.runtime import now, session_scope, settings
from provider.answers import Answer, Asked
from provider.client import Provider

log = logging.getLogger(__name__)

# Calls applied in one transaction: short enough to let webhooks in between.
BATCH = 50
UNAUTHORIZED = 401


def ask(wave_id: int) -> None:
    """The job. What the provider does not offer is remembered, what it does not answer is asked again later."""
    begin(settings().redis_url, ASK, wave_id)
    with session_scope() as session:
        asked = question(session, wave_id, now())
        session.rollback()  # nothing of the database is held while the provider thinks
        if asked is None:
            return
        if until := throttled_until(session, now()):  # the provider asked us to wait: with questions too
            with writing(session):
                ask_later(session, wave_id, until)
            return
        session.rollback()
        client = provider(session)
        if asked.state == WaveState.ACCEPTED:
            words, answered = _ask_campaign(session, client, asked)
        else:
            words, answered = _look_for_it(session, client, asked), True
        with writing(session):
            schedule_next(session, wave_id, words, now(), answered)
    announce(settings().redis_url, asked.campaign_id)
    ring(settings().redis_url, TICK, asked.campaign_id)


def _ask_campaign(session: Session, client: Provider, asked: Question) -> tuple[str, bool]:
    """An accepted wave: its counters, and its calls when those disagree with what we know or nothing is heard.

    Returns words for the page, and whether all that was asked was answered.
    """
    words, answered = "", True
    if asked.by_id and asked.provider_id:
        answer = client.get_campaign(asked.provider_id)
        _remember_offer(session, answer, "get_campaign_offered")
        words, answered = answer.words, answer.value is not None
        _heed(session, answer)
        if answer.value is not None:
            with writing(session):
                record_campaign(session, asked, answer.value, now())
            asked = question(session, asked.wave_id, now()) or asked
            session.rollback()
    if asked.calls_wanted:
        problem = _ask_calls(session, client, asked)
        words, answered = problem or words, not problem
    for call_id in asked.unclear_call_ids:
        call = client.get_call(call_id)
        if call.value is not None:
            _apply(session, asked, iter([call.value]))
    return words, answered


def _look_for_it(session: Session, client: Provider, asked: Question) -> str:
    """A wave that may have been sent: is it, or are its calls, anywhere to be seen?"""
    if asked.by_list:
        answer = client.list_campaigns()
        _remember_offer(session, answer, "list_campaigns_offered")
        if answer.value is not None:
            ours = find_ours(session, asked, answer.value)
            with writing(session):
                if record_evidence(session, asked, "The provider's list of campaigns", ours, now()):
                    return "Found in the provider's list of campaigns."
    words = _ask_calls(session, client, asked)
    if not words:
        with writing(session):
            record_evidence(session, asked, "The agent's list of calls", None, now())
    return words


def _ask_calls(session: Session, client: Provider, asked: Question) -> str:
    """Walk the agent's call list since the wave was claimed; returns what went wrong, if anything."""
    for answer in client.each_call_page(asked.agent_uuid, since=asked.calls_since):
        _heed(session, answer)
        if answer.value is None:
            return answer.words
        _apply(session, asked, filter(asked.concerns, answer.value.calls))
    return ""


def _apply(session: Session, asked: Question, facts: Iterator[CallFact]) -> None:
    while batch := list(itertools.islice(facts, BATCH)):
        with writing(session):
            record_calls(session, asked, batch, now())


def _heed(session: Session, answer: Answer[Any]) -> None:
    if answer.kind == Asked.THROTTLED:
        with writing(session):
            throttle(session, answer.words, answer.retry_after, now())
    elif answer.kind == Asked.KEY_REFUSED and answer.http_status == UNAUTHORIZED:  # a 403 may be about this route alone
        with writing(session):
            refuse_key(session, answer.words, now())


def _remember_offer(
    session: Session, answer: Answer[CampaignFact] | Answer[tuple[CampaignFact, ...]], name: str
) -> None:
    """A route that answered once is offered; one that says 404 before it ever answered is not."""
    with writing(session):
        state = provider_state(session)
        if answer.kind == Asked.OK:
            setattr(state, name, True)
        elif answer.kind == Asked.NOT_OFFERED and getattr(state, name) is None:
            setattr(state, name, False)
