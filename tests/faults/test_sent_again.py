"""Fault 47: a person sends a wave again that was sent after all, and only then the first submission's calls are reported."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.database import writing
from core.decisions import send_again
from core.models import AuditEntry, Campaign, Wave
from tests.core.cast import LAUNCHER, number

PEOPLE = 3
FIRST = 101  # 0101 is answered for certain, 0102 has voicemail, 0103 does not answer


@pytest.fixture
def campaign(desk, sandbox):
    """Its first wave was accepted, nobody asked about it, and its replacement is cut."""
    sandbox.misbehave("error_500_after_accept", times=1)
    campaign = desk.launch(people=PEOPLE, first=FIRST)
    wave = desk.submit(campaign)
    desk.pass_time(minutes=16)
    for _ in range(2):
        desk.tick()
    assert desk.wave(campaign).state == "needs_person"
    with writing(desk.session):
        send_again(desk.session, wave.id, PEOPLE, LAUNCHER, datetime.now(UTC))
    desk.tick()
    assert desk.waves() == {"abandoned": 1, "planned": 1}
    return campaign


def first_wave(desk, campaign):
    desk.session.rollback()
    return desk.session.scalars(select(Wave).where(Wave.campaign_id == campaign.id, Wave.ordinal == 1)).one()


def alarm(desk, campaign):
    desk.session.rollback()
    return desk.session.get_one(Campaign, campaign.id, populate_existing=True).alarm


def test_nobody_of_a_replacement_that_is_not_claimed_yet_is_called_again(desk, campaign):
    """One report is enough: where one was called, all were handed over."""
    replacement = desk.wave(campaign)
    assert desk.deliver(first_wave(desk, campaign), desk.told()[0]) == 204
    desk.resubmit(replacement.id)
    assert desk.waves() == {"abandoned": 1, "void": 1}
    for body in desk.told()[1:]:
        assert desk.deliver(first_wave(desk, campaign), body) == 204
    desk.finish()
    assert desk.posts() == [True]
    assert desk.contacts() == {"answered": 1, "voicemail": 1, "no_answer": 1}
    assert not alarm(desk, campaign)


def test_whoever_may_be_called_twice_is_named_on_the_page(desk, campaign, sign_in_here):
    """The replacement is on its way: nobody can be withdrawn, so whoever was reported is named; the audit says who decided."""
    assert desk.submit(campaign).state == "accepted"
    for body in desk.told()[:2]:
        assert desk.deliver(first_wave(desk, campaign), body) == 204
    named = [one in alarm(desk, campaign) for one in (number(101), number(102), number(103))]
    assert named == [True, True, False]
    page = sign_in_here("launcher").get(f"/campaigns/{campaign.id}").text
    assert "may be called twice" in page
    acts = desk.session.scalars(select(AuditEntry.act)).all()
    assert {"wave.send_again", "contact.called_twice"} <= set(acts)
    desk.finish()
    assert desk.posts() == [True, True]
