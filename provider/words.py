"""The provider's free words: what each means to us, and how several words about one call become one status."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from core.facts import AttemptStatus

Meaning = AttemptStatus | Literal["over", "retry", "silent", "do_not_call"]

TABLE: dict[Meaning, str] = {
    AttemptStatus.DIALLING: (
        "queued scheduled initiated initiate dialing connecting registered allocated ringing"
        " in_progress answered active ongoing connected started"
    ),
    "over": "ended hangup call_disconnected completed complete success done finished",
    AttemptStatus.NO_ANSWER: "no_answer missed not_connected unanswered timeout user_unavailable",
    AttemptStatus.BUSY: "busy dial_busy user_busy",
    AttemptStatus.VOICEMAIL: "voicemail machine voicemail_reached answering_machine",
    AttemptStatus.DECLINED: "rejected declined user_declined user_rejected",
    AttemptStatus.FAILED: (
        "canceled cancelled stopped failed error dial_failed ended_with_error sip_trunk_failure invalid_destination"
    ),
    "retry": "retry",
    "silent": "unknown none null n/a",
}
# Whoever was called asked not to be called again, or stands on the provider's own list of such people. That is no way in which a
# call ends: another word may say so; where none does, somebody answered, for nobody else can ask.
DO_NOT_CALL = """
    do_not_call do_not_call_again do_not_call_request do_not_call_requested donotcall dont_call never_call never_call_again dnc
    dnc_request dnc_requested add_to_dnc added_to_dnc do_not_contact dont_contact do_not_contact_again no_contact
    opt_out opt_out_request opted_out optout optedout unsubscribe unsubscribed unsubscribe_request
    remove_me remove_number remove_from_list removed_from_list take_me_off take_off_list stop_calling stop_calling_me
    not_interested_remove not_interested_dnc not_interested_do_not_call
"""
WORDS: dict[str, Meaning] = {word: meaning for meaning, words in TABLE.items() for word in words.split()}
WORDS |= dict.fromkeys(DO_NOT_CALL.split(), "do_not_call")

# "answered" as a status is a call that goes on; as an outcome, or once the call is over, it is how the call ended.
REACHED = frozenset({"answered", "connected"})
PEOPLE = frozenset({"human", "person", "user", "customer"})
CAMPAIGN_OVER = frozenset(
    {*TABLE["over"].split(), "stopped", "canceled", "cancelled", "failed", "error", "expired", "aborted", "terminated"}
)

# An event name carries its word behind a noun, with any separator or none: call.completed, call-ended, CallRinging.
NOUNS = ("", "call", "phonecall", "outboundcall", "campaigncall", "callstatus")
BY_LETTERS = {word.replace("_", ""): word for word in WORDS}
SEPARATORS = re.compile(r"[\s_-]+")
NOT_LETTERS = re.compile(r"[^a-z0-9]")
LONGEST_WORD = 60  # what is longer is a sentence, and nobody maps a sentence to a status
NO_WORDS: Mapping[str, Meaning] = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the words about one call say together; the fields are those of `CallFact`."""

    status: AttemptStatus | None
    word: str | None
    unknown_words: tuple[str, ...] = ()
    retry_follows: bool = False
    ask: bool = False
    do_not_call: bool = False


def meanings(explained: Mapping[str, str]) -> Mapping[str, Meaning]:
    """What people said that words mean, as `extra_words`; a meaning that is none of ours is left out."""
    ours: dict[str, Meaning] = {str(meaning): meaning for meaning in (*AttemptStatus, *get_args(get_args(Meaning)[1]))}
    return {word: ours[meaning] for word, meaning in explained.items() if meaning in ours}


@lru_cache(4096)
def normal(word: str) -> str:
    """The spelling under which a word stands in the tables: "No-Answer" and "no answer" are "no_answer"."""
    return SEPARATORS.sub("_", word.strip().lower())


