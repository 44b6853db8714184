"""Reports that come late, contradict, come from a wrong clock, or of a wave that was sent again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.database import writing
from core.decisions import send_again
from core.models import Attempt, Campaign, Contact, Delivery
from sandbox.signing import FORMS
from tests.core.cast import LAUNCHER, number
from tests.faults.desk import ON_SQLITE
from tests.faults.test_deliveries import call, ended


@pytest.fixture
def quiet(sandbox):
    """Nothing is delivered, or known by asking, but what the test delivers."""
    for kind in ("no_webhooks", "no_get_campaign", "no_list_campaigns"):
        sandbox.misbehave(kind)


def signed(desk, wave, body, minutes_off):
    at = (datetime.now(UTC) + timedelta(minutes=minutes_off)).timestamp()
    return FORMS["timestamp_body_sha256"](desk.installation.vault.open(wave.secret), body, at, "")


def test_a_report_days_after_no_news_is_counted_once_and_corrects_the_numbers(desk, quiet):
    """Fault 20: its own numbers are the ones that the sandbox never played (…0108), so that polls find nothing."""
    wave = desk.submit(launched_silent(desk))
    desk.pass_time(days=1)
    desk.work(2)
    assert desk.contacts() == {"no_news": 1}
    for _ in range(2):
        assert desk.deliver(wave, ended("+14155550108")) == 204
    assert desk.contacts() == {"answered": 1}
    assert desk.session.scalars(select(Delivery.verdict)).all() == ["late"]
    desk.session.rollback()
    assert desk.wave(desk.session.get_one(Campaign, wave.campaign_id)).counts == {"answered": 1}


def launched_silent(desk):
    return desk.launch(people=1, first=108)


def test_a_contradiction_is_shown_beside_the_call_and_counted_once(desk, quiet, sign_in_here):
    """Fault 20's other half: one call that was said to be busy, and answered."""
    wave = desk.submit(launched_silent(desk))
    desk.deliver(wave, ended("+14155550108", "busy"))
    desk.deliver(wave, ended("+14155550108", "completed"))
    desk.session.rollback()
    attempt = desk.session.scalars(select(Attempt)).one()
    assert (attempt.status, attempt.contradiction) == ("answered", "busy")
    contact = desk.session.scalars(select(Contact)).one()
    page = sign_in_here("viewer").get(f"/campaigns/{contact.campaign_id}/contacts/{contact.id}").text
    assert "also reported: busy" in page


@pytest.mark.parametrize(("minutes", "status"), [(4.9, 204), (-4.9, 204), (5.1, 401), (-5.1, 401)])
def test_a_sender_s_clock_may_be_five_minutes_wrong(desk, quiet, minutes, status):
    """Fault 22: beyond that the delivery is stale, kept, and the wave is asked about at once."""
    wave = desk.submit(launched_silent(desk))
    body = call("+14155550108", "ringing")
    assert desk.deliver(wave, body, **signed(desk, wave, body, minutes)) == status
    desk.session.rollback()
    assert desk.session.scalars(select(Delivery.verdict)).one() == ("stale" if status == 401 else "applied")
    if status == 401:
        assert desk.wave(desk.session.get_one(Campaign, wave.campaign_id)).next_poll_at <= datetime.now(UTC)


def test_our_clock_an_hour_ahead_and_right_again_expires_nobody_for_good(desk, sandbox):
    """Fault 22: everything that was missed is found by asking."""
    sandbox.misbehave("no_webhooks")
    wave = desk.accepted(people=3)
    desk.pass_time(hours=1)
    desk.tick()
    desk.pass_time(hours=-1)
    desk.ask(wave)
    desk.finish()


def test_a_captured_delivery_replayed_has_no_effect(desk, quiet):
    """Fault 23: inside the window it is a repeat; outside, stale."""
    wave = desk.submit(launched_silent(desk))
    body = ended("+14155550108")
    headers = signed(desk, wave, body, -4.9)
    assert [desk.deliver(wave, body, **headers) for _ in range(3)] == [204] * 3
    late = signed(desk, wave, body, -6)
    assert desk.deliver(wave, body, **late) == 401
    desk.session.rollback()
    assert len(desk.session.scalars(select(Attempt)).all()) == 1


@pytest.fixture
def abandoned(desk, quiet, sandbox):
    """A wave that may have been sent, that a person sent again."""
    sandbox.misbehave("error_500_before", times=1)
    campaign = desk.launch(people=2)
    wave = desk.submit(campaign)
    desk.pass_time(minutes=16)
    desk.tick()
    with writing(desk.session):
        send_again(desk.session, wave.id, 2, LAUNCHER, datetime.now(UTC))
    desk.tick()
    return campaign, wave


@ON_SQLITE
def test_a_call_of_a_wave_that_was_sent_again_withdraws_whoever_still_waits(desk, abandoned):
    """Fault 47: the replacement is only cut, so nobody of it is called."""
    campaign, wave = abandoned
    replacement = desk.wave(campaign)
    assert replacement.id != wave.id
    assert desk.deliver(wave, ended(number(0))) == 204
    desk.resubmit(replacement.id)
    assert [post["accepted"] for post in desk.sandbox.get_admin("truth", calls=0)["posts"]] == [False]


@ON_SQLITE
def test_a_call_of_a_wave_that_was_sent_again_raises_the_alarm_when_its_replacement_went(desk, abandoned, sign_in_here):
    """Fault 47: too late to withdraw anybody, so the page names who may be called twice."""
    campaign, wave = abandoned
    desk.resubmit(desk.wave(campaign).id)
    assert desk.deliver(wave, ended(number(0))) == 204
    page = sign_in_here("launcher").get(f"/campaigns/{campaign.id}").text
    assert "may be called twice: waves 1 and 2" in page
    assert "+1 415-555-0000" in page or number(0) in page
