"""The wall: totals, the health of each campaign in one word, and when it is expected to end."""

from datetime import UTC, datetime, timedelta

import pytest

from core import control
from core.database import writing
from core.errors import Invalid, NotFound
from core.facts import AttemptStatus
from core.guards import hold
from core.models import Campaign, ProviderState, Setting
from core.pace import FEWEST
from core.wall import MOST_CARDS, wall
from core.wall_links import OVER, find_link, make_link, revoke_link, still_good
from tests.core.cast import LAUNCHER, VAULT, accepted, later, launched, report, tick

A = AttemptStatus


def health_of(session, campaign, now):
    session.rollback()
    (card,) = [card for card in wall(session, now).cards if card.campaign.id == campaign.id]
    return card.health


def test_a_campaign_that_calls_is_fine(session, now):
    campaign = launched(session, now)
    report(session, accepted(session, campaign, now), 0, A.DIALLING, now)
    tick(session, campaign, now)
    told = health_of(session, campaign, now)
    assert (told.word, told.reason) == ("fine", "Wave 1 is calling; everybody was handed over.")


def test_one_that_is_paused_waits_and_says_why(session, now):
    campaign = launched(session, now)
    with writing(session):
        control.act_on(session, campaign.id, "pause", LAUNCHER, VAULT, now)
    told = health_of(session, campaign, now)
    assert (told.word, told.reason) == ("waiting", "Paused by Lena Launcher.")


def test_one_that_is_held_needs_attention(session, now):
    campaign = launched(session, now)
    with writing(session):
        hold(session, session.get_one(Campaign, campaign.id), "refused", "Refused: no such agent.", now)
    tick(session, campaign, now)
    assert health_of(session, campaign, now).word == "attention"


def test_all_that_run_need_attention_while_the_provider_refuses_our_key(session, now):
    campaign = launched(session, now)
    with writing(session):
        session.add(ProviderState(id=1, failures=0, key_refused_at=now, key_refused_words="No."))
    told = health_of(session, campaign, now)
    assert (told.word, told.reason.startswith("The provider refuses our key")) == ("attention", True)


def test_all_that_run_wait_while_the_provider_asks_us_to(session, now):
    """Nobody has to do anything about that: it goes on by itself, and would otherwise wake everybody each time."""
    campaign = launched(session, now)
    with writing(session):
        session.add(ProviderState(id=1, failures=0, usable_from=later(now, minutes=1), throttled_words="Too many."))
    told = health_of(session, campaign, now)
    assert (told.word, told.reason.startswith("The provider asks us to wait")) == ("waiting", True)


@pytest.mark.parametrize(("silence", "word"), [(timedelta(minutes=4), "fine"), (timedelta(minutes=6), "attention")])
def test_silence_with_open_calls_needs_attention_after_five_minutes(session, now, silence, word):
    campaign = launched(session, now)
    report(session, accepted(session, campaign, now), 0, A.DIALLING, now)
    told = health_of(session, campaign, now + silence)
    assert told.word == word
    assert (told.reason == "Nothing was reported for 6 min, and 1 call is open.") == (word == "attention")


def test_whichever_needs_somebody_is_shown_however_many_there_are(session, now):
    first = launched(session, now, people=1, first=5000)
    with writing(session):
        hold(session, session.get_one(Campaign, first.id), "refused", "Refused.", now)
        session.add_all(
            Campaign(name=f"C{n}", state="running", state_since=now, created_at=now, size=1) for n in range(MOST_CARDS)
        )
    told = wall(session, now)
    assert (told.cards[0].campaign.id, len(told.cards), told.more) == (first.id, MOST_CARDS, 1)
    assert told.totals.running == MOST_CARDS + 1


def test_only_live_ones_count_as_more(session, now):
    with writing(session):
        session.add_all(
            Campaign(name=f"C{n}", state="completed", state_since=now, created_at=now, ended_at=now, size=0)
            for n in range(MOST_CARDS + 3)
        )
    assert (len(wall(session, now).cards), wall(session, now).more) == (MOST_CARDS, 0)


