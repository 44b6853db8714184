"""What a launch would do, told beforehand: people, waves, length, samples, missing variables, the first request."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clocks import hours_of, hours_words
from core.hours import instant_words, opens_at, place
from core.launch import variables_of
from core.lists import callable_count
from core.models import Campaign, ContactList, Row, Suppression
from core.pace import ends_between
from core.pacing import PROVIDER
from core.requests import TargetRequest, WavePlan, build_request, wave_plan
from core.schedule import expected_length
from core.states import CALLABLE_VERDICTS, RowVerdict

MASK = "put in at the POST"


@dataclass(frozen=True, slots=True)
class Summary:
    """The side of every step. `ends_from` and `ends_to` are None while nobody is to be called, and where nobody can know:
    when people are called by clocks of their own, or inside hours that make it take more than a year.
    """

    people: int
    excluded: int
    plan: WavePlan
    low: timedelta
    high: timedelta
    hours: str
    ends_from: datetime | None
    ends_to: datetime | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One person with the variables that the agent will be given."""

    row_number: int
    number: str
    caller_id: str | None
    context: dict[str, Any]
    is_emptiest: bool = False


def summary_of(campaign: Campaign, contact_list: ContactList, now: datetime) -> Summary:
    people = callable_count(contact_list)
    low, high = expected_length(campaign, people)
    start = max(campaign.start_at or now, now)
    plan = wave_plan(campaign.wave_size, people)
    excluded = sum(int(count) for count in contact_list.counts.values()) - people
    ends = ends_between(campaign, start, low, high) if people else (None, None)
    return Summary(people, excluded, plan, low, high, hours_words(campaign), *ends)


def hours_now(campaign: Campaign, now: datetime) -> str:
    """What the clock of the campaign's zone says about its hours at this moment."""
    hours = hours_of(campaign)
    if hours is None:
        return "As saved, people are called at any time of day and night."
    shown = f"Now {now.astimezone(place(campaign.zone)):%H:%M} in {campaign.zone}"
    opening = opens_at(hours, [campaign.zone], now)
    if opening == now:
        return f"{shown}: inside the hours."
    return f"{shown}: outside the hours; next at {instant_words(opening, campaign.zone, now)}." if opening else ""


def start_outside(campaign: Campaign, now: datetime) -> str | None:
    """What becomes of a start that lies outside the hours by the campaign's clock; None when it does not."""
    hours, start = hours_of(campaign), max(campaign.start_at or now, now)
    opening = opens_at(hours, [campaign.zone], start) if hours else start
    if opening is None or opening == start:
        return None
    words = f"At the start it is outside the calling hours in {campaign.zone}"
    if campaign.hours_by == "campaign":
        return f"{words}: nobody is called before {instant_words(opening, campaign.zone, now)}."
    return f"{words}. Whoever's own clock is inside them is called then, everybody else later."


def exclusions(contact_list: ContactList) -> list[tuple[RowVerdict, int]]:
    """Who will not be called, by verdict; only those that there are."""
    barred = [verdict for verdict in RowVerdict if verdict not in CALLABLE_VERDICTS]
    return [(verdict, count) for verdict in barred if (count := int(contact_list.counts.get(verdict, 0)))]


def barred_since(session: Session, contact_list: ContactList) -> int:
    """How many numbers came onto the do-not-call list since this list was judged; whoever of them is on it is not called."""
    if contact_list.judged_at is None:
        return 0
    newer = select(func.count()).select_from(Suppression).where(Suppression.created_at > contact_list.judged_at)
    return session.scalar(newer) or 0


def samples(session: Session, campaign: Campaign, contact_list: ContactList, count: int = 3) -> list[Sample]:
    """The row with the most gaps in what the agent is given first, then the first ones of the list."""
    likely = select(Row).where(
        Row.list_id == contact_list.id, Row.row_number.in_(contact_list.reading.get("emptiest") or []),
        Row.verdict.in_(CALLABLE_VERDICTS),
    )  # fmt: skip
    worst = [_sample(row, campaign, contact_list, is_emptiest=True) for row in session.scalars(likely)]
    worst.sort(key=lambda sample: (sum(map(bool, sample.context.values())), sample.row_number))
    first = [_sample(row, campaign, contact_list) for row in _callable_rows(session, contact_list, count)]
    return [*worst[:1], *(one for one in first if one.row_number not in {w.row_number for w in worst[:1]})][:count]


def _sample(row: Row, campaign: Campaign, contact_list: ContactList, is_emptiest: bool = False) -> Sample:
    given = {**campaign.context, **variables_of(row.cells, contact_list.mapping)}
    return Sample(row.row_number, row.number or "", row.caller_id, given, is_emptiest)


def _callable_rows(session: Session, contact_list: ContactList, count: int) -> list[Row]:
    query = (
        select(Row)
        .where(Row.list_id == contact_list.id, Row.verdict.in_(CALLABLE_VERDICTS))
        .order_by(Row.row_number)
        .limit(count)
    )
    return list(session.scalars(query))


def first_request(
    session: Session, campaign: Campaign, contact_list: ContactList, people: int
) -> dict[str, Any] | None:
    """The exact request of the first wave, its secrets and references masked; None while it cannot be made."""
    if campaign.agent is None or not people:
        return None
    plan = wave_plan(campaign.wave_size, people)
    targets = [
        TargetRequest(row.number or "", MASK, row.caller_id, variables_of(row.cells, contact_list.mapping))
        for row in _callable_rows(session, contact_list, plan.size)
    ]
    lines = min(campaign.lines, len(targets))
    starts_at = campaign.start_at if campaign.start_by == PROVIDER else None
    request = build_request(campaign, targets, ordinal=1, waves=plan.waves, lines=lines, starts_at=starts_at)
    return {**request, "webhook_url": MASK, "webhook_secret": MASK}
