"""Asking: webhooks can be lost, so every wave is asked about until it ends; an unknown one until there is evidence.

jobs/ask.py carries the questions to the provider; here stands what is asked, when, and what follows from the answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.facts import CallFact, CampaignFact
from core.fold import silence_ends
from core.heard_words import hear
from core.launch import lock_campaign
from core.ledger import Applied, accept_by_evidence, apply_call, apply_campaign
from core.models import Attempt, Campaign, ProviderState, Target, Wave
from core.states import WaveState
from core.waves import disagrees, lock_wave, note_difference

ASKABLE = (WaveState.ACCEPTED, WaveState.UNKNOWN, WaveState.NEEDS_PERSON)
INTERVALS = tuple(timedelta(seconds=s) for s in (5, 10, 20, 40, 60))
SLOW_INTERVAL = timedelta(minutes=5)
SLOW_AFTER = timedelta(hours=1)
SILENCE = timedelta(seconds=60)
# While webhooks arrive there is less to ask about.
HEARD_INTERVAL = timedelta(minutes=2)
# The provider's counters may be ahead of its own webhooks for so long.
DIFFERENCE = timedelta(minutes=2)
DIFFERENCE_INTERVAL = timedelta(seconds=30)
# So long a wave whose people are given up is asked about once more.
LAST_QUESTION = timedelta(minutes=10)
# And so long at most, while the provider answers other questions: then ours only waits for its turn.
LONGEST_TURN = timedelta(hours=2)
RING_AGAIN = timedelta(seconds=30)
# How much the provider's clock may be behind ours when a call is held against the moment of the claim.
CLOCK_SKEW = timedelta(minutes=5)
MOST_EVIDENCE = 50


@dataclass(frozen=True, slots=True)
class Question:
    """Everything the asking needs to know of one wave. `calls_since` is where to begin in the agent's call list."""

    wave_id: int
    campaign_id: int
    state: str
    agent_uuid: str
    provider_id: str | None
    name_sent: str
    size: int
    calls_since: datetime
    by_id: bool
    by_list: bool
    calls_wanted: bool
    numbers: frozenset[str]
    refs: frozenset[str]
    unclear_call_ids: tuple[str, ...]

    def concerns(self, fact: CallFact) -> bool:
        """May this call be one of the wave's? The list of an agent holds those of all its waves."""
        return fact.ref in self.refs or fact.number in self.numbers


def question(session: Session, wave_id: int, now: datetime) -> Question | None:
    """What to ask about a wave now; None when it no longer needs asking. Only reads."""
    wave = session.get(Wave, wave_id)
    if wave is None or wave.state not in ASKABLE:
        return None
    campaign = session.get_one(Campaign, wave.campaign_id)
    if campaign.agent is None:
        return None
    state = session.get(ProviderState, 1) or ProviderState()
    known = wave.state == WaveState.ACCEPTED
    by_id = known and wave.provider_id is not None and state.get_campaign_offered is not False
    people = session.execute(select(Target.number, Target.ref).where(Target.wave_id == wave.id)).all()
    unclear = select(Attempt.call_id).where(Attempt.wave_id == wave.id, Attempt.ask, Attempt.call_id != "").limit(50)
    return Question(
        wave.id, campaign.id, wave.state, campaign.agent.uuid, wave.provider_id, wave.name_sent, wave.size,
        (wave.claimed_at or wave.cut_at) - CLOCK_SKEW, by_id,
        by_list=wave.provider_id is None and state.list_campaigns_offered is not False,
        calls_wanted=not by_id or _is_silent(wave, now) or disagrees(session, wave),
        numbers=frozenset(number for number, _ in people), refs=frozenset(ref for _, ref in people),
        unclear_call_ids=tuple(session.scalars(unclear)) if known else (),
    )  # fmt: skip


def belongs(session: Session, asked: Question, fact: CallFact) -> bool:
    """Is this call of the agent's list one of the wave's? By reference or number, in time, and no other wave's call."""
    if fact.ref in asked.refs:
        return True
    at = fact.started_at or fact.told_at
    if fact.number not in asked.numbers or fact.direction == "inbound" or at is None or at < asked.calls_since:
        return False
    if fact.ref and session.scalar(select(Target.wave_id).where(Target.ref == fact.ref)) is not None:
        return False
    if not fact.call_id:
        return True
    elsewhere = select(Attempt.id).where(Attempt.call_id == fact.call_id, Attempt.wave_id != asked.wave_id)
    return session.scalar(elsewhere.limit(1)) is None


def record_calls(session: Session, asked: Question, facts: Iterable[CallFact], now: datetime) -> list[Applied]:
    """Apply the calls of a poll that are this wave's. The order of locks is the one of every act: campaign, wave, contact."""
    lock_campaign(session, asked.campaign_id)
    wave = lock_wave(session, asked.wave_id)
    if wave is None:
        return []
    ours = [fact for fact in facts if belongs(session, asked, fact)]
    hear(session, (word for fact in ours for word in fact.unknown_words), now)
    return [apply_call(session, wave, fact, now) for fact in ours]


def record_campaign(session: Session, asked: Question, fact: CampaignFact, now: datetime) -> Applied | None:
    lock_campaign(session, asked.campaign_id)
    wave = lock_wave(session, asked.wave_id)
    return apply_campaign(session, wave, fact, now) if wave is not None else None


