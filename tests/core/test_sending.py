"""Handing over: one at a time, again with growing gaps, and not for ever; in time that passes when the test says so."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import message_log
from core.database import writing
from core.errors import Conflict
from core.models import AuditEntry, Endpoint, Message, MessageTry
from core.sending import DEAD_AFTER, GAPS, LEASE, Outcome, claim_next, endpoints_due, record
from tests.core.cast import LAUNCHER, later
from tests.factories import make_campaign, make_endpoint, make_message

TAKEN = Outcome(True, "It answered 204.", 12, 204)
REFUSED = Outcome(False, "It answered 500.", 12, 500, "oh no")
GONE = Outcome(False, "It answered 410.", 12, 410)


@pytest.fixture
def endpoint(session, now) -> Endpoint:
    with writing(session):
        return make_endpoint(session, make_campaign(session))


def write(session, endpoint, count=1):
    """So many messages, all due now."""
    with writing(session):
        return [make_message(session, endpoint) for _ in range(count)]


def claim(session, endpoint, now):
    with writing(session):
        return claim_next(session, endpoint.id, now)


def attempt(session, endpoint, now, outcome):
    """One try now, if one is due: the id of its message."""
    held = claim(session, endpoint, now)
    if held is None:
        return None
    with writing(session):
        record(session, held, outcome, now, chance=0.0)
    return held.message_id


def fail_for_ever(session, endpoint, now):
    """Every moment at which a try was made, from the first to the last."""
    moments = []
    while session.scalar(select(Message.state).where(Message.state == "waiting")):
        if attempt(session, endpoint, now, REFUSED):
            moments.append(now)
        now += timedelta(seconds=5)
        session.rollback()
        now = max(now, session.scalar(select(Message.next_at)))
    return moments


def test_messages_go_out_in_their_order_and_are_logged(session, now, endpoint):
    first, second = write(session, endpoint, 2)
    assert endpoints_due(session, now) == [endpoint.id]
    assert [attempt(session, endpoint, now, TAKEN) for _ in range(3)] == [first.id, second.id, None]
    assert endpoints_due(session, now) == []
    assert {(message.state, message.tries, message.http_status) for message in (first, second)} == {
        ("delivered", 1, 204)
    }
    assert len(session.scalars(select(MessageTry)).all()) == 2


def test_whoever_claims_has_the_endpoint_alone_until_the_lease_ends(session, now, endpoint):
    _, second = write(session, endpoint, 2)
    held = claim(session, endpoint, now)
    assert (claim(session, endpoint, now), endpoints_due(session, now)) == (None, [])
    assert attempt(session, endpoint, now + LEASE, TAKEN) == second.id
    # Killed between its POST and its record: the same message again, by the same id.
    assert claim(session, endpoint, now + LEASE).uid == held.uid


def test_a_hundred_claims_at_once_win_one_message(engine, session, now, endpoint):
    write(session, endpoint, 2)

    def try_once(_):
        with Session(engine) as own, writing(own):
            return claim_next(own, endpoint.id, now)

    with ThreadPoolExecutor(10) as threads:
        won = [held for held in threads.map(try_once, range(100)) if held]
    assert len(won) == 1


def test_tries_come_with_growing_gaps_over_most_of_a_day_and_then_end(session, now, endpoint):
    (message,) = write(session, endpoint)
    moments = fail_for_ever(session, endpoint, now)
    gaps = tuple(after - before for before, after in pairwise(moments))
    assert len(gaps) == len(GAPS)
    assert all(gap >= planned for gap, planned in zip(gaps, GAPS, strict=True))
    assert timedelta(hours=17) < sum(gaps, timedelta()) < timedelta(hours=24)
    session.refresh(message)
    assert (message.state, message.tries, message.words) == ("given_up", len(GAPS) + 1, "It answered 500.")


def test_a_failure_lets_the_whole_endpoint_rest_and_a_success_ends_that(session, now, endpoint):
    write(session, endpoint, 20)
    tried = [second for second in range(0, 620, 10) if attempt(session, endpoint, later(now, seconds=second), REFUSED)]
    assert tried == [0, 10, 20, 40, 80, 160, 320]
    moment = later(now, seconds=620)
    assert attempt(session, endpoint, moment, TAKEN)
    assert attempt(session, endpoint, moment, TAKEN)
    assert session.get_one(Endpoint, endpoint.id, populate_existing=True).failures == 0


@pytest.mark.parametrize(("asked", "waits"), [(600, 600), (10**9, 3600), (1, 5)])
def test_a_server_that_says_when_to_come_back_is_believed_within_reason(session, now, endpoint, asked, waits):
    (message,) = write(session, endpoint)
    attempt(session, endpoint, now, Outcome(False, "It answered 429.", 1, 429, wait=asked))
    session.refresh(message)
    session.refresh(endpoint)
    assert message.next_at == endpoint.next_at == later(now, seconds=waits)


def test_what_waits_for_a_dead_server_is_given_up_after_a_day_untried(session, now, endpoint):
    write(session, endpoint, 30)
    for minute in range(DEAD_AFTER - 1):
        attempt(session, endpoint, later(now, minutes=6 * minute), REFUSED)
    assert session.scalars(select(Message.state)).all() == ["waiting"] * 30
    fresh = write(session, endpoint)[0]
    with writing(session):
        session.get_one(Message, fresh.id).give_up_at = later(now, hours=48)
    attempt(session, endpoint, later(now, hours=25), REFUSED)
    assert session.scalars(select(Message.id).where(Message.state == "waiting")).all() == [fresh.id]


def test_what_kills_everybody_who_sends_it_is_given_up_after_a_day_too(session, now, endpoint):
    (message,) = write(session, endpoint)
    for minute in range(len(GAPS) + 1):
        assert claim(session, endpoint, later(now, minutes=minute))
    assert claim(session, endpoint, later(now, hours=23))
    assert claim(session, endpoint, later(now, hours=25)) is None
    session.refresh(message)
    assert message.state == "given_up"


def test_an_address_that_says_it_is_gone_is_left_alone_until_a_person_resumes_it(session, now, endpoint):
    write(session, endpoint, 3)
    attempt(session, endpoint, now, GONE)
    session.refresh(endpoint)
    assert "410" in endpoint.disabled_words
    assert set(session.scalars(select(Message.state))) == {"given_up"}
    assert "endpoint.disable" in session.scalars(select(AuditEntry.act)).all()
    with pytest.raises(Conflict), writing(session):
        message_log.send_all_again(session, endpoint.campaign_id, LAUNCHER, now)
    with writing(session):
        message_log.resume(session, endpoint.campaign_id, LAUNCHER, now)
        assert message_log.send_all_again(session, endpoint.campaign_id, LAUNCHER, now) == 3
    assert attempt(session, endpoint, now, TAKEN)


def test_a_record_that_comes_too_late_undoes_nothing(session, now, endpoint):
    (message,) = write(session, endpoint)
    slow = claim(session, endpoint, now)
    assert attempt(session, endpoint, now + LEASE, TAKEN) == message.id
    with writing(session):
        record(session, slow, GONE, now + 2 * LEASE, chance=0.0)
    session.refresh(message)
    session.refresh(endpoint)
    assert (message.state, endpoint.failures, endpoint.disabled_at) == ("delivered", 0, None)
    assert len(session.scalars(select(MessageTry)).all()) == 2


def test_a_message_is_sent_again_whatever_became_of_it(session, now, endpoint):
    (message,) = write(session, endpoint)
    attempt(session, endpoint, now, TAKEN)
    with writing(session):
        message_log.send_again(session, endpoint.campaign_id, message.id, LAUNCHER, now)
    assert attempt(session, endpoint, now, TAKEN) == message.id
    (entry,) = session.scalars(select(AuditEntry))
    assert (entry.act, entry.before["state"], entry.actor) == ("message.send_again", "delivered", LAUNCHER.name)


def test_sending_again_ends_a_long_wait_and_disturbs_no_try_under_way(session, now, endpoint):
    (message,) = write(session, endpoint)
    held = claim(session, endpoint, now)
    with writing(session):
        message_log.send_again(session, endpoint.campaign_id, message.id, LAUNCHER, now)
    assert claim(session, endpoint, now) is None
    with writing(session):
        record(session, held, Outcome(False, "It answered 503.", 1, 503, wait=3600), now, chance=0.0)
        message_log.send_again(session, endpoint.campaign_id, message.id, LAUNCHER, now)
    assert attempt(session, endpoint, now, TAKEN) == message.id
