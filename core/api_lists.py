"""Reading for programs: keyset pages of what was launched, so that nothing is skipped or told twice while more comes in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.lookups import Page, page_of
from core.models import Agent, Campaign, Contact, Delivery, Wave
from core.states import CampaignState

# What programs ever see: no drafts, no test calls.
VISIBLE = (Campaign.state != CampaignState.DRAFT, Campaign.is_test.is_(False))


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """What a caller looks for; None and "" do not narrow. The span of creation excludes both of its ends."""

    state: str | None = None
    agent_uuid: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    search: str = ""


def visible_campaign(session: Session, campaign_id: int) -> Campaign:
    campaign = session.scalar(select(Campaign).where(Campaign.id == campaign_id, *VISIBLE))
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def campaigns(session: Session, wanted: CampaignFilter, before: int | None, most: int) -> Page[Campaign]:
    """Newest first; `before` is the id that the previous page ended with."""
    query = select(Campaign).where(*VISIBLE).order_by(Campaign.id.desc()).limit(most + 1)
    if wanted.state:
        query = query.where(Campaign.state == wanted.state)
    if wanted.agent_uuid:
        query = query.where(Campaign.agent.has(Agent.uuid == wanted.agent_uuid))
    if wanted.created_after:
        query = query.where(Campaign.created_at > wanted.created_after)
    if wanted.created_before:
        query = query.where(Campaign.created_at < wanted.created_before)
    if wanted.search:
        query = query.where(func.lower(Campaign.name).contains(wanted.search.lower(), autoescape=True))
    if before is not None:
        query = query.where(Campaign.id < before)
    return page_of(session.scalars(query).all(), most, lambda campaign: campaign.id)


def contacts(session: Session, campaign_id: int, state: str | None, after: int | None, most: int) -> Page[Contact]:
    """In the list's order; `after` is the position that the previous page ended with."""
    query = select(Contact).where(Contact.campaign_id == campaign_id).order_by(Contact.position).limit(most + 1)
    if state:
        query = query.where(Contact.state == state)
    if after is not None:
        query = query.where(Contact.position > after)
    return page_of(session.scalars(query).all(), most, lambda contact: contact.position)


def deliveries(
    session: Session, campaign_id: int, verdict: str | None, before: int | None, most: int
) -> tuple[Page[Delivery], dict[int, int]]:
    """Newest first, without bodies; and the ordinals of their waves, by the waves' ids."""
    query = select(Delivery).where(Delivery.campaign_id == campaign_id).order_by(Delivery.id.desc()).limit(most + 1)
    if verdict:
        query = query.where(Delivery.verdict == verdict)
    if before is not None:
        query = query.where(Delivery.id < before)
    page = page_of(session.scalars(query).all(), most, lambda delivery: delivery.id)
    waves = select(Wave.id, Wave.ordinal).where(Wave.id.in_({delivery.wave_id for delivery in page.rows}))
    return page, dict(session.execute(waves).all())


def agents(session: Session, after: int | None, most: int) -> Page[Agent]:
    """In the order in which they were added."""
    query = select(Agent).order_by(Agent.id).limit(most + 1)
    if after is not None:
        query = query.where(Agent.id > after)
    return page_of(session.scalars(query).all(), most, lambda agent: agent.id)
