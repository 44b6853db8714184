"""What stops a campaign until a person has looked: its safety switch, a start that would be too late, refusals."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.models import Campaign, Contact, Wave
from core.progress import OUTCOMES
from core.reasons import UNTIL_SOMEBODY, Reason
from core.restoring import RESTORED, why_held
from core.schedule import moment_words
from core.states import NEVER_SENT, ContactState, WaveState

BREAKER, LATE, REFUSED = "breaker", "late", "refused"
# Whoever was called, or should have been.
_CALLED = (*OUTCOMES, ContactState.NO_NEWS)


def hold(session: Session, campaign: Campaign, why: str, words: str, now: datetime) -> None:
    """Nothing more of this campaign is handed over until a person lets it go on; the caller holds its lock."""
    campaign.hold, campaign.hold_words = why, words
    note(session, CALLBOARD, f"campaign.hold_{why}", "campaign", campaign.id, now, summary=words)


def too_late(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Should it have begun by now, and has not? Once anybody was handed over, it has."""
    if campaign.latest_start_at is None or now <= campaign.latest_start_at:
        return False
    return not was_sent(session, campaign)


def was_sent(session: Session, campaign: Campaign) -> bool:
    """Was anybody of it ever handed over, as far as is known?"""
    sent = select(Wave.id).where(Wave.campaign_id == campaign.id, Wave.state.not_in(NEVER_SENT))
    return session.scalar(sent.limit(1)) is not None


def held_by(session: Session, campaign: Campaign) -> Reason | None:
    """The reason of a campaign that waits for a person's word; None: it does not."""
    if campaign.hold == RESTORED:
        return Reason(why_held(session), UNTIL_SOMEBODY)
    if campaign.hold == LATE:
        return Reason(campaign.hold_words, "Somebody starts it after all, or stops it.")
    if campaign.hold == REFUSED:
        words = campaign.hold_words or "The provider refused two submissions."
        return Reason(words, "Somebody looks at its words and tries again, or leaves these people out.")
    return Reason(campaign.hold_words, UNTIL_SOMEBODY) if campaign.hold else None


def late_words(campaign: Campaign) -> str:
    assert campaign.latest_start_at is not None
    return f"It was to begin by {moment_words(campaign.latest_start_at, campaign.zone)}, could not, and it is later than that now."


def why_open(session: Session, campaign: Campaign) -> str | None:
    """The sentence of a safety switch that has to open now: too many of the last settled calls failed. None: all is well."""
    if campaign.breaker_percent is None:
        return None
    settled = select(Contact.state).where(
        Contact.wave_id.in_(_newest_waves(session, campaign)),
        Contact.settled_at.is_not(None),
        Contact.state.in_(_CALLED),
    )
    if campaign.breaker_from is not None:
        settled = settled.where(Contact.settled_at > campaign.breaker_from)
    states = session.scalars(settled.order_by(Contact.settled_at.desc()).limit(campaign.breaker_calls)).all()
    failed = states.count(ContactState.FAILED)
    if len(states) < campaign.breaker_calls or 100 * failed <= campaign.breaker_percent * len(states):
        return None
    return f"The safety switch stopped it: {failed} of the last {len(states)} calls failed, more than {campaign.breaker_percent} %."


def _newest_waves(session: Session, campaign: Campaign) -> list[int]:
    """The open waves, and as many of those before them as it takes to find enough calls."""
    mine = select(Wave.id, Wave.size, Wave.state).where(Wave.campaign_id == campaign.id, Wave.state.not_in(NEVER_SENT))
    found, people = [], 0
    for wave in session.execute(mine.order_by(Wave.ordinal.desc()).limit(2 * campaign.breaker_calls)):
        if people >= campaign.breaker_calls and wave.state == WaveState.FINISHED:
            break
        found.append(wave.id)
        people += wave.size if wave.state == WaveState.FINISHED else 0
    return found