def status_of(
    status: str | None = None,
    outcomes: Sequence[str] = (),
    *,
    duration: float | None = None,
    answered_by: str | None = None,
    event: str | None = None,
    next_action: str | None = None,
    ended: bool = False,
    extra_words: Mapping[str, Meaning] = NO_WORDS,
) -> Verdict:
    """One verdict from the status word, the outcome words (the best first), who answered and the event's name.

    `duration` is seconds; `ended` says that the record has an end time; `extra_words` maps normal words as people did.
    """
    state = _meaning(status, extra_words)
    happened = _event_meaning(event, extra_words)
    said = [(word, _meaning(word, extra_words)) for word in outcomes]
    over = ended or "over" in (state, happened)
    goes_on = not over and AttemptStatus.DIALLING in (state, happened)
    retry = "retry" in (state, happened, _meaning(next_action), *(meaning for _, meaning in said))
    who = _who(answered_by, extra_words)
    unknown = _unknown((status, state), *said, (answered_by, who), (None if status else _as_word(event), happened))

    asked_off = next(
        (word for word, meaning in (*said, (status, state), (event, happened)) if meaning == "do_not_call"), None
    )
    machine = who is AttemptStatus.VOICEMAIL
    candidates: list[tuple[str | None, Meaning | None]] = [(word, _as_outcome(word, meaning)) for word, meaning in said]
    candidates.append((answered_by, who if machine else None))
    candidates.append((status, _as_outcome(status, state) if over else state))
    candidates.append((event, happened))
    for word, meaning in candidates:
        # While a call goes on, that somebody answered is not its end yet; and a machine is not somebody.
        answered_too_early = meaning is AttemptStatus.ANSWERED and (goes_on or machine)
        if isinstance(meaning, AttemptStatus) and meaning is not AttemptStatus.DIALLING and not answered_too_early:
            return Verdict(meaning, asked_off or word, unknown, retry, do_not_call=asked_off is not None)

    if asked_off:
        return Verdict(
            AttemptStatus.DIALLING if goes_on else AttemptStatus.ANSWERED, asked_off, unknown, retry, do_not_call=True
        )
    word = status or event or next(iter(outcomes), None)
    if over:
        # Who will call again does not say that somebody was reached, however long the line was open.
        if not retry and (who is AttemptStatus.ANSWERED or (duration or 0) > 0):
            return Verdict(AttemptStatus.ANSWERED, word, unknown)
        return Verdict(AttemptStatus.UNCLEAR, word, unknown, retry, ask=True)
    return Verdict(AttemptStatus.DIALLING if goes_on or retry else None, word, unknown, retry)


def campaign_is_over(status: str | None, event: str | None = None) -> bool:
    """Whether a campaign's free status, or where it has none its event's name, is one of the words for the end."""
    if status is not None:
        return normal(status) in CAMPAIGN_OVER
    return _letters(event or "").removeprefix("campaign") in CAMPAIGN_OVER


def is_about_campaign(event: str | None) -> bool:
    return "campaign" in _letters(event or "")


def is_about_call(event: str | None) -> bool:
    return "call" in _letters(event or "") and not is_about_campaign(event)


def meaning_of(word: str, extra_words: Mapping[str, Meaning] = NO_WORDS, *, is_event: bool = False) -> Meaning | None:
    """What one word means by itself, or an event's name; None where nobody has said so."""
    return _event_meaning(word, extra_words) if is_event else _meaning(word, extra_words)


def _meaning(word: str | None, extra_words: Mapping[str, Meaning] = NO_WORDS) -> Meaning | None:
    told = normal(word or "")
    return extra_words.get(told) or WORDS.get(told)


def _event_meaning(event: str | None, extra_words: Mapping[str, Meaning]) -> Meaning | None:
    explained = extra_words.get(normal(_as_word(event)))
    if explained is not None:
        return explained
    letters = _letters(event or "")
    behind = (letters.removeprefix(noun) for noun in NOUNS if letters.startswith(noun))
    return next((WORDS[BY_LETTERS[rest]] for rest in behind if rest in BY_LETTERS), None)


def _as_word(event: str | None) -> str:
    """An event's name as people find it among the words: "call.warbled" is "call_warbled"."""
    return (event or "").replace(".", "_")


def _as_outcome(word: str | None, meaning: Meaning | None) -> Meaning | None:
    return AttemptStatus.ANSWERED if normal(word or "") in REACHED else meaning


def _who(answered_by: str | None, extra_words: Mapping[str, Meaning]) -> Meaning | None:
    told = normal(answered_by or "")
    if told.startswith("machine"):  # Some say machine_start, machine_end_beep and more.
        return AttemptStatus.VOICEMAIL
    return AttemptStatus.ANSWERED if told in PEOPLE else _meaning(told, extra_words)


def _unknown(*told: tuple[str | None, Meaning | None]) -> tuple[str, ...]:
    words = (normal(word) for word, meaning in told if word and meaning is None)
    return tuple(dict.fromkeys(word for word in words if 0 < len(word) <= LONGEST_WORD))


@lru_cache(4096)
def _letters(event: str) -> str:
    return NOT_LETTERS.sub("", event.lower())
