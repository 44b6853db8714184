"""The one way a campaign changes its state: by an allowed move, dated, and told to whoever listens."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.messages import tell_campaign
from core.models import Campaign
from core.states import CampaignState, check_campaign_move


def move_campaign(session: Session, campaign: Campaign, to: CampaignState, now: datetime, by: str = "") -> None:
    """The caller holds the campaign's lock and has set everything else that the move changes. `by`: a person's name. IllegalMove."""
    held = campaign.state
    check_campaign_move(held, to)
    campaign.state, campaign.state_since, campaign.state_by = to, now, by
    tell_campaign(session, campaign, held, now)
