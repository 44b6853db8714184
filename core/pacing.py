"""How fast, how late and how often: the rules for what a person chooses about the dispatch, and what people will experience of it."""

from datetime import timedelta

from core.clocks import hours_of, hours_words
from core.errors import Invalid
from core.models import Campaign
from core.requests import wave_plan
from core.schedule import span
from core.states import RETRYABLE

FLOWING, STRICT = "flowing", "strict"
US, PROVIDER = "us", "provider"
PRIORITIES = {-1: "After others", 0: "Normal", 1: "Before others"}
FEWEST_CALLS, MOST_CALLS = 5, 1000
# What a draft begins with, and what an absent field comes to: nobody switches the guard off by leaving it out.
USUAL_PERCENT, USUAL_CALLS = 50, 20
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
    _check_retries(campaign)
    if campaign.start_by not in (US, PROVIDER):
        raise Invalid("Choose who starts it.", "start_by")
    if campaign.latest_start_at and campaign.start_at and campaign.latest_start_at <= campaign.start_at:
        raise Invalid("The latest start should be after the start.", "latest_local")
    if why := why_not_by_provider(campaign, people):
        raise Invalid(why, "start_by")


def _check_retries(campaign: Campaign) -> None:
    if campaign.retry_by not in (US, PROVIDER):
        raise Invalid("Choose who calls again.", "retry_by")
    if not 1 <= campaign.retry_gap_minutes <= LONGEST_GAP_MINUTES:
        raise Invalid("Between 1 minute and 30 days.", "retry_gap")
    if campaign.retry_by == US and campaign.retry_attempts and not set(campaign.retry_outcomes) & set(RETRYABLE):
        raise Invalid("Choose after which outcomes, or 0 more tries.", "retry_outcomes")


def why_not_by_provider(campaign: Campaign, people: int | None) -> str | None:
    """Why the provider cannot start this one, if it is to: None when it can, or when it is not asked to.

    One wave, at one time that only its own clock keeps: nothing of ours comes between the hand-over and the calls.
    """
    if campaign.start_by != PROVIDER:
        return None
    if campaign.start_at is None:
        return "The provider can start it at a time only: choose one."
    if hours_of(campaign) is not None:
        return "The provider does not know calling hours: let Callboard start it, or choose any time."
    if campaign.latest_start_at is not None:
        return "What is handed over cannot be kept back: leave the latest start empty."
    plan = wave_plan(campaign.wave_size, people or 0)
    if plan.waves > 1:
        return f"The provider can start one wave only, which holds {plan.size:,} people here, and there are {people:,}."
    return None


def switch_words(campaign: Campaign) -> str:
    if campaign.breaker_percent is None:
        return "None: it calls on however many calls fail."
    return f"Stops if more than {campaign.breaker_percent} % of the last {campaign.breaker_calls:,} calls fail."


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
