"""Fault 20: what the provider really said arrives days after everybody was settled without it."""

import json

import pytest
from sqlalchemy import select

from core.models import Attempt, Contact


def deliver_twice(desk, wave):
    """All that the provider sent and nobody received; the status codes."""
    return {desk.deliver(wave, body) for body in desk.told() * 2}


def test_a_report_that_comes_days_after_a_poll_settled_everybody_is_counted_once(desk):
    wave = desk.accepted(people=5)
    desk.finish()
    settled = desk.contacts()
    desk.pass_time(days=3)
    assert deliver_twice(desk, wave) == {204}
    assert (desk.contacts(), sum(desk.attempts().values())) == (settled, 5)
    assert set(desk.verdicts()) <= {"late", "repeat"}
    desk.check()


def test_a_report_that_comes_days_after_everybody_was_given_up_is_counted_once(desk):
    """The provider did not answer our questions either."""
    desk.sandbox.misbehave("error_500_before", on="reads")
    wave = desk.accepted(people=5)
    for _ in range(2):
        desk.pass_time(hours=2)
        desk.work(2)
    assert desk.contacts() == {"no_news": 5}
    desk.pass_time(days=3)
    assert deliver_twice(desk, wave) == {204}
    assert ("no_news" in desk.contacts(), sum(desk.attempts().values())) == (False, 5)
    assert desk.verdicts() == {"late": 5}
    desk.check()


@pytest.mark.parametrize(
    ("place", "truth", "said"),
    [(101, "answered", "busy"), (105, "declined", "no_answer")],
    ids=["answered", "declined"],
)
def test_a_late_report_that_contradicts_is_counted_once_and_shown(desk, sign_in_here, place, truth, said):
    """Of two ends that exclude each other the one stays that spares the person."""
    wave = desk.accepted(people=1, first=place)
    desk.finish()
    desk.pass_time(days=3)
    (body,) = map(json.loads, desk.told())
    body["data"] |= {"disposition": said, "duration_seconds": 0}
    assert desk.deliver(wave, json.dumps(body).encode()) == 204
    desk.session.rollback()
    attempt = desk.session.scalars(select(Attempt)).one()
    contact = desk.session.scalars(select(Contact)).one()
    assert (attempt.status, attempt.contradiction, contact.state) == (truth, said, truth)
    page = sign_in_here("viewer").get(f"/campaigns/{contact.campaign_id}/contacts/{contact.id}").text
    assert said.replace("_", " ") in page.partition("also reported")[2][:40]
    desk.check()
