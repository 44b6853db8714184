"""The people who are still to be called: by which clocks, when the first of them may be, and why nobody can be taken now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.orm import Session

from core.clocks import hours_of, zones_of
from core.hours import instant_words, opens_at
from core.models import Campaign, Contact, Reservation, Wave
from core.schedule import FRESH, TYPICAL_CALL
from core.states import ContactState

# A partial index is used only where the statement itself says what the index is about.
IS_READY = Contact.state == literal_column("'ready'")
SHORTEST_WAVE = TYPICAL_CALL + FRESH


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


def openings(campaign: Campaign, people: Waiting, now: datetime) -> dict[int, datetime | None]:
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
    return _outside(campaign, waiting(session, campaign), now) if hours_of(campaign) else None


def why_nobody(
    session: Session, campaign: Campaign, waves: Sequence[Wave], people: Waiting, now: datetime
) -> str | None:
    """Nobody could be taken: for the hours, because all who are left are held elsewhere, or are due later.

    None when nobody is left, or when the open waves explain it.
    """
    if waves:
        return None
    if outside := _outside(campaign, people, now):
        return f"{outside[0].upper()}{outside[1:]}."
    if name := _called_elsewhere(session, campaign):
        return f"Everybody left is being called by “{name}” at this moment; they are next when it is done with them."
    if first := _first(campaign, people, now):
        tried = "" if people.ready else "Everybody was tried; "
        words = f"{tried}the next try is due at {_told(campaign, first[0], now)}."
        return f"{words[0].upper()}{words[1:]}"
    due = session.scalar(select(func.min(Contact.due_at)).where(Contact.campaign_id == campaign.id))
    return f"Everybody was tried; the next try is due at {due:%H:%M} UTC." if due else None


def _outside(campaign: Campaign, people: Waiting, now: datetime) -> str | None:
    first = _first(campaign, people, now)
    if first is None or first[0] <= now or first[1] not in people.by(now):
        return None  # somebody could go, or is only due later
    return f"outside calling hours until {_told(campaign, first[0], now)}"


def _first(campaign: Campaign, people: Waiting, now: datetime) -> tuple[datetime, int] | None:
    return min(((at, clock) for clock, at in openings(campaign, people, now).items() if at), default=None)


def _told(campaign: Campaign, at: datetime, now: datetime) -> str:
    """By the one clock there is, or else by the campaign's, which is said."""
    words = instant_words(at, campaign.zone, now)
    if len(campaign.clocks) > 1:
        return f"{words} in {campaign.zone}; people are called by clocks of their own"
    return f"{words} ({campaign.zone})"


def _called_elsewhere(session: Session, campaign: Campaign) -> str | None:
    """The name of another campaign that is calling one of the people who are ready here."""
    return session.scalar(
        select(Campaign.name)
        .join(Reservation, Reservation.campaign_id == Campaign.id)
        .join(Contact, Contact.number == Reservation.number)
        .where(Contact.campaign_id == campaign.id, Contact.state == ContactState.READY, Campaign.id != campaign.id)
        .limit(1)
    )
