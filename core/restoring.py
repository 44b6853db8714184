"""After a restore: a database of yesterday does not know whom it called since, so nothing goes on until somebody says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.marks import Finding, KnownSubmission, Mark, ensure_mark, raise_mark
from core.models import Campaign, LostSubmission, Notice, PersonLink, Setting, SignIn, WallLink
from core.states import LIVE_CAMPAIGNS, OVER_CAMPAIGNS, CampaignState

RESTORED = "restored"
MOST_SHOWN = 20
_IS_HELD = (Campaign.hold == RESTORED, Campaign.state.not_in(OVER_CAMPAIGNS))
WHY = {
    Finding.AHEAD: "This database is older than the submissions that were made from here: it was put back from an earlier day.",
    Finding.STRANGE: "Nothing outside this database says that its submissions were made from here: it is a copy, or both Redis and "
    "DATA_DIR were lost.",
}


def after_restore(session: Session, made_at: datetime, now: datetime) -> int:
    """Hold every campaign that is not over, and end what may have been ended since; returns how many campaigns are held.

    Drafts too: what is a draft in the backup may have been launched since. Test calls, which nobody would let go on, stop.
    """
    held = _hold_all(session, now)
    # Whoever was signed out, and every link that was used or taken back since, would be good again.
    session.execute(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=now))
    unused = (PersonLink.used_at.is_(None), PersonLink.revoked_at.is_(None))
    session.execute(update(PersonLink).where(*unused).values(revoked_at=now))
    session.execute(update(WallLink).where(WallLink.revoked_at.is_(None)).values(revoked_at=now))
    # What was not told by then was told since, or is no news any more.
    given_up = {"state": "given_up", "problem": "It was in the backup that was put back."}
    session.execute(update(Notice).where(Notice.state == "waiting").values(given_up))
    mark = ensure_mark(session).number
    _remember(session, {"made_at": made_at.isoformat(), "restored_at": now.isoformat(), "mark": mark})
    words = f"Restored from a backup of {spoken(made_at)}; campaigns that wait to be let go on: {held:,}."
    after = {"made_at": made_at.isoformat(), "campaigns": held}
    note(session, CALLBOARD, "installation.restored", "installation", None, now, summary=words, after=after)
    return held


def hold_what_was_found(
    session: Session, finding: Finding, ours: Mark, highest: int, lost: Sequence[KnownSubmission], now: datetime
) -> Mark:
    """Hold every campaign because this database is not what submitted last, and keep what is known of the submissions since.

    `highest` is the mark that stands outside. Of several who find it out at once the first does it; returns the mark from then on.
    Nobody is signed out: that a database was put back by hand says nothing about the people.
    """
    # Campaigns first: the order of a claim.
    live = select(Campaign.id).where(Campaign.state.not_in(OVER_CAMPAIGNS)).order_by(Campaign.id)
    session.execute(live.with_for_update(of=Campaign, key_share=True))
    mark = ensure_mark(session)
    if mark != ours:
        return mark  # somebody was first, or submits; the next look says more
    mark = raise_mark(session, max(highest, mark.number + (finding == Finding.STRANGE)))
    held = _hold_all(session, now)
    for known in lost:
        session.add(
            LostSubmission(
                campaign_id=known.campaign_id, campaign_name=known.campaign_name, ordinal=known.ordinal,
                numbers=list(known.numbers), submitted_at=known.at, found_at=now,
            )
        )  # fmt: skip
    told = _value(session)
    if (
        told.get("mark") != ours.number
    ):  # a backup that `make restore` put back, and that went on since, is not what was found
        told = {}
    _remember(
        session, told | {"found": str(finding), "found_at": now.isoformat(), "missing": max(0, highest - ours.number)}
    )
    words = f"{WHY[finding]} Campaigns that wait to be let go on: {held:,}."
    after = {"known_here": ours.number, "known_outside": highest, "campaigns": held}
    note(session, CALLBOARD, "installation.held", "installation", None, now, summary=words, after=after)
    return mark


def _hold_all(session: Session, now: datetime) -> int:
    """Drafts too: what is a draft in a backup may have been launched since. Test calls, which nobody would let go on, stop."""
    tests = (Campaign.is_test, Campaign.state.in_(LIVE_CAMPAIGNS))
    session.execute(update(Campaign).where(*tests).values(state=CampaignState.STOPPING, state_since=now))
    held = session.scalars(select(Campaign).where(Campaign.state.not_in(OVER_CAMPAIGNS))).all()
    for campaign in held:
        campaign.hold = RESTORED
    return len(held)


def _remember(session: Session, told: dict[str, Any]) -> None:
    setting = session.get(Setting, RESTORED) or Setting(name=RESTORED)
    setting.value = told
    session.add(setting)


def _value(session: Session) -> dict[str, Any]:
    setting = session.get(Setting, RESTORED)
    return setting.value if setting else {}


@dataclass(frozen=True, slots=True)
class Restored:
    """Why dispatch waits: when the backup was made, if that is known, since when, how many submissions are not known here."""

    words: str
    made_at: datetime | None
    since: datetime | None
    missing: int


def restored(session: Session) -> Restored | None:
    """What the page of a restore says; None where there never was one. Only reads."""
    told = _value(session)
    if not told:
        return None
    at = {name: datetime.fromisoformat(told[name]) for name in {"made_at", "found_at", "restored_at"} & told.keys()}
    made = at.get("made_at")
    words = f"Restored from a backup of {spoken(made)}." if made else WHY[Finding(told.get("found", Finding.STRANGE))]
    return Restored(words, made, at.get("found_at") or at.get("restored_at"), told.get("missing", 0))


def held_campaigns(session: Session, before: int | None = None) -> Sequence[Campaign]:
    """Those that still wait to be let go on: one more than a page, the newest first, below the id `before`."""
    newest = select(Campaign).where(*_IS_HELD).order_by(Campaign.id.desc()).limit(MOST_SHOWN + 1)
    return session.scalars(newest.where(Campaign.id < before) if before else newest).all()


def how_many_held(session: Session) -> int:
    """Asked on every page, so the setting is looked at first."""
    if not _value(session):
        return 0
    return session.scalar(select(func.count()).select_from(Campaign).where(*_IS_HELD)) or 0


def lost_submissions(session: Session, before: int | None = None) -> Sequence[LostSubmission]:
    """What was submitted since the backup, as far as it is known: one more than a page, the newest first, below the id `before`."""
    newest = select(LostSubmission).order_by(LostSubmission.id.desc()).limit(MOST_SHOWN + 1)
    return session.scalars(newest.where(LostSubmission.id < before) if before else newest).all()


def lost_numbers(session: Session, campaign_id: int) -> dict[str, datetime]:
    """Whom such submissions handed over in this campaign, and when.

    A campaign that was made after a restore may have the number of one that the restore took away: those were not its own.
    """
    mine = select(LostSubmission.numbers, LostSubmission.submitted_at).join(
        Campaign, Campaign.id == LostSubmission.campaign_id
    )
    rows = session.execute(mine.where(Campaign.id == campaign_id, LostSubmission.submitted_at >= Campaign.created_at))
    return {number: at for numbers, at in rows for number in numbers}


def handed_over_since(at: datetime) -> str:
    return f"Handed over on {spoken(at)}, after the backup was made."


def why_held(session: Session) -> str:
    """The sentence of a campaign that a restore holds."""
    found = restored(session)
    words = found.words if found else "Restored from a backup."
    if found and found.missing:
        since = f"{found.missing:,} {'submission' if found.missing == 1 else 'submissions'}"
        words += f" On the page “After a restore” stands what is known of {since} since then: compare with the provider"
    else:
        words += " What was submitted since then is not known here: compare with the provider"
    return f"{words} before you let this campaign go on."


def spoken(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC"
