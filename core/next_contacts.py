"""Who goes into the next wave: in the list's order, whoever may be called now, and for as long as the wave will take.

Whoever is found to be barred on the way is set aside with the reason. Nothing here walks the whole list: the people of each clock
have an index of their own, and what one look at them may cost is bounded.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from math import ceil
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, or_, select
from sqlalchemy.orm import Session

from core.bars import Bar, barred
from core.clocks import hours_of, zones_of
from core.hours import Hours, open_until
from core.leaving_out import leave_out
from core.models import Campaign, Contact, Reservation, Wave
from core.schedule import FRESH, TYPICAL_CALL
from core.states import ContactState
from core.waiting import IS_READY, waiting

# In one transaction; the next tick goes on where this one ended.
MOST_LOOKED_AT = 5000
ASKED_AT_ONCE = 1000
# As it is stored: to read a thousand of them one by one takes longer than all at once.
_CONTEXT = cast(Contact.context, Text).label("context")
NEVER_OPEN = "Its number may be in places where it is never inside the calling hours at the same time."


def next_contacts(session: Session, campaign: Campaign, most: int, lines: int, now: datetime) -> list[Any]:
    """Up to `most`, fewer where the hours end before a wave of so many would; the caller holds the campaign's lock.

    Those due again come first, then the list in its order. Numbers that are reserved already are stepped over. `context` is JSON.
    """
    hours = hours_of(campaign)
    if hours is None:
        return _Look(session, campaign, now).callable(most, None)
    look, clocks = _Look(session, campaign, now), waiting(session, campaign).by(now)
    for size, fitting in _sizes(campaign, hours, clocks, most, lines, now):
        if found := look.callable(size, None if fitting == clocks else fitting):
            return found
        if look.seen >= MOST_LOOKED_AT:
            break
    return []


def fits(campaign: Campaign, clock: int, length: timedelta, now: datetime) -> bool:
    """Does this clock stay inside the hours for so long?"""
    hours = hours_of(campaign)
    until = open_until(hours, zones_of(campaign, clock), now) if hours else None
    return hours is None or (until is not None and until - now >= length)


def _sizes(
    campaign: Campaign, hours: Hours, clocks: set[int], most: int, lines: int, now: datetime
) -> Iterator[tuple[int, set[int]]]:
    """How many people of which clocks make a wave that ends inside their hours: first as many as were asked for, then fewer."""
    rounds: dict[int, int] = {}
    for clock in clocks:
        until = open_until(hours, zones_of(campaign, clock), now) or now
        rounds[clock] = min(ceil(most / lines), (until - now - FRESH) // TYPICAL_CALL)
    for each in sorted({each for each in rounds.values() if each > 0}, reverse=True):
        yield min(most, each * lines), {clock for clock in clocks if rounds[clock] == each}


def leave_out_clock(session: Session, campaign: Campaign, clock: int, now: datetime) -> None:
    """Set aside people whom no hour suits, for the campaign would wait for them for ever."""
    people = _Look(session, campaign, now).next(MOST_LOOKED_AT, {clock})
    leave_out(session, campaign, [(contact, NEVER_OPEN) for contact in people], now)


class _Look:
    """One look at a campaign's people, which counts how many it has seen."""

    def __init__(self, session: Session, campaign: Campaign, now: datetime) -> None:
        self.session, self.campaign, self.now = session, campaign, now
        self.seen = 0

    def callable(self, most: int, clocks: set[int] | None) -> list[Any]:
        """The next `most` of these clocks (None: of all); whoever is barred is left out, and others are looked for."""
        good: set[int] = set()
        asked = most
        while True:
            found = self.next(asked, clocks)
            bars = self._bars([contact for contact in found if contact.id not in good])
            free = [contact for contact in found if contact.number not in bars]
            if not bars or self.seen >= MOST_LOOKED_AT:
                return free[:most]
            good |= {contact.id for contact in free}
            asked = max(most, ASKED_AT_ONCE)  # where one is barred, many may be

    def _bars(self, contacts: Sequence[Any]) -> Mapping[str, Bar]:
        numbers = {contact.number for contact in contacts}
        days, campaign_id = self.campaign.recent_days, self.campaign.id
        bars = barred(self.session, numbers, self.now, recent_days=days, campaign_id=campaign_id)
        out = [(contact, bars[contact.number].reason) for contact in contacts if contact.number in bars]
        leave_out(self.session, self.campaign, out, self.now)
        self.seen += len(contacts)
        return bars

    def next(self, most: int, clocks: set[int] | None) -> list[Any]:
        free = ~select(Reservation.number).where(Reservation.number == Contact.number).exists()
        columns: tuple[Any, ...] = (
            Contact.id, Contact.number, Contact.caller_id, _CONTEXT, Contact.wave_id, Contact.due_at, Contact.position,
            Contact.attempts,
        )  # fmt: skip
        mine = select(*columns).where(Contact.campaign_id == self.campaign.id, free)
        due = self._locked(mine.where(Contact.due_at <= self.now), most, clocks)
        if len(due) == most:
            return due
        # By its own index: with the one of the clocks, all of them would have to be sorted.
        ready = mine.where(IS_READY if clocks else Contact.state == ContactState.READY)
        return [*due, *self._in_order(ready, (Contact.position,), most - len(due), clocks)]

    def _locked(self, due: Select[Any], most: int, clocks: set[int] | None) -> list[Any]:
        """Their earlier waves are locked before they are taken: a late report there may say just now that nobody need try again."""
        order = (Contact.due_at, Contact.id)
        waves = {contact.wave_id for contact in self._in_order(due, order, most, clocks)}
        if not waves:
            return []
        mine = select(Wave.id).where(Wave.id.in_(waves)).order_by(Wave.id)
        self.session.execute(mine.with_for_update(of=Wave, key_share=True))
        return [contact for contact in self._in_order(due, order, most, clocks) if contact.wave_id in waves]

    def _in_order(self, people: Select[Any], order: tuple[Any, ...], most: int, clocks: set[int] | None) -> list[Any]:
        if clocks is None:
            return list(self.session.execute(people.order_by(*order).limit(most)))
        page = max(10, 2 * most // len(clocks))
        each = [self._pages(people.where(Contact.clock == clock), order, page) for clock in sorted(clocks)]
        return list(islice(merge(*each, key=attrgetter(*(column.key for column in order))), most))

    def _pages(self, people: Select[Any], order: tuple[Any, ...], size: int) -> Iterator[Any]:
        """The people of one clock, read as far as they are asked for."""
        page = people.order_by(*order).limit(size)
        rows = self.session.execute(page).all()
        yield from rows
        while len(rows) == size:
            rows = self.session.execute(page.where(_after(order, rows[-1]))).all()
            yield from rows


def _after(order: tuple[Any, ...], row: Any) -> ColumnElement[bool]:
    """Whoever comes behind this row; only the last column of the order is without ties."""
    first, *rest = order
    at = getattr(row, first.key)
    beyond: ColumnElement[bool] = first > at
    return and_(first >= at, or_(beyond, _after(tuple(rest), row))) if rest else beyond
