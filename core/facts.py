"""What the outside tells us, in our own words: the only shapes that cross from provider/ into core/."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AttemptStatus(StrEnum):
    """One dial of one contact. Everything but `dialling` is an outcome; outcomes never go back to dialling."""

    DIALLING = "dialling"
    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    FAILED = "failed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class CallFact:
    """One report of one call, from a delivery or from a poll. Times are aware UTC datetimes, durations seconds.

    `word` is the provider's own word that decided `status`, kept whatever it was. `status` is None when no word was
    known to us: the fact is then kept and shown, and moves nothing. `ask` says that the call is over but nothing
    tells how it ended, so `GET /calls/{id}` is worth a try. `do_not_call` says that this person must not be called again, and
    then `word` is the one that said so. `told_at` is the event's own time, if it carries one.
    """

    status: AttemptStatus | None
    call_id: str | None = None
    number: str | None = None
    ref: str | None = None
    word: str | None = None
    unknown_words: tuple[str, ...] = ()
    retry_follows: bool = False
    ask: bool = False
    do_not_call: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    told_at: datetime | None = None
    duration: float | None = None
    recording_url: str | None = None
    summary: str | None = None
    transcript: str | None = None
    sentiment: str | None = None
    direction: str | None = None
    from_number: str | None = None


@dataclass(frozen=True, slots=True)
class CampaignFact:
    """What the provider says of one of its campaigns (one of our waves). `over` is our reading of its free `status`."""

    provider_id: str | None
    status: str | None = None
    over: bool = False
    name: str | None = None
    total: int | None = None
    initiated: int | None = None
    completed: int | None = None
    failed: int | None = None
    refs: tuple[str, ...] = ()


class Sent(StrEnum):
    """What one POST /campaigns came to. The table is in provider/outcomes.py; what follows from each in core/submission.py."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    KEY_REFUSED = "key_refused"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One complaint of a 422: where (`("body", "targets", 3, "to_number")`) and the provider's words."""

    loc: tuple[str | int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The outcome of one POST. `words` is one sentence for people; `retry_after` is in seconds."""

    sent: Sent
    words: str
    campaign: CampaignFact | None = None
    http_status: int | None = None
    errors: tuple[FieldError, ...] = ()
    retry_after: float | None = None
