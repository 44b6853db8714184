"""Reading for pages: keyset pages of campaigns and contacts, and who is who. Nothing here writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.models import Attempt, Campaign, Contact, Wave
from core.states import CampaignState, ContactState

T = TypeVar("T")
PAGE = 25
MOST_WAVES = 1_000_000
MOST_OWNERS = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows and the key to go on from; None where there is nothing more."""

    rows: Sequence[T]
    next_key: int | None


def page_of(rows: Sequence[T], most: int, key: Callable[[T], int]) -> Page[T]:
    """A page of `most` rows; one more of them was asked for, which only says that there is more."""
    return Page(rows[:most], key(rows[most - 1]) if len(rows) > most else None)


def find_campaign(session: Session, campaign_id: int) -> Campaign:
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


@dataclass(frozen=True, slots=True)
class WantedCampaigns:
    """Which campaigns a list is to show: everything that is set has to fit. `since` and `until` are about when they were made."""

    states: Sequence[CampaignState] = ()
    search: str = ""
    owner: str = ""
    since: datetime | None = None
    until: datetime | None = None


def campaigns_page(session: Session, wanted: WantedCampaigns, before: int | None) -> Page[Campaign]:
    """Newest first, without test calls; `before` is the id that the previous page ended with."""
    query = select(Campaign).where(Campaign.is_test.is_(False)).order_by(Campaign.id.desc()).limit(PAGE + 1)
    if wanted.states:
        query = query.where(Campaign.state.in_(wanted.states))
    if wanted.search:
        query = query.where(func.lower(Campaign.name).contains(wanted.search.lower(), autoescape=True))
    if wanted.owner:
        query = query.where(Campaign.created_by == wanted.owner)
    if wanted.since:
        query = query.where(Campaign.created_at >= wanted.since)
    if wanted.until:
        query = query.where(Campaign.created_at < wanted.until)
    if before:
        query = query.where(Campaign.id < before)
    return page_of(session.scalars(query).all(), PAGE, lambda campaign: campaign.id)


def owners(session: Session) -> Sequence[str]:
    """Who made campaigns, by name."""
    made = select(Campaign.created_by).where(Campaign.created_by != "", Campaign.is_test.is_(False)).distinct()
    return session.scalars(made.order_by(Campaign.created_by).limit(MOST_OWNERS)).all()


def count_campaigns(session: Session, state: CampaignState) -> int:
    return session.scalar(select(func.count()).where(Campaign.state == state)) or 0


def contacts_page(session: Session, campaign_id: int, state: ContactState | None, after: int | None) -> Page[Contact]:
    """In the list's order; `after` is the position that the previous page ended with."""
    query = select(Contact).where(Contact.campaign_id == campaign_id).order_by(Contact.position).limit(PAGE + 1)
    if state is not None:
        query = query.where(Contact.state == state)
    if after is not None:
        query = query.where(Contact.position > after)
    return page_of(session.scalars(query).all(), PAGE, lambda contact: contact.position)


def find_contact(session: Session, campaign_id: int, contact_id: int) -> Contact:
    contact = session.get(Contact, contact_id)
    if contact is None or contact.campaign_id != campaign_id:
        raise NotFound("There is no such person in this campaign.")
    return contact


def attempts_of(session: Session, contact_id: int) -> list[Attempt]:
    """In time order."""
    attempts = session.scalars(select(Attempt).where(Attempt.contact_id == contact_id))
    return sorted(attempts, key=lambda a: (a.started_at or a.first_seen_at, a.call_id))


def waves_of(session: Session, campaign_id: int, most: int | None = None) -> Sequence[Wave]:
    """Newest first."""
    mine = select(Wave).where(Wave.campaign_id == campaign_id).order_by(Wave.ordinal.desc())
    return session.scalars(mine.limit(most)).all()


def count_waves(session: Session, campaign_id: int) -> int:
    return session.scalar(select(func.count()).where(Wave.campaign_id == campaign_id)) or 0


def find_wave(session: Session, campaign_id: int, ordinal: int) -> Wave:
    mine = select(Wave).where(Wave.campaign_id == campaign_id, Wave.ordinal == ordinal)
    wave = session.scalar(mine) if ordinal <= MOST_WAVES else None
    if wave is None:
        raise NotFound("There is no such wave.")
    return wave


def wave_of(session: Session, wave_id: int) -> Wave:
    """The wave of something that belongs to one."""
    return session.get_one(Wave, wave_id)


def last_event_at(session: Session, campaign_id: int) -> datetime | None:
    """When the provider last told us anything about this campaign."""
    return session.scalar(select(func.max(Wave.last_event_at)).where(Wave.campaign_id == campaign_id))
