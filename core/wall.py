"""All campaigns now: the totals, and a card for each live one. Pages and streams show what one function here says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from core.health import ATTENTION, ENDED, FINE, NO_WAVES, WAITING, Health, health, open_waves
from core.hours import place
from core.installation import HOME_ZONE, value_of
from core.models import Campaign, Contact, Delivery, Wave
from core.pace import Pace, paces
from core.progress import OUTCOMES, Progress, progress_of_each
from core.provider_state import trouble
from core.states import ENDED_CAMPAIGNS, LIVE_CAMPAIGNS, CampaignState, ContactState

MOST_CARDS = 60
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
    is_over = and_(Campaign.state.in_(ENDED_CAMPAIGNS), Campaign.ended_at >= now - STAYS)
    query = select(Campaign).where(Campaign.is_test.is_(False), or_(Campaign.state.in_(LIVE_CAMPAIGNS), is_over))
    campaigns = session.scalars(query).all()
    known = progress_of_each(session, campaigns)
    told = healths(session, campaigns, known, now)
    campaigns = sorted(campaigns, key=lambda one: (_URGENCY[told[one.id].word], -one.id))
    shown = campaigns[:MOST_CARDS]
    speed = paces(session, shown, known, now)
    cards = [Card(one, known[one.id], speed.get(one.id), told[one.id]) for one in shown]
    return Wall(_totals(session, campaigns, known, now), cards, len(campaigns) - len(shown))


def healths(
    session: Session, campaigns: Sequence[Campaign], known: dict[int, Progress], now: datetime
) -> dict[int, Health]:
    """The health of each of these, by their ids."""
    waves, ails = open_waves(session, [one.id for one in campaigns]), trouble(session, now)
    return {one.id: health(one, known[one.id], waves.get(one.id, NO_WAVES), ails, now) for one in campaigns}


def _totals(session: Session, campaigns: Sequence[Campaign], known: dict[int, Progress], now: datetime) -> Totals:
    zone = value_of(session, HOME_ZONE)
    ended = _ended_since(session, _midnight(zone, now))
    answered = ended.pop(ContactState.ANSWERED, 0)
    return Totals(
        running=sum(one.state == CampaignState.RUNNING for one in campaigns),
        calling=sum(known[one.id].of(ContactState.DIALLING) for one in campaigns),
        answered=answered,
        not_reached=sum(ended.values()),
        last_delivery_at=session.scalar(select(Delivery.received_at).order_by(Delivery.id.desc()).limit(1)),
        zone=zone,
    )


def _midnight(zone: str, now: datetime) -> datetime:
    return now.astimezone(place(zone)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _ended_since(session: Session, since: datetime) -> dict[str, int]:
    """People by outcome whose call ended since then; without test calls."""
    heard = Wave.last_event_at >= since
    rows = session.execute(
        select(Contact.state, func.count())
        .join(Wave, Wave.id == Contact.wave_id)
        .join(Campaign, Campaign.id == Wave.campaign_id)
        .where(heard, Campaign.is_test.is_(False), Contact.settled_at >= since, Contact.state.in_(OUTCOMES))
        .group_by(Contact.state)
    )
    return dict(rows.all())
