"""A second person's word on a launch: asked for, given for exactly that list and those settings, refused, or taken back.

A campaign that waits for approval is not changed by anybody (core.launch.require_draft). Should anything of it be different all
the same, such as its agent's id, the digest that is taken again under the lock says so, and nobody is called.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, Actor, note
from core.drafts import WHAT, WHEN
from core.errors import Conflict, Invalid, NotFound
from core.installation import needs_approval
from core.launch import launch, launchable_list, lock_campaign, rows_with_numbers, start_calling
from core.lists import callable_count, list_of
from core.models import ApiToken, Approval, Campaign, ContactList
from core.moves import move_campaign
from core.states import CALLABLE_VERDICTS, CampaignState

LONGEST_WORDS = 1000
# What the audit says of the moves.
DRAFT, AWAITING = {"state": str(CampaignState.DRAFT)}, {"state": str(CampaignState.AWAITING_APPROVAL)}
CHANGED = (
    "Something about this campaign is different from what approval was asked for. Nobody was called; check it again."
)


@dataclass(frozen=True, slots=True)
class Substance:
    """What a launch would do. `digest` is the same as long as every setting and everybody on the list are the same."""

    digest: str
    size: int
    excluded: int

    @property
    def people(self) -> int:
        """Those who would be called."""
        return self.size - self.excluded


def substance_of(session: Session, campaign_id: int) -> Substance:
    """Reads the whole list, a batch at a time: some seconds for a million people."""
    session.flush()
    campaign = session.get(Campaign, campaign_id, populate_existing=True)
    if campaign is None:
        raise NotFound("There is no such campaign.")
    contact_list = list_of(session, campaign_id)
    session.refresh(contact_list)
    digest = sha256(_plain(_settings(campaign, contact_list)))
    size = excluded = 0
    for rows in rows_with_numbers(session, contact_list):
        digest.update(_plain([tuple(row) for row in rows]))
        size += len(rows)
        excluded += sum(row.verdict not in CALLABLE_VERDICTS for row in rows)
    return Substance(digest.hexdigest(), size, excluded)


def _settings(campaign: Campaign, contact_list: ContactList) -> dict[str, Any]:
    """Whatever can be set, and the versions, so that a change that was changed back is one too."""
    columns = {name: getattr(campaign, name) for name in (*WHAT, *WHEN, "recent_days")}
    of_list = ("id", "version", "state", "country", "mapping", "counts")
    return columns | {
        "start_at": _utc(campaign.start_at), "latest_start_at": _utc(campaign.latest_start_at),
        "agent": campaign.agent and [campaign.agent.uuid, campaign.agent.variables],
        "version": campaign.version, "list": {name: getattr(contact_list, name) for name in of_list},
    }  # fmt: skip


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def ask(
    session: Session, campaign_id: int, substance: Substance, *, campaign_version: int, list_version: int, actor: Actor,
    now: datetime,
) -> Approval:  # fmt: skip
    """Ask for approval of a launch instead of launching. Conflict and Invalid as for a launch.

    `substance` may be taken before the lock: the versions, and the approval itself, notice whatever changed since.
    """
    campaign = lock_campaign(session, campaign_id)
    launchable_list(session, campaign, campaign_version, list_version)
    if not substance.people:
        raise Invalid("Nobody on this list can be called.", "list")
    asked = Approval(
        campaign_id=campaign.id, digest=substance.digest, people=substance.people, asked_at=now, asked_by=actor.name,
        asked_by_id=actor.person_id, api_token_id=actor.api_token_id,
    )  # fmt: skip
    session.add(asked)
    campaign.size, campaign.excluded_at_launch = substance.size, substance.excluded
    move_campaign(session, campaign, CampaignState.AWAITING_APPROVAL, now)
    people = f"{substance.people:,} {'person' if substance.people == 1 else 'people'}"
    campaign.why, campaign.why_since = f"{actor.name} asks to call {people}; a second person has to approve it.", now
    words = f"{actor.name} asked for approval to call {people}."
    note(session, actor, "campaign.ask_approval", "campaign", campaign.id, now, summary=words,
         before=DRAFT, after=AWAITING | {"people": substance.people, "digest": substance.digest})  # fmt: skip
    session.flush()
    return asked


def launch_or_ask(
    session: Session, campaign_id: int, *, campaign_version: int, list_version: int, actor: Actor, now: datetime
) -> None:
    """For programs, which show no page between the two: launch, or ask where a second person is needed."""
    versions = {"campaign_version": campaign_version, "list_version": list_version}
    if needs_approval(session, callable_count(list_of(session, campaign_id))):
        ask(session, campaign_id, substance_of(session, campaign_id), **versions, actor=actor, now=now)
    else:
        launch(session, campaign_id, **versions, actor=actor, now=now)


def newest_approval(session: Session, campaign_id: int) -> Approval | None:
    """The request that counts: an older one was answered, or is void."""
    mine = select(Approval).where(Approval.campaign_id == campaign_id).order_by(Approval.id.desc()).limit(1)
    return session.scalar(mine.execution_options(populate_existing=True))


def approved_by(session: Session, campaign_id: int) -> str:
    """Who was the second person of this campaign; "" where none was needed."""
    answered = newest_approval(session, campaign_id)
    if answered is None or answered.verdict != "approved":
        return ""
    launched_at = session.scalar(select(Campaign.launched_at).where(Campaign.id == campaign_id))
    return (
        answered.decided_by if answered.decided_at == launched_at else ""
    )  # else it was for a launch that was taken back


def why_not(session: Session, approval: Approval, person_id: int | None) -> str | None:
    """Why this person cannot be the second one; None when they can. Whoever made a program's token stands behind the program."""
    maker_id = approval.api_token_id and session.scalar(
        select(ApiToken.created_by_id).where(ApiToken.id == approval.api_token_id)
    )
    if person_id is None:
        return "A person has to approve this."
    if person_id == approval.asked_by_id:
        return "You asked for this yourself; somebody else has to approve it."
    if person_id == maker_id:
        return f"{approval.asked_by} asked with a token that you made; somebody else has to approve it."
    return None


def start_passed(campaign: Campaign, approval: Approval, now: datetime) -> bool:
    """Has the start come and gone while nobody approved? (Programs may ask for a start that had passed: it means at once.)"""
    return campaign.start_at is not None and approval.asked_at < campaign.start_at <= now


def approve(session: Session, campaign_id: int, digest: str, actor: Actor, now: datetime) -> Approval:
    """Launch exactly what was asked for. The answer's verdict is "approved", or "void" where something is different by now.

    `digest` is the one of the page: Conflict when it showed another request, somebody was faster, this person cannot be the
    second one, or the start has passed.
    """
    campaign, asked = _open_request(session, campaign_id)
    if digest != asked.digest:
        raise Conflict("Approval was asked for anew since you looked. Please look at it once more.")
    if reason := why_not(session, asked, actor.person_id):
        raise Conflict(reason)
    if start_passed(campaign, asked, now):
        raise Conflict("The start time has passed. Refuse it, or take it back and choose another.")
    if campaign.agent:  # whoever gives it another id waits, or was first and is seen below
        session.refresh(campaign.agent, with_for_update={"key_share": True})
    if substance_of(session, campaign_id).digest != asked.digest:
        _back_to_draft(session, campaign, asked, "void", CALLBOARD, now, CHANGED)
        note(
            session,
            CALLBOARD,
            "campaign.approval_void",
            "campaign",
            campaign.id,
            now,
            summary=CHANGED,
            before=AWAITING,
            after=DRAFT,
        )
    else:
        _decide(asked, "approved", actor, now)
        start_calling(session, campaign, list_of(session, campaign_id), actor, now, asked_by=asked.asked_by)
    return asked


def refuse(session: Session, campaign_id: int, digest: str, words: str, actor: Actor, now: datetime) -> None:
    """Make it a draft again, with the words that its people read there. Conflict as for `approve`."""
    campaign, asked = _open_request(session, campaign_id)
    if digest != asked.digest:
        raise Conflict("Approval was asked for anew since you looked. Please look at it once more.")
    _back_to_draft(session, campaign, asked, "refused", actor, now, words)
    campaign.why, campaign.why_since = f"{actor.name} refused the request for approval; the last step says why.", now
    note(session, actor, "campaign.refuse", "campaign", campaign.id, now, before=AWAITING, after=DRAFT | {"words": words},
         summary=f"{actor.name} refused the request of {asked.asked_by}: {words}")  # fmt: skip


def take_back(session: Session, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Make it a draft again, to change it. Conflict when somebody decided first."""
    campaign, asked = _open_request(session, campaign_id)
    _back_to_draft(session, campaign, asked, "void", actor, now, "")
    note(session, actor, "campaign.take_back", "campaign", campaign.id, now, before=AWAITING, after=DRAFT,
         summary=f"{actor.name} took the request for approval back.")  # fmt: skip


def _open_request(session: Session, campaign_id: int) -> tuple[Campaign, Approval]:
    """The campaign, locked, and what is asked about it; of two people who decide at once the second is told here."""
    campaign = lock_campaign(session, campaign_id)
    newest = newest_approval(session, campaign_id)
    if newest is not None and newest.verdict == "asked" and campaign.state == CampaignState.AWAITING_APPROVAL:
        return campaign, newest
    if newest is None or not newest.decided_by:
        raise Conflict("Nobody asks for approval of this campaign.")
    did = {"approved": "approved it", "refused": "refused it"}.get(newest.verdict, "took the request back")
    raise Conflict(f"{newest.decided_by} was faster and {did}.")


def _back_to_draft(
    session: Session, campaign: Campaign, asked: Approval, verdict: str, actor: Actor, now: datetime, words: str
) -> None:
    _decide(asked, verdict, actor, now)
    asked.words = words
    move_campaign(session, campaign, CampaignState.DRAFT, now)
    campaign.size, campaign.excluded_at_launch, campaign.why, campaign.why_since = 0, 0, "", None


def _decide(asked: Approval, verdict: str, actor: Actor, now: datetime) -> None:
    asked.verdict, asked.decided_at, asked.decided_by, asked.decided_by_id = verdict, now, actor.name, actor.person_id
