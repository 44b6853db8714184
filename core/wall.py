"""All campaigns now: the totals, and a card for each live one. Pages and streams show what one function here says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import BindParameter, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from core.health import ATTENTION, ENDED, FINE, NO_WAVES, WAITING, Health, health, open_waves
from core.hours import place
from core.installation import HOME_ZONE, value_of
from core.models import Campaign, Contact, Delivery, Wave
from core.pace import Pace, paces
from core.progress import OUTCOMES, Progress, progress_of_each
from core.provider_state import ailment
from core.states import ENDED_CAMPAIGNS, LIVE_CAMPAIGNS, CampaignState, ContactState

# More than a screen shows; those that need somebody come first.
MOST_CARDS = 24
MOST_NAMED = 5000
_URGENCY = {ATTENTION: 0, FINE: 1, WAITING: 2, ENDED: 3}
# Whoever looks up a little later still sees that a campaign is over, and how it went.
STAYS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Totals:
    """`answered` and `not_reached` are people whose newest call came to its end today, by the clock of `zone`."""

    running: int
    calling: int
    answered: int
    not_reached: int
    last_delivery_at: datetime | None
    zone: str


@dataclass(frozen=True, slots=True)
class Card:
    """One live campaign, or one that ended a moment ago."""

    campaign: Campaign
    progress: Progress
    pace: Pace | None
    health: Health


@dataclass(frozen=True, slots=True)
class Wall:
    """`more` is how many live campaigns have no card here; whoever needs somebody has one before all others."""

    totals: Totals
    cards: Sequence[Card]
    more: int


def wall(session: Session, now: datetime) -> Wall:
    """Of all campaigns only what their health is made of is read; the rest, of those that are shown."""
    is_over = and_(Campaign.state.in_(ENDED_CAMPAIGNS), Campaign.ended_at >= now - STAYS)
    query = select(Campaign.id, Campaign.state, Campaign.hold, Campaign.hold_words, Campaign.alarm, Campaign.why)
    mine = query.where(Campaign.is_test.is_(False), or_(Campaign.state.in_(LIVE_CAMPAIGNS), is_over))
    rows = session.execute(mine).all()
    waves, ails = open_waves(session), ailment(session, now)
    told = {row.id: health(row, waves.get(row.id, NO_WAVES), ails, now) for row in rows}
    order = sorted(told, key=lambda campaign_id: (_URGENCY[told[campaign_id].word], -campaign_id))[:MOST_CARDS]
    found = {one.id: one for one in session.scalars(select(Campaign).where(Campaign.id.in_(order)))}
    shown = [found[campaign_id] for campaign_id in order]
    known = progress_of_each(session, shown)
    speed = paces(session, shown, known, now)
    cards = [Card(one, known[one.id], speed.get(one.id), told[one.id]) for one in shown]
    running = sum(row.state == CampaignState.RUNNING for row in rows)
    totals = _totals(session, running, sum(waves.get(row.id, NO_WAVES).calls for row in rows), now)
    live = sum(row.state in LIVE_CAMPAIGNS for row in rows) - sum(one.state in LIVE_CAMPAIGNS for one in shown)
    return Wall(totals, cards, live)


def _totals(session: Session, running: int, calling: int, now: datetime) -> Totals:
    zone = value_of(session, HOME_ZONE)
    ended = _ended_since(session, _midnight(zone, now))
    answered = ended.pop(ContactState.ANSWERED, 0)
    newest = select(Delivery.received_at).order_by(Delivery.id.desc()).limit(1)
    return Totals(running, calling, answered, sum(ended.values()), session.scalar(newest), zone)


def _midnight(zone: str, now: datetime) -> datetime:
    return now.astimezone(place(zone)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _ended_since(session: Session, since: datetime) -> Counter[str]:
    """People by outcome whose call ended since then; without test calls."""
    went_on = or_(Campaign.state.in_(LIVE_CAMPAIGNS), Campaign.ended_at >= since)
    campaigns = select(Campaign.id).where(went_on, Campaign.is_test.is_(False))
    waves = select(Wave.id, Wave.cut_at, Wave.counts).where(
        Wave.campaign_id.in_(campaigns), Wave.last_event_at >= since
    )
    ended, ids = Counter[str](), []
    for wave_id, cut_at, counts in session.execute(waves):
        if counts is not None and cut_at >= since:  # over, and all of it happened today
            ended.update({state: counts[state] for state in OUTCOMES if state in counts})
        else:
            ids.append(wave_id)
    # Named one by one, each is looked up in the index of its people; a join reads everybody who was ever called.
    for first in range(0, len(ids), MOST_NAMED):
        some: BindParameter[int] = bindparam(
            "ids", ids[first : first + MOST_NAMED], expanding=True, literal_execute=True
        )
        mine = (Contact.wave_id.in_(some), Contact.settled_at >= since, Contact.state.in_(OUTCOMES))
        rows = session.execute(select(Contact.state, func.count()).where(*mine).group_by(Contact.state))
        ended.update(dict(rows.all()))
    return ended
