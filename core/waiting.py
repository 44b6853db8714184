"""The people who are still to be called: by which clocks, when the first of them may be, and why nobody can be taken now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select
from sqlalchemy.orm import Session

from core.clocks import hours_of, zones_of
from core.hours import instant_words, opens_at
from core.models import Campaign, Contact, Reservation
from core.reasons import Reason
from core.schedule import FRESH, TYPICAL_CALL
from core.states import ContactState

# A partial index is used only where the statement itself says what the index is about.
IS_READY = Contact.state == literal_column("'ready'")
THEN = "The next wave goes then."
SHORTEST_WAVE = TYPICAL_CALL + FRESH
Openings = dict[int, datetime | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The clocks of a campaign's people: of the ready ones, and of those due again, since (or from) when."""

    ready: set[int]
    due: dict[int, datetime]

    def by(self, now: datetime) -> set[int]:
        """The clocks of people who could go now, were it for the hours alone."""
        return self.ready | {clock for clock, since in self.due.items() if since <= now}


def waiting(session: Session, campaign: Campaign) -> Waiting:
    """Read from one clock's place in an index to the next one's, however many people there are."""
    mine = Contact.campaign_id == campaign.id
    is_due = Contact.due_at.is_not(None)
    due = _clocks(mine, is_due)
    since = select(func.min(Contact.due_at)).where(mine, is_due, Contact.clock == due.selected_columns[0])
    return Waiting(
        ready=set(session.scalars(_clocks(mine, IS_READY))),
        due=dict(session.execute(due.add_columns(since.scalar_subquery())).all()),
    )


def _clocks(*which: ColumnElement[bool]) -> Select[Any]:
    """The clocks of such people, each once: the smallest, then always the next larger one."""
    found = select(func.min(Contact.clock).label("clock")).where(*which).cte("found", recursive=True)
    larger = select(func.min(Contact.clock)).where(*which, Contact.clock > found.c.clock).correlate(found)
    found = found.union_all(select(larger.scalar_subquery()).where(found.c.clock.is_not(None)))
    return select(found.c.clock).where(found.c.clock.is_not(None))


def openings(campaign: Campaign, people: Waiting, now: datetime) -> Openings:
    """For each clock, when the first of its people may be called; None where that never comes. Empty when there are no hours."""
    hours = hours_of(campaign)
    if hours is None:
        return {}
    since = people.due | dict.fromkeys(people.ready, now)
    return {
        clock: opens_at(hours, zones_of(campaign, clock), max(now, at), SHORTEST_WAVE) for clock, at in since.items()
    }


def outside_hours(session: Session, campaign: Campaign, now: datetime) -> str | None:
    """ "outside calling hours until …" when that alone keeps everybody who is left; else None."""
    if hours_of(campaign) is None:
        return None
    people = waiting(session, campaign)
    return _outside(campaign, people, openings(campaign, people, now), now)


def why_nobody(session: Session, campaign: Campaign, people: Waiting, opens: Openings, now: datetime) -> Reason | None:
    """Nobody could be taken: for the hours, because all who are left are held elsewhere, or are due later; None: nobody is left."""
    at, _clock = _first(opens)
    if outside := _outside(campaign, people, opens, now):
        return Reason(f"{outside[0].upper()}{outside[1:]}.", THEN, at)
    if name := _called_elsewhere(session, campaign, now):
        words = f"Everybody left is being called by “{name}” at this moment."
        return Reason(words, "They are next here when it is done with them.")
    if at and at > now:
        words = f"the next try is due at {_told(campaign, at, now)}."
        return Reason(f"{words[0].upper()}{words[1:]}" if people.ready else f"Everybody was tried; {words}", THEN, at)
    due = session.scalar(select(func.min(Contact.due_at)).where(Contact.campaign_id == campaign.id))
    if due is None:
        return None
    return Reason(f"Everybody was tried; the next try is due at {_told(campaign, due, now)}.", THEN, due)


def somebody_could_go(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Is there anybody who could go into a wave now, were there lines?"""
    people = waiting(session, campaign)
    if hours_of(campaign) is None:
        return bool(people.by(now))
    opens = openings(campaign, people, now)
    return any((at := opens.get(clock)) is not None and at <= now for clock in people.by(now))


def _outside(campaign: Campaign, people: Waiting, opens: Openings, now: datetime) -> str | None:
    at, clock = _first(opens)
    if at is None or at <= now or clock not in people.by(now):
        return None  # somebody could go, or is only due later
    return f"outside calling hours until {_told(campaign, at, now)}"


def _first(opens: Openings) -> tuple[datetime | None, int]:
    return min(((at, clock) for clock, at in opens.items() if at), default=(None, 0))


def _told(campaign: Campaign, at: datetime, now: datetime) -> str:
    """By the one clock there is, or else by the campaign's, which is said."""
    words = instant_words(at, campaign.zone, now)
    if len(campaign.clocks) > 1:
        return f"{words} in {campaign.zone}; people are called by clocks of their own"
    return f"{words} ({campaign.zone})"


def _called_elsewhere(session: Session, campaign: Campaign, now: datetime) -> str | None:
    """The name of another campaign that is calling one of the people who could go here."""
    could_go = or_(Contact.state == ContactState.READY, Contact.due_at <= now)
    return session.scalar(
        select(Campaign.name)
        .join(Reservation, Reservation.campaign_id == Campaign.id)
        .join(Contact, Contact.number == Reservation.number)
        .where(Contact.campaign_id == campaign.id, could_go, Campaign.id != campaign.id)
        .limit(1)
    )
