"""How fast, how late and how often: the rules for what a person chooses about the dispatch, and what people will experience of it."""

from datetime import timedelta

from core.clocks import hours_of, hours_words
from core.errors import Invalid
from core.models import Campaign
from core.requests import wave_plan
from core.schedule import span

FLOWING, STRICT = "flowing", "strict"
PRIORITIES = {-1: "After others", 0: "Normal", 1: "Before others"}
FEWEST_CALLS, MOST_CALLS = 5, 1000
LONGEST_GAP_MINUTES = 30 * 24 * 60


def check_pacing(campaign: Campaign, people: int | None = None) -> None:
    """Invalid, with the field, for what cannot be; `people` is how many would be called, None while nobody knows."""
    if campaign.pace not in (FLOWING, STRICT):
        raise Invalid("Choose flowing or strict waves.", "pace")
    if campaign.priority not in PRIORITIES:
        raise Invalid("Choose one of the priorities.", "priority")
    if campaign.breaker_percent is not None and not 1 <= campaign.breaker_percent <= 100:
        raise Invalid("Between 1 and 100 percent, or nothing.", "breaker_percent")
    if not FEWEST_CALLS <= campaign.breaker_calls <= MOST_CALLS:
        raise Invalid(f"Between {FEWEST_CALLS} and {MOST_CALLS:,} calls.", "breaker_calls")
    if not 0 <= campaign.retry_gap_minutes <= LONGEST_GAP_MINUTES:
        raise Invalid("Between 1 minute and 30 days.", "retry_gap")
    if campaign.latest_start_at and campaign.start_at and campaign.latest_start_at <= campaign.start_at:
        raise Invalid("The latest start should be after the start.", "latest_local")
    if campaign.start_by == "provider":
        _check_start_by_provider(campaign, people)


def _check_start_by_provider(campaign: Campaign, people: int | None) -> None:
    """One wave, at one time that only its own clock keeps: nothing of ours comes between the hand-over and the calls."""
    if campaign.start_at is None:
        raise Invalid("The provider can start it at a time only: choose one.", "start_by")
    if hours_of(campaign) is not None:
        raise Invalid(
            "The provider does not know calling hours: let Callboard start it, or choose any time.", "start_by"
        )
    if campaign.latest_start_at is not None:
        raise Invalid("What is handed over cannot be kept back: leave the latest start empty.", "start_by")
    if people is not None and wave_plan(campaign.wave_size, people).waves > 1:
        size = wave_plan(campaign.wave_size, people).size
        raise Invalid(
            f"The provider can start one wave only, which holds {size:,} people here, and there are {people:,}.",
            "start_by",
        )


def experience(campaign: Campaign) -> str:
    """What one person on the list will notice: "up to 3 calls, at least 2 h apart, Mon–Fri 09:00–18:00, by their own clock"."""
    hours = f", {hours_words(campaign)}" if hours_of(campaign) else ", at any time of day and night"
    if not campaign.retry_attempts:
        return f"Each person gets one call{hours}."
    calls = campaign.retry_attempts + 1
    if campaign.retry_by == "provider":
        return f"Each person gets up to {calls} calls; when to try again is the provider's choice{hours}."
    gap = span(timedelta(minutes=campaign.retry_gap_minutes))
    after = " or ".join(str(outcome).replace("_", " ") for outcome in campaign.retry_outcomes) or "no outcome"
    return f"Each person gets up to {calls} calls, at least {gap} apart{hours}; another one only after: {after}."
