"""What people are told of campaigns: to whom, once, and again when it could not be sent."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core import notices
from core.database import writing
from core.errors import Invalid
from core.facts import AttemptStatus
from core.guards import hold
from core.models import Campaign, Notice, NoticeChoice, ProviderState, Wave
from tests.core.cast import LAUNCHER, VAULT, accepted, later, launched, report, tick
from tests.factories import make_person

A = AttemptStatus
NOTHING = notices.Wanted(False, False, None, False, True, None)


@pytest.fixture
def ada(session):
    with writing(session):
        return make_person(session).id


def choose(session, person_id, now, **wanted):
    values = {name: getattr(NOTHING, name) for name in NOTHING.__slots__} | wanted
    with writing(session):
        notices.choose(session, person_id, notices.Wanted(**values), VAULT, LAUNCHER, now)


def told(session):
    session.rollback()
    return [
        (notice.person_id, notice.way, notice.subject) for notice in session.scalars(select(Notice).order_by(Notice.id))
    ]


def end(session, campaign, now):
    report(session, accepted(session, campaign, now), 0, A.ANSWERED, now)
    for _ in range(3):
        tick(session, campaign, now)


def test_whoever_wants_it_hears_once_that_a_campaign_ended(session, now, ada):
    choose(session, ada, now, ended=True)
    end(session, launched(session, now, people=1), now)
    assert told(session) == [(ada, "mail", "“Spring” is complete")]


def test_whoever_wants_nothing_hears_nothing(session, now, ada):
    choose(session, ada, now)
    end(session, launched(session, now, people=1), now)
    assert told(session) == []


def test_a_chat_room_is_told_too_and_its_address_is_sealed(session, now, ada):
    choose(session, ada, now, ended=True, chat="slack://a/b/c", chat_hint="Slack")
    end(session, launched(session, now, people=1), now)
    assert [way for _, way, _ in told(session)] == ["mail", "chat"]
    kept = session.get_one(NoticeChoice, ada)
    assert ("slack" in kept.chat, VAULT.open(kept.chat)) == (False, "slack://a/b/c")
    choose(session, ada, now, ended=True)
    assert session.get_one(NoticeChoice, ada, populate_existing=True).chat is not None
    choose(session, ada, now, ended=True, chat="")
    assert session.get_one(NoticeChoice, ada, populate_existing=True).chat is None


def test_of_what_others_made_only_those_hear_who_want_to(session, now, ada):
    choose(session, ada, now, ended=True, only_own=True)
    end(session, launched(session, now, people=1), now)
    assert told(session) == []
    mine = launched(session, now, people=1, first=10, created_by_id=ada)
    report(session, accepted(session, mine, now), 10, A.ANSWERED, now)
    tick(session, mine, now)
    assert len(told(session)) == 1


def test_that_a_campaign_needs_somebody_is_told_once_for_each_time(session, now, ada):
    choose(session, ada, now, attention=True)
    campaign = launched(session, now)

    def held(words, at):
        with writing(session):
            hold(session, session.get_one(Campaign, campaign.id), "refused", words, at)
        for _ in range(2):
            tick(session, campaign, at)

    held("Refused: +14155550100 is no number.", now)
    assert told(session) == [(ada, "mail", "“Spring” needs attention")]
    assert "+14155550100" not in session.scalars(select(Notice.words)).one()
    with writing(session):
        session.get_one(Campaign, campaign.id).hold = None
    tick(session, campaign, later(now, minutes=1))
    held("Refused again.", later(now, minutes=2))
    assert len(told(session)) == 2


def test_that_the_key_is_refused_is_told_once_however_many_campaigns_run(session, now, ada):
    choose(session, ada, now, attention=True)
    campaigns = [launched(session, now, people=1, first=first) for first in range(3)]
    with writing(session):
        session.add(ProviderState(id=1, failures=0, key_refused_at=now, key_refused_words="No."))
    for campaign in campaigns:
        tick(session, campaign, now)
    assert told(session) == [(ada, "mail", "The provider refuses our key")]


def test_that_somebody_must_decide_about_a_wave_is_told_once(session, now, ada):
    choose(session, ada, now, attention=True)
    campaign = launched(session, now)
    wave = accepted(session, campaign, now)
    with writing(session):
        session.get_one(Wave, wave.id).state = "needs_person"
    for minute in range(3):
        tick(session, campaign, later(now, minutes=minute))
    assert told(session) == [(ada, "mail", "“Spring” needs attention")]


@pytest.mark.parametrize(("failed", "count"), [(5, 0), (6, 1)])
def test_that_many_calls_fail_is_told_above_the_chosen_part(session, now, ada, failed, count):
    choose(session, ada, now, failing_percent=25)
    campaign = launched(session, now, people=30, lines=10, breaker_percent=None)
    wave = accepted(session, campaign, now)
    for place in range(20):
        report(session, wave, place, A.FAILED if place < failed else A.ANSWERED, now)
    for _ in range(2):
        tick(session, campaign, now)
    assert [subject for _, _, subject in told(session)] == ["Calls of “Spring” fail"] * count


def test_nobody_hears_of_test_calls_or_of_what_ended_long_ago(session, now, ada):
    choose(session, ada, now, ended=True)
    campaign = launched(session, now, people=1)
    with writing(session):
        session.get_one(Campaign, campaign.id).is_test = True
    end(session, campaign, now)
    with writing(session):
        session.get_one(Campaign, campaign.id).is_test = False
    tick(session, campaign, later(now, hours=2))
    assert told(session) == []


def test_a_percentage_is_one(session, now, ada):
    with pytest.raises(Invalid) as problem:
        choose(session, ada, now, failing_percent=101)
    assert problem.value.field == "failing_percent"


def test_a_notice_goes_to_whoever_comes_first_and_again_after_it_failed(session, now, ada):
    for _ in range(2):  # a double click tries once
        with writing(session):
            assert notices.try_ways(session, ada, now) == 1
    (due,) = notices.notices_due(session, now)
    for tries in range(5):
        with writing(session):
            assert notices.claim_notice(session, due, now).way == "mail"
            assert notices.claim_notice(session, due, now) is None
        with writing(session):
            notices.record_notice(session, due, "No.", now)
        now = session.get_one(Notice, due).next_at + timedelta(seconds=tries)
    assert (session.get_one(Notice, due).state, notices.notices_due(session, later(now, days=9))) == ("given_up", [])


def test_whoever_dies_while_sending_leaves_it_to_be_sent_again(session, now, ada):
    with writing(session):
        notices.try_ways(session, ada, now)
        (due,) = notices.notices_due(session, now)
        notices.claim_notice(session, due, now)
    assert notices.notices_due(session, now + notices.LEASE) == [due]
    with writing(session):
        notices.record_notice(session, due, "", now)
    assert notices.notices_due(session, now + notices.LEASE) == []
