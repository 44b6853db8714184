"""The list of campaigns: what of it is looked for, all of it in the address, and what each row shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.orm import Session

from blueprints.runtime import now
from core.database import LONGEST_NAME
from core.errors import Invalid
from core.health import Health, healths
from core.hours import place
from core.installation import HOME_ZONE, value_of
from core.lookups import WantedCampaigns
from core.models import Campaign
from core.progress import Progress, progress_of_each
from core.schedule import EARLIEST_YEAR, LATEST_YEAR
from core.states import ENDED_CAMPAIGNS, LIVE_CAMPAIGNS, CampaignState

SHOWN = {
    "live": LIVE_CAMPAIGNS, "drafts": (CampaignState.DRAFT, CampaignState.AWAITING_APPROVAL),
    "approval": (CampaignState.AWAITING_APPROVAL,), "ended": ENDED_CAMPAIGNS,
}  # fmt: skip
FILTERS = ("q", "owner", "from", "to")


@dataclass(frozen=True, slots=True)
class Row:
    """One campaign with its numbers and its health; a draft has neither."""

    campaign: Campaign
    progress: Progress | None
    health: Health | None


def wanted_campaigns(session: Session, given: Mapping[str, str]) -> WantedCampaigns:
    """What the address asks for. Invalid (field "from" or "to") for what is no day."""
    zone = value_of(session, HOME_ZONE)
    since, until = _midnight(given, "from", zone), _midnight(given, "to", zone)
    if since and until and until < since:
        raise Invalid("The last day lies before the first.", "to")
    return WantedCampaigns(
        SHOWN.get(given.get("show", ""), ()), _text(given, "q"), _text(given, "owner"), since,
        until + timedelta(days=1) if until else None,
    )  # fmt: skip


def _text(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").replace("\0", "").strip()[:LONGEST_NAME]


def _midnight(given: Mapping[str, str], name: str, zone: str) -> datetime | None:
    """When this day begins by the clock of the house."""
    text = _text(given, name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"“{text}” is no day: write it as 2026-03-31.", name) from None
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise Invalid(f"The year should be between {EARLIEST_YEAR} and {LATEST_YEAR}.", name)
    return datetime.combine(day, time.min, place(zone)).astimezone(UTC)


def list_rows(session: Session, campaigns: Sequence[Campaign]) -> list[Row]:
    launched = [one for one in campaigns if one.state not in SHOWN["drafts"]]
    known = progress_of_each(session, launched)
    told = healths(session, launched, now())
    return [Row(one, known.get(one.id), told.get(one.id)) for one in campaigns]
