"""Lines over all campaigns: never more than the limit, shared fairly, those of a higher priority first."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.database import writing
from core.facts import AttemptStatus, Sent
from core.lines import Claimant, shares, unsettled_in
from core.models import Campaign, Setting, Wave
from tests.core.cast import accepted, answer, claimed, later, launched, report, tick, why

A = AttemptStatus
CLAIMANTS = st.lists(
    st.tuples(st.integers(-1, 1), st.integers(0, 10), st.integers(0, 10), st.floats(0, 100)), min_size=1, max_size=12
)


def limit_lines(session, lines):
    with writing(session):
        session.add(Setting(name="lines_in_all", value={"is": lines}))


def lines_of(session, *campaigns):
    session.rollback()
    ids = [one.id for one in campaigns]
    waves = session.scalars(
        select(Wave).where(Wave.campaign_id.in_(ids), Wave.state.in_(("planned", "accepted")))
    ).all()
    unsettled = unsettled_in(session, [wave.id for wave in waves])
    return [
        sum(min(wave.lines, unsettled.get(wave.id, 0)) for wave in waves if wave.campaign_id == each) for each in ids
    ]


@given(CLAIMANTS, st.integers(0, 40))
def test_shares_never_exceed_limit_or_demand_and_waste_nothing(drawn, limit):
    claimants = [
        Claimant(place, priority, busy, busy + more, since) for place, (priority, busy, more, since) in enumerate(drawn)
    ]
    given_out = shares(claimants, limit)
    assert sum(given_out.values()) <= limit
    assert all(given_out[each.campaign_id] <= each.demand for each in claimants)
    if all(each.busy == 0 for each in claimants):
        assert sum(given_out.values()) == min(limit, sum(each.demand for each in claimants))
        for one in claimants:
            for other in claimants:
                mine, theirs = given_out[one.campaign_id], given_out[other.campaign_id]
                if one.priority == other.priority and mine < one.demand:
                    assert theirs <= mine + 1, "nobody has two more than somebody who wants more"
                if one.priority > other.priority and mine < one.demand:
                    assert theirs == 0, "who goes before others is served first"


def test_two_campaigns_share_the_lines_of_all(session, now):
    limit_lines(session, 6)
    first, second = launched(session, now, people=50, lines=10), launched(session, now, people=50, first=100, lines=10)
    accepted(session, first, now)
    assert lines_of(session, first, second) == [6, 0]
    assert tick(session, second, now).submit == []
    assert why(session, second) == "All 6 lines of this installation are busy with other campaigns."


def test_who_waits_gets_half_as_lines_become_free(session, now):
    limit_lines(session, 6)
    first = launched(session, now, people=60, lines=10, wave_size=10)
    second = launched(session, now, people=60, first=100, lines=10, wave_size=10)
    wave = accepted(session, first, now)
    tick(session, second, now)
    for place in range(wave.size):
        report(session, wave, place, A.ANSWERED, later(now, minutes=2))
    tick(session, first, later(now, minutes=2))
    tick(session, second, later(now, minutes=2))
    assert lines_of(session, first, second) == [3, 3]


def test_with_one_line_for_two_campaigns_they_take_turns(session, now):
    limit_lines(session, 1)
    campaigns = [launched(session, now, people=4, first=100 * place, wave_size=1) for place in range(2)]
    order = []
    for minute in range(8):
        at = later(now, minutes=3 * minute)
        for place, campaign in enumerate(campaigns):
            if tick(session, campaign, at).submit:
                order.append(place)
        wave = session.scalars(select(Wave).where(Wave.state == "planned")).one()
        campaign = session.get_one(Campaign, wave.campaign_id)
        finish(session, campaign, at)
    assert sorted(order) == [0] * 4 + [1] * 4
    assert all(order[place : place + 3] not in ([0] * 3, [1] * 3) for place in range(6))


def finish(session, campaign, at):
    wave = session.scalars(select(Wave).where(Wave.campaign_id == campaign.id, Wave.state == "planned")).one()
    answer(session, claimed(session, wave.id, at), Sent.ACCEPTED, at)
    place = int(session.get_one(Wave, wave.id).request["targets"][0]["to_number"][-4:])
    report(session, wave, place, A.ANSWERED, at, call_id=f"call-{wave.id}")


def test_a_higher_priority_goes_first(session, now):
    limit_lines(session, 3)
    normal = launched(session, now, people=30, lines=3, wave_size=3)
    urgent = launched(session, now, people=30, first=100, lines=3, wave_size=3, priority=1)
    wave = accepted(session, normal, now)
    tick(session, urgent, now)
    for place in range(3):
        report(session, wave, place, A.ANSWERED, later(now, minutes=2))
    assert tick(session, normal, later(now, minutes=2)).submit == []
    assert len(tick(session, urgent, later(now, minutes=2)).submit) == 1


def test_strict_waves_wait_until_everybody_is_settled(session, now):
    campaign = launched(session, now, people=6, lines=3, wave_size=3, pace="strict")
    wave = accepted(session, campaign, now)
    for place in range(2):
        report(session, wave, place, A.ANSWERED, now)
    assert tick(session, campaign, now).submit == []
    session.refresh(campaign)
    assert campaign.next_words == "Wave 2 goes when everybody in this one is settled."
    report(session, wave, 2, A.ANSWERED, now)
    assert len(tick(session, campaign, now).submit) == 1
