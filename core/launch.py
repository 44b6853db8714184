"""Launch: in one transaction the draft's callable rows become contacts, and the campaign moves."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.bars import Bar, barred
from core.clocks import Clocks, check_hours_of, hours_words
from core.database import breathe
from core.errors import AwaitsApproval, Conflict, Invalid, NotFound
from core.installation import needs_approval
from core.models import Agent, Campaign, Contact, ContactList, Row
from core.moves import move_campaign
from core.pacing import check_pacing
from core.reasons import STARTING, say, scheduled
from core.requests import MOST_TARGETS
from core.states import CALLABLE_VERDICTS, CampaignState, ContactState, RowVerdict

BATCH = 500


def launch(
    session: Session, campaign_id: int, *, campaign_version: int, list_version: int, actor: Actor, now: datetime
) -> Campaign:
    """Make contacts of the list and start, or schedule, the campaign.

    The versions are those of the page the person looked at. Conflict: already launched, changed since, an import is running, or
    so many people need a second person's word (core/approvals.py); Invalid: something is missing. A double click finds the
    campaign locked, then launched.
    """
    campaign = lock_campaign(session, campaign_id)
    contact_list = launchable_list(session, campaign, campaign_version, list_version)
    start_calling(session, campaign, contact_list, actor, now)
    people = campaign.size - campaign.excluded_at_launch
    # Asked here, under the lock: the page with the button may be older than the number above which somebody else has to agree.
    if not campaign.is_test and needs_approval(session, people):
        raise Conflict("Calling so many people needs the approval of a second person now. Please check it once more.")
    return campaign


def launchable_list(session: Session, campaign: Campaign, campaign_version: int, list_version: int) -> ContactList:
    """The list of a draft that can be launched as it is; the caller holds the campaign's lock."""
    require_draft(campaign)
    contact_list = session.scalar(
        select(ContactList).where(ContactList.campaign_id == campaign.id).with_for_update(key_share=True)
    )
    if contact_list is None or contact_list.state == "empty":
        raise Invalid("There is no list yet.", "list")
    if contact_list.state in ("waiting", "importing"):
        raise Conflict("The list is still being imported.")
    if campaign.version != campaign_version or contact_list.version != list_version:
        raise Conflict("The campaign was changed since you looked at it. Please check it once more.")
    if campaign.agent_id is None:
        raise Invalid("Choose the agent that makes the calls.", "agent")
    people = sum(int(contact_list.counts.get(verdict, 0)) for verdict in CALLABLE_VERDICTS)
    _check_settings(campaign, people or None)
    return contact_list


def require_draft(campaign: Campaign) -> None:
    """AwaitsApproval, or Conflict once it is launched: then nothing that a launch was about may change."""
    if campaign.state == CampaignState.AWAITING_APPROVAL:
        raise AwaitsApproval("This campaign waits for approval and cannot change meanwhile. Take it back to change it.")
    if campaign.state != CampaignState.DRAFT:
        raise Conflict(f"This campaign was already launched by {campaign.launched_by or 'somebody'}.")


def start_calling(
    session: Session, campaign: Campaign, contact_list: ContactList, actor: Actor, now: datetime, asked_by: str = ""
) -> None:
    """Make the contacts and move the campaign, whose lock the caller holds. `asked_by`: whose launch the actor approves."""
    campaign.size, campaign.excluded_at_launch = _make_contacts(session, campaign, contact_list, now)
    if campaign.size == campaign.excluded_at_launch:
        raise Invalid("Nobody on this list can be called.", "list")
    _start(session, campaign, actor, now, asked_by)


def lock_campaign(session: Session, campaign_id: int) -> Campaign:
    """The campaign row, locked until the end of the transaction: the first lock of every act on a campaign.

    FOR NO KEY UPDATE on PostgreSQL: rows that only refer to the campaign (a delivery) may be inserted meanwhile.
    """
    campaign = session.scalar(
        select(Campaign)
        .where(Campaign.id == campaign_id)
        .with_for_update(of=Campaign, key_share=True)
        .execution_options(populate_existing=True)
    )
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def _check_settings(campaign: Campaign, people: int | None) -> None:
    if not campaign.name.strip():
        raise Invalid("Give the campaign a name.", "name")
    if not 1 <= campaign.lines <= 10:
        raise Invalid("Calls at a time must be between 1 and 10.", "lines")
    if campaign.wave_size is not None and not 1 <= campaign.wave_size <= MOST_TARGETS:
        raise Invalid(f"A wave holds between 1 and {MOST_TARGETS} people.", "wave_size")
    most = 3 if campaign.retry_by == "provider" else 10
    if not 0 <= campaign.retry_attempts <= most:
        raise Invalid(f"Tries after the first must be between 0 and {most}.", "retry_attempts")
    check_hours_of(campaign)
    check_pacing(campaign, people)


def _start(session: Session, campaign: Campaign, actor: Actor, now: datetime, asked_by: str) -> None:
    """What the provider shall start later is handed over now: from the launch on it runs."""
    later = campaign.start_at is not None and campaign.start_at > now and campaign.start_by == "us"
    to = CampaignState.SCHEDULED if later else CampaignState.RUNNING
    before = {"state": campaign.state}
    campaign.launched_at, campaign.launched_by = now, asked_by or actor.name
    campaign.started_at = None if later else now
    say(campaign, scheduled(campaign) if later else STARTING, now)
    campaign.version += 1
    agent = session.get(Agent, campaign.agent_id)
    if agent is not None:
        agent.last_used_at = now
    move_campaign(session, campaign, to, now, by=campaign.launched_by)
    settings = {
        "state": to, "name": campaign.name, "agent": agent.name if agent else None,
        "people": campaign.size, "excluded": campaign.excluded_at_launch, "lines": campaign.lines, "wave_size": campaign.wave_size,
        "retry_by": campaign.retry_by, "retry_attempts": campaign.retry_attempts,
        "retry_gap_minutes": campaign.retry_gap_minutes, "retry_outcomes": campaign.retry_outcomes, "pace": campaign.pace,
        "priority": campaign.priority, "start_by": campaign.start_by, "breaker_percent": campaign.breaker_percent,
        "breaker_calls": campaign.breaker_calls,
        "latest_start_at": campaign.latest_start_at.isoformat() if campaign.latest_start_at else None,
        "hours": hours_words(campaign), "start_at": campaign.start_at.isoformat() if campaign.start_at else None,
    }  # fmt: skip
    people = campaign.size - campaign.excluded_at_launch
    calls = f"{people:,} {'call' if people == 1 else 'calls'}"
    words = f"{asked_by or actor.name} {'scheduled' if later else 'launched'} {calls}"
    if asked_by:
        settings, words = settings | {"asked_by": asked_by}, f"{words}; {actor.name} approved it"
    note(session, actor, "campaign.launch", "campaign", campaign.id, now, summary=f"{words}.", before=before,
         after=settings)  # fmt: skip


def _make_contacts(session: Session, campaign: Campaign, contact_list: ContactList, now: datetime) -> tuple[int, int]:
    """Insert a contact for each row with a number, in the list's order; returns (how many, how many of them excluded).

    Whoever must not be called by now is excluded, whatever the list said when it was judged.
    """
    made = excluded = 0
    clocks = Clocks(campaign)
    for rows in rows_with_numbers(session, contact_list):
        bars = _barred_by_now(session, campaign, rows, now)
        contacts = [
            _contact(campaign.id, made + place, row, contact_list.mapping, bars.get(row.number))
            | {"clock": clocks.of(row.number, row.time_zone)}
            for place, row in enumerate(rows)
        ]
        session.execute(insert(Contact), contacts)
        made += len(contacts)
        excluded += sum(contact["state"] == ContactState.EXCLUDED for contact in contacts)
    campaign.clocks = clocks.zones
    return made, excluded


def _barred_by_now(session: Session, campaign: Campaign, rows: Sequence[Any], now: datetime) -> Mapping[str, Bar]:
    numbers = {row.number for row in rows if row.verdict in CALLABLE_VERDICTS}
    return barred(session, numbers, now, recent_days=campaign.recent_days, campaign_id=campaign.id)


def rows_with_numbers(session: Session, contact_list: ContactList) -> Iterator[Sequence[Any]]:
    """Whatever a launch makes contacts of, in the list's order, a batch at a time."""
    after = 0
    while True:
        rows = session.execute(
            select(Row.row_number, Row.number, Row.caller_id, Row.time_zone, Row.cells, Row.verdict, Row.reason)
            .where(Row.list_id == contact_list.id, Row.number.is_not(None), Row.verdict != RowVerdict.INVALID)
            .where(Row.row_number > after)
            .order_by(Row.row_number)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        yield rows
        breathe()
        after = rows[-1].row_number


def _contact(campaign_id: int, position: int, row: Any, mapping: dict[str, Any], bar: Bar | None) -> dict[str, Any]:
    judged_callable = row.verdict in CALLABLE_VERDICTS
    callable_ = judged_callable and bar is None
    reason = "" if callable_ else bar.reason if bar and judged_callable else row.reason
    return {
        "campaign_id": campaign_id, "position": position, "row_number": row.row_number, "number": row.number,
        "caller_id": row.caller_id, "time_zone": row.time_zone, "context": variables_of(row.cells, mapping),
        "state": ContactState.READY if callable_ else ContactState.EXCLUDED, "reason": reason,
        "tries": 0, "attempts": 0,
    }  # fmt: skip


def variables_of(cells: list[Any], mapping: dict[str, Any]) -> dict[str, Any]:
    """A row's variables by the list's mapping: named columns of a file, or one cell that is the whole context (API)."""
    if (whole := mapping.get("context")) is not None:
        return dict(cells[whole] or {})
    named = (mapping.get("variables") or {}).items()
    return {name: cells[column] if column < len(cells) else "" for name, column in named if column is not None}
