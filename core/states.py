"""The states of campaigns, waves and contacts, and every move that is allowed between them."""

from enum import StrEnum

from core.errors import IllegalMove
from core.facts import AttemptStatus


class CampaignState(StrEnum):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"


class WaveState(StrEnum):
    PLANNED = "planned"
    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NEEDS_PERSON = "needs_person"
    ABANDONED = "abandoned"
    VOID = "void"
    FINISHED = "finished"


class ContactState(StrEnum):
    READY = "ready"
    QUEUED = "queued"
    SUBMITTED = "submitted"
    DIALLING = "dialling"
    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    FAILED = "failed"
    UNCLEAR = "unclear"
    NO_NEWS = "no_news"
    EXCLUDED = "excluded"
    CANCELLED = "cancelled"


class RowVerdict(StrEnum):
    """The six exclusive boxes of an imported list."""

    READY = "ready"
    REPAIRED = "repaired"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    DO_NOT_CALL = "do_not_call"
    CALLED_RECENTLY = "called_recently"


class Verdict(StrEnum):
    """What became of one delivery."""

    APPLIED = "applied"
    REPEAT = "repeat"
    LATE = "late"
    UNMATCHED = "unmatched"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    STALE = "stale"
    BAD_SIGNATURE = "bad_signature"


# Deliveries that were not let in: whose they are is not proven.
REFUSED_DELIVERIES = (Verdict.STALE, Verdict.BAD_SIGNATURE)
CALLABLE_VERDICTS = (RowVerdict.READY, RowVerdict.REPAIRED)

_C, _W = CampaignState, WaveState

CAMPAIGN_MOVES: dict[CampaignState, frozenset[CampaignState]] = {
    _C.DRAFT: frozenset({_C.AWAITING_APPROVAL, _C.SCHEDULED, _C.RUNNING}),
    _C.AWAITING_APPROVAL: frozenset({_C.DRAFT, _C.SCHEDULED, _C.RUNNING}),
    _C.SCHEDULED: frozenset({_C.DRAFT, _C.RUNNING, _C.STOPPING}),
    _C.RUNNING: frozenset({_C.PAUSED, _C.STOPPING, _C.COMPLETED}),
    _C.PAUSED: frozenset({_C.RUNNING, _C.STOPPING, _C.COMPLETED}),
    _C.STOPPING: frozenset({_C.STOPPED}),
    _C.STOPPED: frozenset(),
    _C.COMPLETED: frozenset(),
}

# Evidence (a verified event, or a poll that finds the calls) makes any wave that may have been sent `accepted`.
WAVE_MOVES: dict[WaveState, frozenset[WaveState]] = {
    _W.PLANNED: frozenset({_W.SUBMITTING, _W.VOID, _W.ACCEPTED}),
    _W.SUBMITTING: frozenset({_W.PLANNED, _W.ACCEPTED, _W.REFUSED, _W.UNKNOWN}),
    _W.UNKNOWN: frozenset({_W.ACCEPTED, _W.NEEDS_PERSON, _W.PLANNED, _W.REFUSED}),
    _W.NEEDS_PERSON: frozenset({_W.ACCEPTED, _W.ABANDONED, _W.PLANNED, _W.REFUSED}),
    _W.REFUSED: frozenset(),  # its people were given back; a call reported there takes that person back (core/sent_after_all.py)
    _W.ACCEPTED: frozenset({_W.FINISHED}),
    _W.ABANDONED: frozenset(),
    _W.VOID: frozenset(),
    _W.FINISHED: frozenset(),
}

# An open wave holds its reservations: its numbers may be ringing, or may be about to.
OPEN_WAVES = (_W.PLANNED, _W.SUBMITTING, _W.UNKNOWN, _W.NEEDS_PERSON, _W.ACCEPTED)
# Waves whose people were given back to the list: a call reported there was not supposed to happen.
GIVEN_BACK = (_W.ABANDONED, _W.REFUSED, _W.VOID)
# Nobody of them was called by them, as far as is known.
NEVER_SENT = (_W.PLANNED, _W.REFUSED, _W.VOID)
LIVE_CAMPAIGNS = (_C.SCHEDULED, _C.RUNNING, _C.PAUSED, _C.STOPPING)
ENDED_CAMPAIGNS = (_C.STOPPED, _C.COMPLETED)
# Nobody is called any more, whatever is still reported.
OVER_CAMPAIGNS = (_C.STOPPING, *ENDED_CAMPAIGNS)

# Nothing is known of their call yet.
TO_CALL = (ContactState.READY, ContactState.QUEUED, ContactState.SUBMITTED, ContactState.DIALLING)
SETTLED_AT_ONCE = frozenset({AttemptStatus.ANSWERED, AttemptStatus.VOICEMAIL, AttemptStatus.DECLINED})
RETRYABLE = (
    ContactState.NO_ANSWER,
    ContactState.BUSY,
    ContactState.FAILED,
    ContactState.VOICEMAIL,
    ContactState.UNCLEAR,
)


def check_campaign_move(state: str, to: CampaignState) -> None:
    if to not in CAMPAIGN_MOVES[CampaignState(state)]:
        raise IllegalMove(f"A campaign that is {state} cannot become {to}.")


def check_wave_move(state: str, to: WaveState) -> None:
    if to not in WAVE_MOVES[WaveState(state)]:
        raise IllegalMove(f"A wave that is {state} cannot become {to}.")
