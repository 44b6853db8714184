"""After a restore: a database of yesterday does not know whom it called since, so nothing goes on until somebody says so."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.models import Campaign, PersonLink, Setting, SignIn
from core.states import LIVE_CAMPAIGNS, OVER_CAMPAIGNS, CampaignState

RESTORED = "restored"


def after_restore(session: Session, made_at: datetime, now: datetime) -> int:
    """Hold every campaign that is not over, and end what may have been ended since; returns how many campaigns are held.

    Drafts too: what is a draft in the backup may have been launched since. Test calls, which nobody would let go on, stop.
    """
    tests = (Campaign.is_test, Campaign.state.in_(LIVE_CAMPAIGNS))
    session.execute(update(Campaign).where(*tests).values(state=CampaignState.STOPPING, state_since=now))
    held = session.scalars(select(Campaign).where(Campaign.state.not_in(OVER_CAMPAIGNS))).all()
    for campaign in held:
        campaign.hold = RESTORED
    # Whoever was signed out, and every link that was used or taken back since, would be good again.
    session.execute(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=now))
    unused = (PersonLink.used_at.is_(None), PersonLink.revoked_at.is_(None))
    session.execute(update(PersonLink).where(*unused).values(revoked_at=now))
    setting = session.get(Setting, RESTORED) or Setting(name=RESTORED)
    setting.value = {"made_at": made_at.isoformat(), "restored_at": now.isoformat()}
    session.add(setting)
    words = f"Restored from a backup of {spoken(made_at)}; campaigns that wait to be let go on: {len(held):,}."
    after = {"made_at": made_at.isoformat(), "campaigns": len(held)}
    note(session, CALLBOARD, "installation.restored", "installation", None, now, summary=words, after=after)
    return len(held)


def why_held(session: Session) -> str:
    """The sentence of a campaign that a restore holds."""
    setting = session.get(Setting, RESTORED)
    made = f"a backup of {spoken(datetime.fromisoformat(setting.value['made_at']))}" if setting else "a backup"
    return (
        f"Restored from {made}. What was submitted since then is not known here: compare with the provider "
        "before you let this campaign go on."
    )


def spoken(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC"
