"""Pause, resume, stop, and change before the start: what a person may do with what was launched. Each may be asked for again.

What was handed over is the provider's, and finishes; nothing more of it is handed over from the commit on.
"""

from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.dispatch import Round, advance
from core.errors import Conflict
from core.guards import LATE
from core.launch import lock_campaign
from core.lines import unsettled_in
from core.models import Campaign, Contact, Wave
from core.moves import move_campaign
from core.reasons import Out, out_of_reach, people
from core.states import OPEN_WAVES, CampaignState, ContactState
from core.vault import Vault

C = CampaignState
# What each act leads to, the states it may be asked in, those in which it was done already, and its word in a refusal.
ACTS = {
    "pause": (C.PAUSED, (C.RUNNING,), (C.PAUSED,), "paused"),
    "resume": (C.RUNNING, (C.PAUSED,), (C.RUNNING,), "resumed"),
    "stop": (C.STOPPING, (C.SCHEDULED, C.RUNNING, C.PAUSED), (C.STOPPING, C.STOPPED), "stopped"),
}


def act_on(session: Session, campaign_id: int, act: str, actor: Actor, vault: Vault, now: datetime) -> Round:
    """Pause, resume or stop a campaign, and do at once what follows; the waves to ring for are in the answer.

    Done already: nothing happens. Conflict: it cannot be done in this state.
    """
    to, may, done, word = ACTS[act]
    campaign = lock_campaign(session, campaign_id)
    if campaign.state in done:
        return Round()
    if campaign.state not in may:
        raise Conflict(f"A campaign that is {campaign.state.replace('_', ' ')} cannot be {word}.")
    before, left, out = (
        {"state": campaign.state},
        not_handed_over(session, campaign_id),
        finishing(session, campaign_id),
    )
    move_campaign(session, campaign, to, now, by=actor.name)
    words = f"{actor.name} {word} the campaign; handed over and still open: {people(out.calls + out.unsure)}"
    words += f", cancelled: {people(left)}." if act == "stop" else f", waiting: {people(left)}."
    note(
        session,
        actor,
        f"campaign.{act}",
        "campaign",
        campaign.id,
        now,
        summary=words,
        before=before,
        after={"state": to},
    )
    session.flush()
    round_ = advance(session, campaign_id, vault, now)
    round_.changed = True
    return round_


def unschedule(session: Session, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Make a campaign that waits for its start a draft again, to be changed and launched anew. A draft stays one.

    Conflict: it began, so people may have been called by it.
    """
    campaign = lock_campaign(session, campaign_id)
    if campaign.state == C.DRAFT:
        return
    if campaign.state != C.SCHEDULED:
        raise Conflict("Only a campaign that waits for its start can be changed.")
    before = {"state": campaign.state, "start_at": campaign.start_at.isoformat() if campaign.start_at else None}
    session.execute(delete(Contact).where(Contact.campaign_id == campaign.id))
    campaign.size = campaign.excluded_at_launch = 0
    campaign.launched_at, campaign.launched_by = None, ""
    campaign.why, campaign.why_since, campaign.next_words, campaign.next_at = "", None, "", None
    if campaign.hold == LATE:
        campaign.hold, campaign.hold_words = None, ""
    campaign.version += 1
    move_campaign(session, campaign, C.DRAFT, now, by=actor.name)
    words = f"{actor.name} took the launch back: it is a draft again."
    note(session, actor, "campaign.unschedule", "campaign", campaign.id, now, summary=words, before=before,
         after={"state": C.DRAFT})  # fmt: skip


def finishing(session: Session, campaign_id: int) -> Out:
    """Who is handed over, or may be, and not settled."""
    waves = session.scalars(select(Wave).where(Wave.campaign_id == campaign_id, Wave.state.in_(OPEN_WAVES))).all()
    return out_of_reach(waves, unsettled_in(session, [wave.id for wave in waves]))


def not_handed_over(session: Session, campaign_id: int) -> int:
    """How many people a stop keeps from being called: those who wait, those of a wave that is only cut, and those due again."""
    waits = or_(Contact.state == ContactState.READY, Contact.due_at.is_not(None))
    planned = select(Wave.id).where(Wave.campaign_id == campaign_id, Wave.state == "planned")
    mine = select(func.count()).where(Contact.campaign_id == campaign_id, or_(waits, Contact.wave_id.in_(planned)))
    return session.scalar(mine) or 0


def acts_of(campaign: Campaign) -> tuple[str, ...]:
    """What may be done with it now, in the order of the buttons."""
    return tuple(act for act, (_, may, _, _) in ACTS.items() if campaign.state in may)
