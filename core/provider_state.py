"""What is known of the provider as a whole, in one row: may we send, and if not, why, in words for the screen."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, Actor, note
from core.errors import Conflict
from core.facts import Sent, Submission
from core.models import ProviderState, Wave
from core.provider_binding import why_not_ours

LONGEST_WORDS = 600
LONGEST_BACK_OFF = timedelta(minutes=5)
THROTTLED_FOR = timedelta(seconds=30)
# Shorter, and it was a hiccup that passes by itself.
LONG_AWAY = timedelta(minutes=5)
QUOTA_HOLDS, QUOTA_INTERVAL = timedelta(minutes=30), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a harmless question; None in `works` and `lists_campaigns`: neither is proven. `quota` is as it was read."""

    words: str
    works: bool | None
    lists_campaigns: bool | None = None
    quota: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """What the provider's quota leaves us: lines over all campaigns, calls of this month; None where it does not tell."""

    lines: int | None = None
    calls_left: int | None = None
    words: str = ""


def quota_limits(session: Session, now: datetime) -> QuotaLimits:
    """What it told lately; what is older limits nothing, for it may have been raised since."""
    state = session.get(ProviderState, 1)
    if state is None or not state.quota or state.quota_at is None or now - state.quota_at > QUOTA_HOLDS:
        return QuotaLimits()
    told = state.quota
    left = told.get("calls_remaining")
    if left is None and told.get("monthly_call_limit") is not None and told.get("calls_used_this_month") is not None:
        left = told["monthly_call_limit"] - told["calls_used_this_month"]
    if told.get("quota_exceeded"):
        left = 0
    lines = told.get("max_concurrent_calls")
    words = f"The provider's quota for this month is used up, as it said at {_clock(state.quota_at)}."
    return QuotaLimits(max(1, lines) if lines is not None else None, max(0, left) if left is not None else None, words)


def keep_quota(session: Session, quota: dict[str, Any] | None, now: datetime) -> None:
    """What the provider answered about our quota; nothing, where it does not tell."""
    state = provider_state(session)
    state.quota_asked_at = now
    if quota:
        state.quota, state.quota_at = quota, now


def quota_due(session: Session, now: datetime) -> bool:
    """Is it time to ask for the quota again?"""
    asked = known_state(session).quota_asked_at
    return asked is None or not timedelta(0) <= now - asked < QUOTA_INTERVAL


def try_again_now(session: Session, actor: Actor, now: datetime) -> bool:
    """Let the next submission try at once; True when anything held it back. Conflict: the provider itself asked us to wait."""
    state = provider_state(session)
    waits = state.usable_from is not None and state.usable_from > now
    if not state.key_refused_at and waits and not state.unreachable_since:
        raise Conflict(f"The provider asked us to wait until {_clock(state.usable_from or now)}; we do.")
    if not state.key_refused_at and not waits:
        return False
    before = {"key_refused": state.key_refused_at is not None, "unreachable": state.unreachable_since is not None}
    clear(state)
    note(
        session, actor, "provider.try_again", "provider", None, now,
        summary=f"{actor.name} let the provider be tried again at once.", before=before,
        after={"key_refused": False, "unreachable": False},
    )  # fmt: skip
    return True


def may_be_tried(session: Session, now: datetime) -> bool:
    """Would a person's word let the next submission try at once?"""
    state = known_state(session)
    return bool(state.key_refused_at or (state.unreachable_since and state.usable_from and state.usable_from > now))


def throttle(session: Session, words: str, retry_after: float | None, now: datetime) -> datetime:
    """The provider asked us to wait, whatever it was asked: everything of ours waits; returns until when."""
    state = provider_state(session)
    until = now + (THROTTLED_FOR if retry_after is None else timedelta(seconds=retry_after))
    state.usable_from = max(until, state.usable_from or until)
    state.throttled_words, state.unreachable_since = words, None
    return state.usable_from


@dataclass(frozen=True, slots=True)
class Ailment:
    """What keeps the provider from being used, in one sentence, and whether it stays so until somebody does something."""

    words: str
    needs_somebody: bool


def provider_state(session: Session) -> ProviderState:
    """The one row; made on first use inside a write."""
    state = session.get(ProviderState, 1)
    if state is None:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(insert(ProviderState).values(id=1, failures=0).on_conflict_do_nothing())  # two may be first
        state = session.get_one(ProviderState, 1)
    return state


def known_state(session: Session) -> ProviderState:
    """The row, or an empty one that is not kept, for pages. Only reads."""
    return session.get(ProviderState, 1) or ProviderState(failures=0)


