"""Who must not be called now: asked when a list is judged, at the launch, as each wave is cut, and once more at its claim."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import ARRAY, ColumnElement, String, any_, func, literal, or_, select
from sqlalchemy.orm import Session

from core.models import Campaign, Contact, Suppression, Target, Wave
from core.restoring import handed_over_since, lost_numbers
from core.states import LIVE_CAMPAIGNS, NEVER_SENT, TO_CALL, RowVerdict

T = TypeVar("T")
# So many numbers go into one statement. They are one parameter, so it could be more; but nobody waits long for one statement.
ASKED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Bar:
    """Why a number must not be called: the box that its row belongs in, and a sentence."""

    verdict: RowVerdict
    reason: str


def barred(
    session: Session, numbers: Collection[str], now: datetime, *, recent_days: int = 0, campaign_id: int | None = None
) -> Mapping[str, Bar]:
    """Those of `numbers` (E.164) that must not be called, each with its bar.

    `recent_days`: also whoever a campaign other than `campaign_id` reached or tried in that many days. Whoever `campaign_id` itself
    handed over in a submission that was lost with a restore is barred there: a draft of then, or a second try, may come to them late.
    """
    bars: dict[str, Bar] = {}
    lost = lost_numbers(session, campaign_id) if campaign_id is not None else {}
    for some in batches(numbers, ASKED_AT_ONCE):
        if recent_days:
            bars |= _called_recently(session, some, now, recent_days, campaign_id)
        bars |= {one: Bar(RowVerdict.CALLED_RECENTLY, handed_over_since(lost[one])) for one in some if one in lost}
        bars |= _suppressed(session, some, now)  # the stronger reason is the one that is told
    return bars


def waiting_elsewhere(session: Session, numbers: Iterable[Collection[str]], campaign_id: int | None) -> int:
    """How many of these numbers (in batches) another campaign that is under way has still to call."""
    others = (
        Campaign.state.in_(LIVE_CAMPAIGNS),
        Campaign.is_test.is_(False),
        Campaign.id.is_distinct_from(campaign_id),
    )
    if session.scalar(select(Campaign.id).where(*others).limit(1)) is None:
        return 0
    to_call = or_(Contact.state.in_(TO_CALL), Contact.due_at.is_not(None))
    people = select(func.count(func.distinct(Contact.number))).join(Campaign, Campaign.id == Contact.campaign_id)
    people = people.where(*others, to_call)
    return sum(session.scalar(people.where(among(session, Contact.number, some))) or 0 for some in numbers)


def in_force(now: datetime) -> ColumnElement[bool]:
    """The condition of entries of the do-not-call list that still count."""
    return or_(Suppression.expires_at.is_(None), Suppression.expires_at > now)


def _suppressed(session: Session, numbers: Collection[str], now: datetime) -> dict[str, Bar]:
    entries = select(Suppression.number, Suppression.reason, Suppression.created_at).where(
        among(session, Suppression.number, numbers), in_force(now)
    )
    return {
        number: Bar(
            RowVerdict.DO_NOT_CALL,
            f"On the do-not-call list since {created_at:%Y-%m-%d}{f': {reason}' if reason else '.'}"[:255],
        )
        for number, reason, created_at in session.execute(entries)
    }


def _called_recently(
    session: Session, numbers: Collection[str], now: datetime, days: int, campaign_id: int | None
) -> dict[str, Bar]:
    """Whoever was handed over, or may have been, counts as tried, whatever was reported of it. Test calls do not count."""
    handed_over = func.coalesce(Wave.accepted_at, Wave.claimed_at)
    query = (
        select(Contact.number, Campaign.name, func.max(handed_over))
        .join(Target, Target.contact_id == Contact.id)
        .join(Wave, Wave.id == Target.wave_id)
        .join(Campaign, Campaign.id == Contact.campaign_id)
        .where(among(session, Contact.number, numbers), Wave.state.not_in(NEVER_SENT), Campaign.is_test.is_(False))
        .where(handed_over > now - timedelta(days=days))
        .group_by(Contact.number, Campaign.name)
    )
    if campaign_id is not None:
        query = query.where(Campaign.id != campaign_id)
    newest: dict[str, tuple[datetime, str]] = {}
    for number, name, at in session.execute(query):
        newest[number] = max(newest.get(number, (at, name)), (at, name))
    return {
        number: Bar(RowVerdict.CALLED_RECENTLY, f"Called on {at:%Y-%m-%d} by “{name}”."[:255])
        for number, (at, name) in newest.items()
    }


def among(session: Session, column: Any, texts: Collection[str]) -> ColumnElement[bool]:
    """Is the column one of these texts? All of them are one parameter: a thousand would be parsed and planned anew each time."""
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(json.dumps(list(texts))).table_valued("value")
        return cast(ColumnElement[bool], column.in_(select(listed.c.value)))
    return cast(ColumnElement[bool], column == any_(literal(list(texts), ARRAY(String))))


def batches(things: Collection[T], size: int) -> Iterator[list[T]]:
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch
