"""Drafts: a campaign before its launch is a row from its first save; each step is saved by itself, and knows its problems."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.agents import ensure_agent
from core.audit import Actor, note
from core.clocks import check_hours_of
from core.errors import Conflict, Invalid
from core.launch import lock_campaign, require_draft
from core.lists import callable_count, list_of, lock_list, new_list
from core.lookups import find_campaign
from core.models import Agent, Approval, Campaign, ContactList
from core.pacing import check_pacing
from core.states import CampaignState
from core.test_calls import forget_draft
from core.variables import why_blocked

WHAT = ("name", "agent_id", "context", "note")
WHEN = (
    "start_at", "zone", "lines", "retry_by", "retry_attempts", "retry_gap_minutes", "retry_outcomes", "wave_size", "hours_days",
    "hours_from", "hours_to", "hours_by", "latest_start_at", "start_by", "pace", "priority", "breaker_percent", "breaker_calls",
)  # fmt: skip
FIELDS = {"what": WHAT, "when": WHEN}
LABELS = {
    "name": "Name", "agent_id": "Agent", "context": "Context", "note": "Note", "start_at": "Start", "zone": "Time zone",
    "lines": "Calls at a time", "retry_by": "Who retries", "retry_attempts": "More tries", "retry_gap_minutes": "Gap",
    "retry_outcomes": "Outcomes to retry", "wave_size": "Wave size",
    "hours_days": "Days of calling", "hours_from": "Calling from", "hours_to": "Calling until", "hours_by": "Whose clock",
    "latest_start_at": "Latest start", "start_by": "Who starts it", "pace": "Waves", "priority": "Priority",
    "breaker_percent": "Safety switch", "breaker_calls": "Calls it looks at",
}  # fmt: skip
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\b")
Problems = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """One field that another tab or person saved differently."""

    field: str
    label: str
    stored: Any


class ChangedMeanwhile(Conflict):
    """The step was saved elsewhere since this form was shown; `changes` says where the two differ."""

    def __init__(self, changes: list[Change]):
        super().__init__("This draft was changed in another tab or by another person since you opened it.")
        self.changes = changes


def create_draft(session: Session, actor: Actor, now: datetime, **values: Any) -> Campaign:
    """A new draft with an empty list. `values` are columns of Campaign."""
    campaign = Campaign(
        created_at=now, created_by=actor.name, created_by_id=actor.person_id, api_token_id=actor.api_token_id,
        state=CampaignState.DRAFT.value, state_since=now, **{"name": default_name(now), **values},
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    new_list(session, campaign, now)
    note(session, actor, "campaign.create", "campaign", campaign.id, now, summary=f"{actor.name} began this draft.",
         after=_told(session, campaign, ("name", *values)))  # fmt: skip
    return campaign


def chosen_agent(session: Session, text: str, actor: Actor, now: datetime) -> Agent:
    """The agent that a person named: by a UUID (a new one is kept), by its name, or by the only name that contains the text."""
    if found := _UUID.search(text):
        return ensure_agent(session, found[0], actor, now)
    agents = list(session.scalars(select(Agent)))
    wanted = text.strip().casefold()
    named = [agent for agent in agents if agent.name.casefold() == wanted]
    named = named or [agent for agent in agents if wanted and wanted in agent.name.casefold()]
    if not named:
        raise Invalid("No saved agent has this name. Choose one of the list, or paste the agent's UUID.", "agent")
    if len(named) > 1:
        raise Invalid("Several agents have this name. Choose one of the list, or paste the agent's UUID.", "agent")
    return named[0]


def saved_agents(session: Session) -> list[Agent]:
    """The agents to choose from, the one used last first."""
    return list(session.scalars(select(Agent).order_by(Agent.last_used_at.desc().nulls_last(), Agent.name).limit(500)))


def default_name(now: datetime) -> str:
    return f"Campaign of {now.day} {now:%b}"


def get_draft(session: Session, campaign_id: int) -> Campaign:
    """The draft to look at and to change. NotFound; AwaitsApproval once that was asked for, Conflict once it is launched."""
    campaign = find_campaign(session, campaign_id)
    require_draft(campaign)
    return campaign


def get_unlaunched(session: Session, campaign_id: int) -> Campaign:
    """The draft to look at, also while it waits for approval."""
    campaign = find_campaign(session, campaign_id)
    if campaign.state != CampaignState.AWAITING_APPROVAL:
        require_draft(campaign)
    return campaign


def fingerprint(campaign: Campaign, step: str) -> str:
    """What a form says that it saw: the same as long as the step's fields are the same."""
    values = {name: getattr(campaign, name) for name in FIELDS[step]}
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:20]


def save_step(
    session: Session, campaign_id: int, step: str, values: Mapping[str, Any], seen: str, actor: Actor, now: datetime
) -> Campaign:
    """Write one step's fields. ChangedMeanwhile when the stored ones are neither what the form saw nor what it says now."""
    campaign = lock_campaign(session, campaign_id)
    require_draft(campaign)
    different = [name for name in FIELDS[step] if name in values and getattr(campaign, name) != values[name]]
    if not different:
        return campaign
    if seen != fingerprint(campaign, step):
        raise ChangedMeanwhile([Change(name, LABELS[name], getattr(campaign, name)) for name in different])
    before = _told(session, campaign, different)
    for name in different:
        setattr(campaign, name, values[name])
    campaign.version += 1
    session.flush()
    words = f"{actor.name} changed {', '.join(LABELS[name] for name in different)}."
    after = _told(session, campaign, different)
    note(session, actor, "draft.change", "campaign", campaign_id, now, summary=words, before=before, after=after)
    return campaign


def _told(session: Session, campaign: Campaign, names: Iterable[str]) -> dict[str, Any]:
    """Fields as the audit log tells them: an agent by its name."""
    told = {name: getattr(campaign, name) for name in names}
    if "agent_id" in told:
        agent = session.get(Agent, told.pop("agent_id") or 0)
        told["agent"] = agent.name if agent else None
    return told


def begin_delete(session: Session, campaign_id: int) -> ContactList:
    """The list of a draft that may be deleted, emptied: whatever import runs finds its claim gone."""
    contact_list = lock_list(session, campaign_id)
    if session.get_one(Campaign, campaign_id).api_token_id is not None:
        raise Conflict("A program asked for this campaign and may ask again, so it stays. Nobody is called by a draft.")
    contact_list.state, contact_list.import_claim = "empty", None
    return contact_list


def delete_draft(session: Session, campaign_id: int, actor: Actor, now: datetime) -> str | None:
    """Remove a draft whose rows are gone already (core.row_store.drop_rows); returns the stored name of its file."""
    contact_list = begin_delete(session, campaign_id)
    campaign = session.get_one(Campaign, campaign_id)
    stored_as = contact_list.stored_as
    note(session, actor, "campaign.delete", "campaign", campaign_id, now, summary=f"{actor.name} deleted a draft.",
         before={"name": campaign.name, "people": callable_count(contact_list)})  # fmt: skip
    session.execute(delete(ContactList).where(ContactList.id == contact_list.id))
    forget_draft(session, campaign_id)
    session.execute(delete(Approval).where(Approval.campaign_id == campaign_id))
    session.execute(delete(Campaign).where(Campaign.id == campaign_id))
    return stored_as


def problems(session: Session, campaign: Campaign, now: datetime) -> Problems:
    """What keeps this draft from being launched: sentences for each step that has a form."""
    contact_list = list_of(session, campaign.id)
    people = callable_count(contact_list)
    return {
        "what": _what_problems(campaign), "who": _who_problems(campaign, contact_list),
        "when": _when_problems(campaign, people, now),
    }  # fmt: skip


def _what_problems(campaign: Campaign) -> list[str]:
    found = []
    if not campaign.name.strip():
        found.append("Give the campaign a name.")
    if campaign.agent_id is None:
        found.append("Choose the agent that makes the calls.")
    return found


def _who_problems(campaign: Campaign, contact_list: ContactList) -> list[str]:
    if contact_list.state == "empty":
        return ["Upload or paste the people to call."]
    if contact_list.state == "failed":
        return [contact_list.problem or "The list could not be read."]
    if contact_list.state != "ready":
        return ["The list is still being imported."]
    if not callable_count(contact_list):
        return ["Nobody on this list can be called."]
    return why_blocked(campaign, contact_list)


def _when_problems(campaign: Campaign, people: int, now: datetime) -> list[str]:
    found = []
    if campaign.start_at is not None and campaign.start_at <= now:
        found.append("The start time has passed: choose a later one, or start now.")
    if not 1 <= campaign.lines <= 10:
        found.append("Calls at a time must be between 1 and 10.")
    if campaign.latest_start_at is not None and campaign.latest_start_at <= now:
        found.append("The latest start has passed: choose a later one, or none.")
    try:
        check_hours_of(campaign)
        check_pacing(campaign, people or None)
    except Invalid as problem:
        found.append(str(problem))
    return found


def check_launch(session: Session, campaign_id: int, now: datetime) -> None:
    """Refuse a launch that has problems; what two clicks at once do to it is decided by core.launch."""
    campaign = get_draft(session, campaign_id)
    found = [sentence for sentences in problems(session, campaign, now).values() for sentence in sentences]
    if found:
        raise Invalid(found[0])
