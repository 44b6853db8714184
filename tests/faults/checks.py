"""The three checks that follow every fault, held against what the sandbox really did."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.asking import LONGEST_TURN
from core.fold import silence_ends
from core.models import AuditEntry, Campaign, Contact, Target, Wave
from core.progress import OUTCOMES, progress
from core.provider_state import trouble
from core.schedule import FRESH, SETTLE_TIME, SUBMITTING_LIMIT
from core.states import CampaignState, ContactState, WaveState
from tests.sandbox_process import SandboxProcess

# How late the clock that moves waves on may be.
MARGIN = timedelta(seconds=15)
MAY_HAVE_GONE = {
    WaveState.SUBMITTING, WaveState.UNKNOWN, WaveState.NEEDS_PERSON, WaveState.ACCEPTED, WaveState.FINISHED,
    WaveState.ABANDONED,
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What the provider accepted: its campaigns by our wave's id, and how each of its calls ended."""

    accepted: dict[int, list[dict[str, Any]]]
    ends: dict[tuple[str, str], dict[str, Any]]

    @classmethod
    def of(cls, session: Session, sandbox: SandboxProcess) -> "Truth":
        waves = dict(session.execute(select(Target.ref, Target.wave_id)).all())
        accepted: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for campaign in sandbox.get_admin("truth", calls=0)["campaigns"]:
            ours = {waves[target["context"]["callboard_ref"]] for target in campaign["request"]["targets"]}
            assert len(ours) == 1, "one submission holds the people of one wave"
            accepted[ours.pop()].append(campaign)
        ends = {(one["campaign_id"], one["to_number"]): one for one in sandbox.get_admin("truth/calls")["contacts"]}
        return cls(accepted, ends)

    def end_of(self, wave_id: int | None, number: str) -> str | None:
        """How the call to a number of this wave ended, in our words; None while it has not, or was never asked for."""
        for campaign in self.accepted.get(wave_id or 0, ()):
            outcome: str | None = self.ends[campaign["id"], number]["outcome"]
            return {"silence": "no_news", "do_not_call": "answered"}.get(outcome or "", outcome)
        return None


def check(session: Session, sandbox: SandboxProcess, now: datetime, over: bool = True) -> None:
    """All three; `over` says that nothing is expected to happen any more."""
    session.rollback()
    truth = Truth.of(session, sandbox)
    nobody_was_submitted_twice(session, truth)
    numbers_agree(session, truth, over)
    nothing_is_stuck(session, now, over)


def nobody_was_submitted_twice(session: Session, truth: Truth) -> None:
    """(a) One accepted POST for each wave; each contact in one of them, but for retries and what a person decided."""
    for wave_id, campaigns in truth.accepted.items():
        assert len(campaigns) == 1, f"wave {wave_id} was accepted {len(campaigns)} times"
        assert session.get_one(Wave, wave_id).state in MAY_HAVE_GONE
    decided = select(AuditEntry.subject_id).where(AuditEntry.act == "wave.send_again")
    let_go = set(session.scalars(select(Wave.id).where(Wave.state == "abandoned", Wave.campaign_id.in_(decided))))
    sent = Counter(
        session.scalars(select(Target.contact_id).where(Target.wave_id.in_(set(truth.accepted) - let_go))).all()
    )
    tries = dict(session.execute(select(Contact.id, Contact.tries)).all())
    assert {contact_id: count for contact_id, count in sent.items() if count > tries[contact_id]} == {}
    no_number_was_called_by_two_at_once(truth)


def no_number_was_called_by_two_at_once(truth: Truth) -> None:
    times: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for campaign in (one for campaigns in truth.accepted.values() for one in campaigns):
        for target in campaign["request"]["targets"]:
            times[target["to_number"]].append((campaign["created_at"], campaign["finished_at"] or "9"))
    for number, spans in times.items():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans)), number


def numbers_agree(session: Session, truth: Truth, over: bool) -> None:
    """(b) The boxes are the rows, and each row is what really happened."""
    for campaign in session.scalars(select(Campaign).where(Campaign.state != CampaignState.DRAFT)):
        contacts = session.scalars(select(Contact).where(Contact.campaign_id == campaign.id)).all()
        boxes = {state: count for state, count in progress(session, campaign).counts.items() if count}
        assert boxes == dict(Counter(contact.state for contact in contacts))
        for contact in contacts:
            row_agrees(session, contact, truth, over)


def row_agrees(session: Session, contact: Contact, truth: Truth, over: bool) -> None:
    wave = session.get(Wave, contact.wave_id or 0)
    end = truth.end_of(contact.wave_id, contact.number)
    undecided = wave is not None and wave.state in (WaveState.UNKNOWN, WaveState.NEEDS_PERSON)
    if contact.settled_at is not None and contact.state in OUTCOMES:
        assert contact.state == end, f"{contact.number} is {contact.state}, but really {end}"
    elif end is None or undecided:
        assert contact.state not in OUTCOMES
    elif over:
        assert contact.state == end, f"{contact.number} was {end}, but is {contact.state}"


def nothing_is_stuck(session: Session, now: datetime, over: bool) -> None:
    """(c) No wave is in a passing state beyond its limit; when all is over, only what a person must decide is left."""
    held = trouble(session, now) is not None
    for wave in session.scalars(select(Wave)):
        limits = {
            WaveState.PLANNED: wave.cut_at + FRESH,
            WaveState.SUBMITTING: (wave.claimed_at or wave.cut_at) + SUBMITTING_LIMIT,
            WaveState.UNKNOWN: (wave.claimed_at or wave.cut_at) + SETTLE_TIME,
            WaveState.ACCEPTED: silence_ends(wave) + LONGEST_TURN,
        }
        limit = limits.get(WaveState(wave.state))
        waits = held and wave.state == WaveState.PLANNED
        assert limit is None or waits or now <= limit + MARGIN, (
            f"wave {wave.id} is {wave.state} since {wave.state_since}"
        )
        assert not over or limit is None, f"wave {wave.id} is still {wave.state}: {wave.words}"
    if over:
        for campaign in session.scalars(select(Campaign)):
            waiting = session.scalar(
                select(Wave.id).where(Wave.campaign_id == campaign.id, Wave.state == WaveState.NEEDS_PERSON).limit(1)
            )
            ended = campaign.state in (CampaignState.COMPLETED, CampaignState.STOPPED)
            assert ended or waiting or campaign.hold, f"campaign {campaign.id} is {campaign.state}: {campaign.why}"


def states(session: Session) -> Counter[str]:
    """How many contacts are in each state, over all campaigns."""
    session.rollback()
    return Counter(map(ContactState, session.scalars(select(Contact.state))))
