"""State is a fold over facts: how reports of one call become one attempt, and attempts become a contact's state.

Both folds give the same answer whatever the order and repetition of the facts: statuses only rise in one fixed order, times take
the earliest start and the latest end, texts the fuller one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from core.facts import AttemptStatus, CallFact
from core.models import Attempt, Contact, Wave
from core.states import SETTLED_AT_ONCE, ContactState, WaveState

# A report that says more wins over one that says less; of two outcomes that exclude each other, the one that spares the person.
RANK = {
    AttemptStatus.DIALLING: 0,
    AttemptStatus.UNCLEAR: 1,
    AttemptStatus.FAILED: 2,
    AttemptStatus.NO_ANSWER: 3,
    AttemptStatus.BUSY: 4,
    AttemptStatus.DECLINED: 5,
    AttemptStatus.VOICEMAIL: 6,
    AttemptStatus.ANSWERED: 7,
}
TEXTS = ("recording_url", "summary", "transcript", "sentiment")

LONGEST_CALL = timedelta(minutes=10)
SILENCE_MARGIN = timedelta(minutes=10)
# After the provider says that its campaign is over, the last reports may still be on their way.
OVER_GRACE = timedelta(minutes=2)

_NOT_YET_ACCEPTED = (
    WaveState.PLANNED,
    WaveState.SUBMITTING,
    WaveState.UNKNOWN,
    WaveState.NEEDS_PERSON,
)


def merge(attempt: Attempt, fact: CallFact) -> bool:
    """Fold one report into the attempt; True when it taught us anything."""
    status, word, contradiction = _merge_status(attempt, fact)
    told: dict[str, Any] = {"status": status, "word": word, "contradiction": contradiction}
    told["ask"] = status == AttemptStatus.UNCLEAR and (attempt.ask or fact.ask)
    if fact.retry_follows:
        told["retry_follows"] = True
    if fact.do_not_call:
        told["do_not_call"] = True
    if started_at := fact.started_at or fact.told_at:
        told["started_at"] = min(attempt.started_at or started_at, started_at)
    if fact.ended_at is not None:
        told["ended_at"] = max(attempt.ended_at or fact.ended_at, fact.ended_at)
    if fact.duration is not None:
        told["duration"] = max(attempt.duration or fact.duration, fact.duration)
    for name in TEXTS:  # most reports bring none of them
        if text := getattr(fact, name):
            told[name] = _fuller(getattr(attempt, name), text)
    return change(attempt, **told)


def change(row: Attempt | Contact, **values: object) -> bool:
    """Set what is different, for to set what is not costs almost as much; True when anything was."""
    changed = False
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
            changed = True
    return changed


def _merge_status(attempt: Attempt, fact: CallFact) -> tuple[str, str | None, str | None]:
    """Its status, the word for it, and what contradicts it, with this report."""
    held, told = AttemptStatus(attempt.status), fact.status
    if told is None:
        return held, attempt.word, attempt.contradiction
    if told == held:
        return held, _fuller(attempt.word, fact.word), attempt.contradiction
    winner, loser = (told, held) if RANK[told] > RANK[held] else (held, told)
    contradiction = attempt.contradiction
    if RANK[loser] > RANK[AttemptStatus.UNCLEAR]:
        said = {*filter(None, (contradiction or "").split(", ")), str(loser)} - {str(winner)}
        contradiction = ", ".join(sorted(said))
    return winner, fact.word if winner == told else attempt.word, contradiction


def fold(wave: Wave | None, attempts: Sequence[Attempt], is_given_up: bool = False) -> tuple[ContactState, bool] | None:
    """The state of a contact whose current wave is `wave`, and whether it is settled.

    `is_given_up` says that nothing more is waited for: the time for it is over, and the provider was asked once more
    (core/asking.py). A finished wave was given up, or complete. `attempts` are all of the contact's, over all its waves. None when
    no wave decides (ready, excluded, cancelled stay as they are).
    """
    if wave is None:
        return None
    if wave.state in _NOT_YET_ACCEPTED:
        return ContactState.QUEUED, False
    here = sorted((a for a in attempts if a.wave_id == wave.id), key=age)
    outcomes = [a for a in here if a.status != AttemptStatus.DIALLING]
    quiet = is_given_up or wave.state == WaveState.FINISHED
    if not quiet and not _settles(outcomes, wave.retry_attempts):
        if not here or here[-1].status == AttemptStatus.DIALLING:
            return (ContactState.DIALLING if here else ContactState.SUBMITTED), False
        if wave.provider_over_at is None:
            return ContactState(here[-1].status), False
    # From here on nothing more is waited for: a call that is still open changes the state only by its outcome.
    if any(a.status == AttemptStatus.ANSWERED for a in attempts):
        return ContactState.ANSWERED, True
    return (ContactState(outcomes[-1].status) if outcomes else ContactState.NO_NEWS), True


def _settles(outcomes: Sequence[Attempt], retries: int) -> bool:
    """Reached, declined, or all the provider's tries used up."""
    if any(a.status in SETTLED_AT_ONCE for a in outcomes):
        return True
    return len(outcomes) > retries and not outcomes[-1].retry_follows


def silence_ends(wave: Wave) -> datetime:
    """Until when it is waited for what a contact of this wave reports; then the provider is asked once more."""
    start = max(wave.accepted_at or wave.claimed_at or wave.cut_at, wave.starts_at or wave.cut_at)
    longest = start + ceil(wave.size / wave.lines) * (wave.retry_attempts + 1) * LONGEST_CALL + SILENCE_MARGIN
    return longest if wave.provider_over_at is None else min(longest, wave.provider_over_at + OVER_GRACE)


def age(attempt: Attempt) -> tuple[datetime, str]:
    """Attempts in time order, the same order whatever the order of arrival."""
    return attempt.started_at or attempt.first_seen_at, attempt.call_id


def _fuller(held: str | None, told: str | None) -> str | None:
    if not told or not held:
        return held or told or None
    return max(held, told, key=lambda text: (len(text), text))