def ailment(session: Session, now: datetime) -> Ailment | None:
    """Why nothing may be sent now; None when the provider is usable. Only reads."""
    if words := why_not_ours(session):
        return Ailment(words, True)
    state = session.get(ProviderState, 1)
    if state is None:
        return None
    if state.key_refused_at:
        words = f"The provider refuses our key since {_clock(state.key_refused_at)}: {state.key_refused_words}"
        return Ailment(words, True)
    if state.usable_from and state.usable_from > now:
        wait = f"next try at {_clock(state.usable_from)}."
        if away := state.unreachable_since:
            words = f"The provider cannot be reached since {_clock(away)}, {wait} {state.unreachable_words}"
            return Ailment(words, now - away > LONG_AWAY)
        return Ailment(f"The provider asks us to wait, {wait} {state.throttled_words}", False)
    return None


def trouble(session: Session, now: datetime) -> str | None:
    """The sentence of what ails the provider."""
    found = ailment(session, now)
    return found.words if found else None


def throttled_until(session: Session, now: datetime) -> datetime | None:
    """Until when the provider asked us to leave it alone; None: it did not."""
    state = known_state(session)
    if state.unreachable_since or state.usable_from is None or state.usable_from <= now:
        return None
    return state.usable_from


def learn(session: Session, outcome: Submission, now: datetime) -> None:
    """Keep what one answer tells about the provider as a whole."""
    state = provider_state(session)
    if outcome.sent in (Sent.ACCEPTED, Sent.REFUSED):
        clear(state)
    elif outcome.sent == Sent.THROTTLED:
        throttle(session, outcome.words, outcome.retry_after, now)
    elif outcome.sent == Sent.NOT_SENT:
        state.failures += 1
        state.unreachable_since = state.unreachable_since or now
        state.unreachable_words, state.usable_from = outcome.words, now + back_off(state.failures)


def record_try(session: Session, tried: Tried, actor: Actor, now: datetime) -> None:
    """Keep what came of "try it". Success lifts what it disproves; a failure holds nothing up: a submission finds out itself."""
    state = provider_state(session)
    before = {"works": state.is_tried_well, "key_refused": state.key_refused_at is not None}
    state.tried_at, state.tried_words, state.is_tried_well = now, tried.words[:LONGEST_WORDS], tried.works
    if tried.works:
        state.key_refused_at = state.key_refused_words = None
        if state.unreachable_since:  # a throttle stays: an answer to a question does not end it
            clear(state)
    if tried.lists_campaigns or (tried.lists_campaigns is False and state.list_campaigns_offered is None):
        state.list_campaigns_offered = tried.lists_campaigns
    if tried.quota:
        state.quota, state.quota_at = tried.quota, now
    came = {True: "it takes our key", False: "it does not work", None: "that proves nothing"}[tried.works]
    after = {"works": tried.works, "key_refused": state.key_refused_at is not None}
    note(
        session, actor, "provider.try", "provider", None, now,
        summary=f"{actor.name} tried the provider: {came}.", before=before, after=after,
    )  # fmt: skip


def last_accepted_at(session: Session) -> datetime | None:
    """When the provider last took a submission of ours, and so our key."""
    taken = select(Wave.accepted_at).where(Wave.accepted_at.is_not(None))
    return session.scalar(taken.order_by(Wave.id.desc()).limit(1))


def refuse_key(session: Session, words: str, now: datetime) -> None:
    """The provider said no to our key a second time: everything waits until somebody changes it or asks to try again."""
    state = provider_state(session)
    state.key_refused_at, state.key_refused_words = state.key_refused_at or now, words


def clear(state: ProviderState) -> None:
    """The provider answers and takes our key: nothing holds us back."""
    state.key_refused_at = state.key_refused_words = state.usable_from = state.throttled_words = None
    state.unreachable_since = state.unreachable_words = None
    state.failures = 0


def notice_key(session: Session, fingerprint: str, now: datetime) -> None:
    """Called as a worker starts: another key than the refused one deserves a new try, and old tokens are of no use."""
    state = provider_state(session)
    if state.key_fingerprint != fingerprint:
        if state.key_fingerprint is not None:
            words = "The settings name another provider, or another key to it."
            note(session, CALLBOARD, "provider.change", "provider", None, now, summary=words)
        state.key_fingerprint = fingerprint
        state.access_token = state.refresh_token = state.token_expires_at = None
        state.tried_at = state.tried_words = state.is_tried_well = None  # that was said of another key
        clear(state)


def back_off(failures: int) -> timedelta:
    """1, 2, 4 … seconds with jitter, at most five minutes."""
    return min(LONGEST_BACK_OFF, timedelta(seconds=2 ** min(failures, 10) * random.uniform(0.5, 1.0)))


def _clock(at: datetime) -> str:
    return f"{at:%H:%M} UTC"