def test_one_that_ended_is_seen_for_a_while(session, now):
    campaign = launched(session, now, people=1)
    report(session, accepted(session, campaign, now), 0, A.ANSWERED, now)
    tick(session, campaign, now)
    assert health_of(session, campaign, later(now, minutes=9)).word == "ended"
    assert wall(session, later(now, minutes=11)).cards == []


def test_today_begins_at_midnight_of_the_house(session):
    evening = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    campaign = launched(session, evening, people=2)
    wave = accepted(session, campaign, evening)
    report(session, wave, 0, A.ANSWERED, evening)
    after = evening + timedelta(hours=1)
    report(session, wave, 1, A.BUSY, after)
    totals = wall(session, after).totals
    assert (totals.answered, totals.not_reached, totals.zone) == (0, 1, "UTC")
    with writing(session):
        session.add(Setting(name="home_zone", value={"is": "Asia/Kolkata"}))
    totals = wall(session, after).totals
    assert (totals.answered, totals.not_reached, totals.zone) == (1, 1, "Asia/Kolkata")


def test_what_finished_waves_keep_is_in_todays_totals(session, now):
    campaign = launched(session, now, people=4, wave_size=2)
    for places in ((0, 1), (2, 3)):
        wave = accepted(session, campaign, now)
        for place in places:
            report(session, wave, place, A.BUSY if place else A.ANSWERED, later(now, minutes=place))
        tick(session, campaign, later(now, minutes=5)) if places[0] else None
    totals = wall(session, later(now, minutes=6)).totals
    assert (totals.answered, totals.not_reached) == (1, 3)


def test_a_test_call_is_in_no_total(session, now):
    campaign = launched(session, now, people=1)
    report(session, accepted(session, campaign, now), 0, A.ANSWERED, now)
    with writing(session):
        session.get_one(Campaign, campaign.id).is_test = True
    told = wall(session, now)
    assert (told.cards, told.totals.answered, told.totals.running) == ([], 0, 0)


def test_the_end_is_expected_from_the_pace_so_far_and_only_once_there_is_one(session, now):
    campaign = launched(session, now, people=40, lines=10)
    wave = accepted(session, campaign, now)
    at = later(now, minutes=5)
    for place in range(FEWEST - 1):
        report(session, wave, place, A.BUSY, at)
    (card,) = wall(session, at).cards
    assert (card.pace.people, card.pace.ends_from) == (FEWEST - 1, None)
    for place in range(FEWEST - 1, 20):
        report(session, wave, place, A.BUSY, at)
    (card,) = wall(session, at).cards
    assert card.pace.per_minute == 4
    assert card.pace.ends_from < at + timedelta(minutes=5) < card.pace.ends_to


def test_the_end_is_expected_inside_the_calling_hours(session):
    noon = datetime(2026, 3, 2, 16, 50, tzinfo=UTC)
    hours = {"hours_from": 9 * 60, "hours_to": 17 * 60, "hours_days": list(range(7))}
    campaign = launched(session, noon, people=40, lines=10, **hours)
    wave = accepted(session, campaign, noon)
    at = later(noon, minutes=5)
    for place in range(10):
        report(session, wave, place, A.BUSY, at)
    (card,) = wall(session, at).cards
    assert card.pace.ends_from.date() > noon.date()


def test_a_link_is_good_until_it_is_revoked(session, now):
    with writing(session):
        link, token = make_link(session, " Kitchen ", LAUNCHER, now)
    assert (find_link(session, token).name, still_good(session, [link.id, 99])) == ("Kitchen", {link.id})
    with pytest.raises(Invalid, match="has this name"), writing(session):
        make_link(session, "Kitchen", LAUNCHER, now)
    for _ in range(2):
        with writing(session):
            revoke_link(session, link.id, LAUNCHER, now)
    with pytest.raises(NotFound, match=OVER):
        find_link(session, token)
    assert still_good(session, [link.id]) == set()