def find_ours(session: Session, asked: Question, listed: Iterable[CampaignFact]) -> CampaignFact | None:
    """The one campaign of the provider's list that can only be this wave: by reference, else by a name nobody else has."""
    listed = [fact for fact in listed if fact.provider_id]
    refs = {ref for fact in listed for ref in fact.refs}
    if refs:
        ours = set(session.scalars(select(Target.ref).where(Target.wave_id == asked.wave_id, Target.ref.in_(refs))))
        by_ref = [fact for fact in listed if ours.intersection(fact.refs)]
        if by_ref:
            return by_ref[0]
    named = [fact for fact in listed if fact.name == asked.name_sent and fact.total in (None, asked.size)]
    taken = set(
        session.scalars(select(Wave.provider_id).where(Wave.provider_id.in_([fact.provider_id for fact in named])))
    )
    named = [fact for fact in named if fact.provider_id not in taken]
    rivals = select(func.count()).where(
        Wave.name_sent == asked.name_sent, Wave.id != asked.wave_id, Wave.provider_id.is_(None),
        Wave.submissions > 0,
    )  # fmt: skip
    return named[0] if len(named) == 1 and not session.scalar(rivals) else None


def record_evidence(session: Session, asked: Question, looked: str, found: CampaignFact | None, now: datetime) -> bool:
    """Write down what was looked at while a wave was unknown; True when it is accepted because of it."""
    lock_campaign(session, asked.campaign_id)
    wave = lock_wave(session, asked.wave_id)
    if wave is None or wave.state not in (WaveState.UNKNOWN, WaveState.NEEDS_PERSON):
        return False
    if found is not None and accept_by_evidence(
        session, wave, f"{looked}: the provider lists it as {found.provider_id}.", now
    ):
        apply_campaign(session, wave, found, now)
        return True
    if len(wave.evidence) < MOST_EVIDENCE:
        wave.evidence = [*wave.evidence, {"at": now.isoformat(), "looked": looked, "found": "nothing"}]
    return False


def schedule_next(session: Session, wave_id: int, words: str, now: datetime, answered: bool = True) -> None:
    """Often at first, then at growing intervals, seldom while webhooks arrive; soon again while the provider and we disagree.

    `answered`: wholly, so that what it did not tell of, it knows nothing of.
    """
    wave = lock_wave(session, wave_id)
    if wave is None or wave.state not in ASKABLE:
        return
    wave.polls += 1
    wave.poll_words, wave.polled_at = words, now if answered else wave.polled_at
    note_difference(session, wave, now)
    wave.next_poll_at = now + _interval(wave, now)


def ask_later(session: Session, wave_id: int, at: datetime) -> None:
    wave = lock_wave(session, wave_id)
    if wave is not None and wave.next_poll_at is not None:
        wave.next_poll_at = at


def _interval(wave: Wave, now: datetime) -> timedelta:
    if now - _begun(wave) > SLOW_AFTER:
        return SLOW_INTERVAL
    step = INTERVALS[min(wave.polls, len(INTERVALS)) - 1]
    if wave.differs_since is not None:
        return min(step, DIFFERENCE_INTERVAL)
    heard = wave.last_event_at is not None and now - wave.last_event_at < SILENCE
    return HEARD_INTERVAL if heard and step == INTERVALS[-1] else step


def is_due(wave: Wave, now: datetime) -> bool:
    """Is it time to ask about this wave: as planned, at once on silence, or because the difference lasts?"""
    if wave.state not in ASKABLE or wave.next_poll_at is None:
        return False
    if wave.next_poll_at <= now:
        return True
    asked = max(wave.polled_at or wave.state_since, wave.rung_at or wave.state_since)
    if wave.differs_since is not None and now - wave.differs_since > DIFFERENCE:
        return now - asked > DIFFERENCE_INTERVAL and now - _begun(wave) < SLOW_AFTER
    return _is_silent(wave, now) and asked < _heard(wave) + SILENCE


def may_give_up(session: Session, wave: Wave, now: datetime) -> bool:
    """Is nothing more waited for, and was the provider asked since? Our own clock may have been wrong for an hour.

    Where it cannot be asked the wave ends a while later all the same: every campaign ends. Where it answers others, it can be
    asked: then thousands of calls are asked for, and the question about this wave will come.
    """
    ends = silence_ends(wave)
    if now < ends:
        return False
    if wave.state != WaveState.ACCEPTED or (wave.polled_at is not None and wave.polled_at >= ends):
        return True
    if wave.rung_at is None or wave.rung_at < ends:
        wave.next_poll_at = now
        return False
    waits = now - wave.rung_at
    if waits < LAST_QUESTION:
        return False
    lately = select(Wave.id).where(Wave.state == WaveState.ACCEPTED, Wave.polled_at > now - LAST_QUESTION)
    return waits >= LONGEST_TURN or session.scalar(lately.limit(1)) is None


def note_ring(wave: Wave, now: datetime) -> None:
    """The question was rung for; until it says itself when to ask again, a lost bell is rung anew."""
    wave.next_poll_at = now + RING_AGAIN
    if wave.rung_at is None or wave.rung_at < silence_ends(wave):  # of the last question the first ring counts
        wave.rung_at = now


def _is_silent(wave: Wave, now: datetime) -> bool:
    return now - _heard(wave) > SILENCE


def _heard(wave: Wave) -> datetime:
    return max(wave.last_event_at or wave.accepted_at or wave.cut_at, _begun(wave))


def _begun(wave: Wave) -> datetime:
    """When its calls could begin: what was handed over to be started later is quiet until then."""
    return max(wave.claimed_at or wave.cut_at, wave.starts_at or wave.cut_at)
