"""Lines: how many a campaign uses, and how many more it may take now, where a limit over all campaigns has to be shared.

Shares are max-min fair within a priority, and those of a higher priority come first. A line that nobody can have exactly goes to
whoever has waited longest for one. What is in use already cannot be taken away, so shares come true as waves end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.installation import LINES_IN_ALL, locked_choice, value_of
from core.models import Campaign, Contact, Wave
from core.provider_state import quota_limits
from core.states import OPEN_WAVES, CampaignState

# A test call is one person who waits at the phone.
TEST_CALLS_FIRST = 2


@dataclass(frozen=True, slots=True)
class Free:
    """`lines` that it may take now; `for_a_wave` is how many have to be free before it is worth a wave.

    `limit` is set where lines over all campaigns are what it waits for.
    """

    lines: int
    for_a_wave: int
    limit: int | None = None

    @property
    def enough(self) -> bool:
        return 0 < self.lines >= self.for_a_wave


@dataclass(frozen=True, slots=True)
class Claimant:
    """A campaign that uses lines, or would: `demand` is what it uses and wants together, `since` when (epoch seconds) it began to."""

    campaign_id: int
    priority: int
    busy: int
    demand: int
    since: float


def unsettled_in(session: Session, wave_ids: Sequence[int]) -> dict[int, int]:
    """How many people of each wave nothing final is known of."""
    if not wave_ids:
        return {}
    mine = (Contact.wave_id.in_(wave_ids), Contact.settled_at.is_(None))
    rows = session.execute(select(Contact.wave_id, func.count()).where(*mine).group_by(Contact.wave_id))
    return {wave_id: count for wave_id, count in rows if wave_id is not None}


def busy(waves: Sequence[Wave], unsettled: Mapping[int, int]) -> int:
    """A wave uses its lines, or as many as it still has people."""
    return sum(min(wave.lines, unsettled.get(wave.id, 0)) for wave in waves)


def free_lines(session: Session, campaign: Campaign, in_use: int, could_go: Callable[[], bool], now: datetime) -> Free:
    """How many more lines than `in_use` it may take now; `could_go` says whether it has people for any.

    Where there is a limit over all campaigns, its row stays locked until the end of the transaction: of two campaigns that look at
    the same time the second sees what the first took. The caller holds the campaign's lock.
    """
    own = campaign.lines - in_use
    limit = limit_over_all(session, now)
    if limit is None:
        return Free(own, ceil(campaign.lines / 3))
    locked_choice(session, LINES_IN_ALL)
    _want(campaign, own if own > 0 and could_go() else 0, now)
    claimants = _claimants(session, campaign, in_use)
    total = sum(each.busy for each in claimants)
    share = shares(claimants, limit)[campaign.id]
    lines = max(0, min(own, share - in_use, limit - total))
    return Free(lines, ceil(min(campaign.lines, max(share, 1)) / 3), limit if lines < own else None)


def limit_over_all(session: Session, now: datetime) -> int | None:
    """What an admin has set, or what the provider's quota tells, whichever is less."""
    limits = (value_of(session, LINES_IN_ALL), quota_limits(session, now).lines)
    return min((limit for limit in limits if limit is not None), default=None)


def wants_nothing(campaign: Campaign) -> None:
    campaign.lines_wanted, campaign.lines_wanted_since = 0, None


def had_its_turn(campaign: Campaign, now: datetime) -> None:
    """It got lines just now: of those who want more, it comes last."""
    if campaign.lines_wanted_since is not None:
        campaign.lines_wanted_since = now


def shares(claimants: Sequence[Claimant], limit: int) -> dict[int, int]:
    """How many of `limit` lines each may use, by campaign: nobody more than its demand, and no line left while anybody wants it."""
    given = {each.campaign_id: 0 for each in claimants}
    left = limit
    for priority in sorted({each.priority for each in claimants}, reverse=True):
        tier = sorted((each for each in claimants if each.priority == priority), key=lambda each: each.since)
        while left > 0 and (hungry := [each for each in tier if given[each.campaign_id] < each.demand]):
            for each in hungry[:left]:
                given[each.campaign_id] += 1
            left -= min(left, len(hungry))
        # What is in use beyond a share is used all the same.
        left -= sum(max(0, each.busy - given[each.campaign_id]) for each in tier)
    return given


def _want(campaign: Campaign, wanted: int, now: datetime) -> None:
    if wanted <= 0:
        wants_nothing(campaign)
        return
    campaign.lines_wanted, campaign.lines_wanted_since = wanted, campaign.lines_wanted_since or now


def _claimants(session: Session, campaign: Campaign, in_use: int) -> list[Claimant]:
    """This campaign, everybody with open waves, and whoever wants lines by what was written down when it was last looked at."""
    session.flush()
    waves = session.scalars(select(Wave).where(Wave.state.in_(OPEN_WAVES), Wave.campaign_id != campaign.id)).all()
    unsettled = unsettled_in(session, [wave.id for wave in waves])
    used = {campaign.id: in_use}
    for wave in waves:
        used[wave.campaign_id] = used.get(wave.campaign_id, 0) + busy([wave], unsettled)
    wanting = (Campaign.state == CampaignState.RUNNING, Campaign.hold.is_(None), Campaign.lines_wanted > 0)
    columns = (
        Campaign.id, Campaign.priority, Campaign.is_test, Campaign.lines, Campaign.lines_wanted, Campaign.lines_wanted_since,
    )  # fmt: skip
    hungry = {row.id: row for row in session.execute(select(*columns).where(*wanting))}
    return [_claimant(campaign_id, used.get(campaign_id, 0), hungry.get(campaign_id)) for campaign_id in used | hungry]


def _claimant(campaign_id: int, used: int, row: Any) -> Claimant:
    """Whoever wants nothing more keeps what it has until its waves end, so it comes before all shares."""
    if row is None:
        return Claimant(campaign_id, TEST_CALLS_FIRST + 1, used, used, 0)
    since = row.lines_wanted_since.timestamp() if row.lines_wanted_since else 0.0
    priority = TEST_CALLS_FIRST if row.is_test else row.priority
    return Claimant(campaign_id, priority, used, min(row.lines, used + row.lines_wanted), since)
