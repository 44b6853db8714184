"""Who must not be called: the do-not-call list, and whoever was called lately by another campaign."""

from datetime import timedelta

import pytest

from core.bars import barred, waiting_elsewhere
from core.facts import AttemptStatus, Sent
from core.models import Suppression, Target, Wave
from tests.core.cast import accepted, answer, claimed, launched, number, report, tick

DAY = timedelta(days=1)


def suppress(session, text, now, **given):
    session.add(Suppression(number=text, created_at=now, **given))
    session.commit()


def reasons(session, numbers, now, **asked):
    return {text: (bar.verdict, bar.reason) for text, bar in barred(session, numbers, now, **asked).items()}


def test_a_number_on_the_list_is_barred_with_its_reason_until_it_expires(session, now):
    suppress(session, number(1), now, reason="Asked by mail", expires_at=now + DAY)
    suppress(session, number(2), now)
    told = {number(1): ("do_not_call", "On the do-not-call list since 2026-03-02: Asked by mail"),
            number(2): ("do_not_call", "On the do-not-call list since 2026-03-02.")}  # fmt: skip
    assert reasons(session, [number(place) for place in range(4)], now) == told
    assert list(reasons(session, [number(1), number(2)], now + DAY)) == [number(2)]


def test_more_numbers_than_one_statement_takes_are_asked_in_pieces(session, now):
    suppress(session, number(2500), now)
    assert list(barred(session, [number(place) for place in range(3000)], now)) == [number(2500)]


def test_whoever_was_handed_over_in_these_days_was_called_recently(session, now):
    campaign = launched(session, now, people=2)
    accepted(session, campaign, now)
    told = reasons(session, [number(0), number(5)], now + DAY, recent_days=2)
    assert told == {number(0): ("called_recently", "Called on 2026-03-02 by “Spring”.")}
    assert reasons(session, [number(0)], now + DAY) == {}
    assert reasons(session, [number(0)], now + 2 * DAY, recent_days=2) == {}


def test_a_campaign_does_not_bar_its_own_people(session, now):
    campaign = launched(session, now)
    accepted(session, campaign, now)
    assert reasons(session, [number(0)], now, recent_days=9, campaign_id=campaign.id) == {}


def test_a_test_call_bars_nobody(session, now):
    campaign = launched(session, now, people=1, is_test=True)
    accepted(session, campaign, now)
    assert reasons(session, [number(0)], now, recent_days=9) == {}


@pytest.mark.parametrize(("sent", "is_barred"), [(Sent.UNKNOWN, True), (Sent.REFUSED, False), (Sent.NOT_SENT, False)])
def test_what_may_have_been_sent_counts_as_called(session, now, sent, is_barred):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), sent, now)
    assert (number(0) in barred(session, [number(0)], now, recent_days=1)) is is_barred


def test_somebody_tried_again_later_is_called_recently_by_the_latest_wave(session, now):
    campaign = launched(session, now, people=1)
    first = accepted(session, campaign, now)
    later = Wave(campaign_id=campaign.id, ordinal=9, state="finished", state_since=now, size=1, lines=1, name_sent="", request={},
                 token_hash="9", token="", secret="", cut_at=now, claimed_at=now + 3 * DAY, accepted_at=now + 3 * DAY)  # fmt: skip
    session.add(later)
    session.flush()
    target = session.query(Target).filter_by(wave_id=first.id).one()
    session.add(Target(wave_id=later.id, number=target.number, contact_id=target.contact_id, ref="again"))
    session.commit()
    assert "2026-03-05" in barred(session, [number(0)], now + 4 * DAY, recent_days=9)[number(0)].reason


def test_people_who_are_still_to_be_called_by_other_campaigns_are_counted_once(session, now):
    mine = launched(session, now, people=2)
    assert waiting_elsewhere(session, [[number(0)]], mine.id) == 0
    launched(session, now, people=2)
    wave = accepted(session, launched(session, now, people=1, first=7), now)
    report(session, wave, 7, AttemptStatus.ANSWERED, now)
    batches = [[number(0), number(1)], [number(7), number(9)]]
    assert waiting_elsewhere(session, batches, mine.id) == 2


def test_the_list_is_the_stronger_reason(session, now):
    accepted(session, launched(session, now), now)
    suppress(session, number(0), now)
    assert barred(session, [number(0)], now, recent_days=9)[number(0)].verdict == "do_not_call"
