"""Why a campaign or a wave is where it is, and what happens next and when: what its page always says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.fold import silence_ends
from core.models import Campaign, Wave
from core.schedule import SETTLE_TIME, SUBMITTING_LIMIT, moment_words
from core.states import CampaignState, WaveState

NOTHING_MORE = "Nothing more happens."
UNTIL_SOMEBODY = "Nothing more is handed over until somebody lets it go on."
_UNSURE = (WaveState.SUBMITTING, WaveState.UNKNOWN, WaveState.NEEDS_PERSON)


@dataclass(frozen=True, slots=True)
class Reason:
    """`words` says why, `then` what happens next, `at` when that is, if it is known."""

    words: str
    then: str
    at: datetime | None = None


STARTING = Reason("Starting.", "The first wave is cut at once.")


def say(campaign: Campaign, reason: Reason, now: datetime) -> None:
    """Store it; it holds "since" the moment at which its words, but for their numbers, became these."""
    if _without_numbers(reason.words) != _without_numbers(campaign.why):
        campaign.why_since = now
    campaign.why, campaign.next_words, campaign.next_at = reason.words, reason.then, reason.at


def _without_numbers(words: str) -> str:
    return re.sub(r"\d[\d,]*", "", words)


def people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


@dataclass(frozen=True, slots=True)
class Out:
    """Whom no pause and no stop reaches: calls that the provider has, and people of whom nobody knows whether it has them."""

    calls: int
    unsure: int

    def __bool__(self) -> bool:
        return bool(self.calls or self.unsure)

    @property
    def words(self) -> str:
        """The end of a sentence about a pause or a stop; "" when nobody is out."""
        calls = f"{self.calls:,} {'call' if self.calls == 1 else 'calls'} already handed over will finish"
        unsure = f"{people(self.unsure)} may have been handed over"
        return ", ".join([calls] * bool(self.calls) + [unsure] * bool(self.unsure))


def out_of_reach(waves: Sequence[Wave], unsettled: Mapping[int, int]) -> Out:
    calls = sum(unsettled.get(wave.id, 0) for wave in waves if wave.state == WaveState.ACCEPTED)
    return Out(calls, sum(unsettled.get(wave.id, 0) for wave in waves if wave.state in _UNSURE))


def scheduled(campaign: Campaign) -> Reason:
    if campaign.start_at is None:
        return STARTING
    latest = campaign.latest_start_at
    late = f"; if that is not possible by {moment_words(latest, campaign.zone)}, somebody is asked" if latest else ""
    return Reason(
        f"Starts {moment_words(campaign.start_at, campaign.zone)}.",
        f"The first wave goes then{late}.",
        campaign.start_at,
    )


def standing(campaign: Campaign, waves: Sequence[Wave], unsettled: Mapping[int, int]) -> Reason | None:
    """The reason of a campaign that nobody has to think about further: paused, stopping, over. None: it runs, or has not begun."""
    out = out_of_reach(waves, unsettled)
    finishing = f"; {out.words}" if out else ""
    by = f" by {campaign.state_by}" if campaign.state_by else ""
    if campaign.state == CampaignState.PAUSED:
        return Reason(f"Paused{by}{finishing}.", "Nothing more is handed over until somebody resumes it.")
    if campaign.state == CampaignState.STOPPING:
        return Reason(f"Stopping{by}{finishing}.", "It has stopped when everything is settled.", at_the_latest(waves))
    if campaign.state == CampaignState.STOPPED:
        left = (
            f"; {people(campaign.cancelled)} {'was' if campaign.cancelled == 1 else 'were'} not called"
            if campaign.cancelled
            else ""
        )
        return Reason(f"Stopped{by}{left}.", NOTHING_MORE)
    if campaign.state == CampaignState.COMPLETED:
        return Reason("Everybody was called or accounted for.", NOTHING_MORE)
    return None


def in_doubt(waves: Sequence[Wave]) -> Reason | None:
    """The reason of a campaign with a wave that may or may not have been sent."""
    for wave in waves:
        if wave.state == WaveState.NEEDS_PERSON:
            return Reason(
                f"Wave {wave.ordinal} may or may not have been sent; somebody must decide.", wave_next(wave)[0]
            )
    for wave in waves:
        if wave.state == WaveState.UNKNOWN:
            return Reason(
                f"Wave {wave.ordinal} may or may not have been sent; we are looking for evidence.", *wave_next(wave)
            )
    return None


def calling(campaign: Campaign, waves: Sequence[Wave], in_use: int, wanted_lines: int, anybody_left: bool) -> Reason:
    """The reason of a campaign whose open waves explain it. `wanted_lines` is how many have to be free for the next one."""
    out = [wave for wave in waves if wave.state == WaveState.ACCEPTED]
    if not out:
        ordinal = f"Wave {waves[-1].ordinal} is" if waves else "The first wave is"
        return Reason(f"{ordinal} being handed over to the provider.", "The provider says whether it takes it.")
    names = _names([wave.ordinal for wave in out])
    waits_for = [wave for wave in out if wave.starts_at and wave.starts_at > (wave.last_event_at or wave.cut_at)]
    if waits_for and not any(wave.provider_initiated for wave in waits_for):
        words = "Handed over; the provider starts it at the chosen time. It can no longer be paused or stopped."
        return Reason(words, "The provider begins to call.", waits_for[0].starts_at)
    busy = f"{in_use:,} of {campaign.lines:,} {'line is' if campaign.lines == 1 else 'lines are'} busy"
    if not anybody_left:
        return Reason(
            f"{names} calling; everybody was handed over.", "It is complete when all are settled.", at_the_latest(waves)
        )
    following = waves[-1].ordinal + 1
    if campaign.pace == "strict":
        return Reason(
            f"{names} calling; {busy}.",
            f"Wave {following} goes when everybody in this one is settled.",
            at_the_latest(waves),
        )
    lines = "a line is" if wanted_lines == 1 else f"{wanted_lines:,} lines are"
    return Reason(f"{names} calling; {busy}.", f"Wave {following} goes when {lines} free.")


def at_the_latest(waves: Sequence[Wave]) -> datetime | None:
    """When the last of these waves is settled, whatever is reported; None where that depends on a person."""
    if not waves or any(wave.state != WaveState.ACCEPTED for wave in waves):
        return None
    return max(map(silence_ends, waves))


def wave_next(wave: Wave) -> tuple[str, datetime | None]:
    """What happens next with a wave, and when at the latest."""
    claimed = wave.claimed_at or wave.cut_at
    match WaveState(wave.state):
        case WaveState.PLANNED:
            return "It is handed over, or cut anew.", wave.not_before
        case WaveState.SUBMITTING:
            return (
                "The provider says whether it takes it; no word by then, and we look for evidence.",
                claimed + SUBMITTING_LIMIT,
            )
        case WaveState.UNKNOWN:
            return (
                "We look for evidence that it was sent; if none is found by then, somebody must decide.",
                claimed + SETTLE_TIME,
            )
        case WaveState.NEEDS_PERSON:
            return (
                "Somebody decides that it was sent, or that it is sent again; a report of one of its calls decides too.",
                None,
            )
        case WaveState.ACCEPTED if wave.starts_at and not wave.last_event_at:
            return "The provider starts it.", wave.starts_at
        case WaveState.ACCEPTED:
            return "Calls are reported; whoever nothing was reported of by then counts as “no news”.", silence_ends(
                wave
            )
        case WaveState.REFUSED | WaveState.VOID | WaveState.ABANDONED:
            return "Its people were given back to the list; a call that is reported here all the same is counted.", None
        case WaveState.FINISHED:
            return "Nothing; a late report still corrects its numbers.", None


def _names(ordinals: Sequence[int]) -> str:
    told = [str(ordinal) for ordinal in ordinals]
    return f"Wave {told[0]} is" if len(told) == 1 else f"Waves {', '.join(told[:-1])} and {told[-1]} are"
