"""Pause, resume and stop at the doors: buttons for those who may, a page that asks before a stop, and the same for programs."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.database import writing
from core.models import AuditEntry, Wave
from tests.core.cast import accepted, launched, tick
from tests.factories import make_token

TOKEN = "cb_a-token-that-may-do-everything-there-is"


@pytest.fixture
def now():
    """The doors go by the real clock."""
    return datetime.now(UTC)


@pytest.fixture
def campaign(session, now):
    return launched(session, now, people=5, wave_size=2)


@pytest.fixture
def program(app, session):
    with writing(session):
        make_token(session, token=TOKEN)
    client = app.test_client()
    return lambda campaign_id, act: client.post(
        f"/api/v1/campaigns/{campaign_id}/{act}", headers={"Authorization": f"Bearer {TOKEN}"}, csrf=False
    )


def text(response):
    return response.get_data(as_text=True)


def test_a_pause_is_one_click_and_the_page_says_what_finishes(launcher, session, now, campaign):
    accepted(session, campaign, now)
    page = f"/campaigns/{campaign.id}"
    assert "before the next wave; 2 calls already handed over will finish." in text(launcher.get(page))
    assert launcher.post(f"{page}/pause").headers["Location"] == page
    shown = text(launcher.get(page))
    assert "2 calls already handed over will finish." in shown
    assert "Resume" in shown


def test_a_click_that_comes_twice_changes_nothing_more(launcher, session, campaign):
    for act in ("pause", "pause", "resume", "resume", "stop", "stop"):
        assert launcher.post(f"/campaigns/{campaign.id}/{act}").status_code == 303
    acts = session.scalars(
        select(AuditEntry.act).where(AuditEntry.act.like("campaign.%")).order_by(AuditEntry.id)
    ).all()
    assert acts[-3:] == ["campaign.pause", "campaign.resume", "campaign.stop"]


def test_a_stop_says_in_numbers_what_it_does_before_it_is_done(launcher, session, now, campaign):
    accepted(session, campaign, now)
    page = text(launcher.get(f"/campaigns/{campaign.id}/stop"))
    assert "Stop, and do not call 3 people" in page
    assert "<strong>2 calls</strong> already handed over" in page
    launcher.post(f"/campaigns/{campaign.id}/stop")
    assert launcher.get(f"/campaigns/{campaign.id}/stop").status_code == 303


def test_what_is_over_cannot_be_paused_and_the_reason_is_told(launcher, campaign):
    launcher.post(f"/campaigns/{campaign.id}/stop")
    refused = launcher.post(f"/campaigns/{campaign.id}/pause")
    assert (refused.status_code, "stopped cannot be paused" in text(refused)) == (409, True)


def test_a_resume_rings_for_the_wave_it_cuts(launcher, session, campaign):
    launcher.post(f"/campaigns/{campaign.id}/pause")
    launcher.post(f"/campaigns/{campaign.id}/resume")
    session.rollback()
    assert session.scalars(select(Wave)).one().rung_at is not None


def test_programs_pause_resume_and_stop_as_often_as_they_ask(program, session, now, campaign):
    accepted(session, campaign, now)
    for act, status in (("pause", "paused"), ("resume", "running"), ("stop", "stopping")):
        answers = [program(campaign.id, act) for _ in range(2)]
        assert [(answer.status_code, answer.json["status"]) for answer in answers] == [(200, status)] * 2
    assert answers[0].json["contacts"]["cancelled"] == 3
    refused = program(campaign.id, "resume")
    assert (refused.status_code, refused.json) == (409, {"detail": "A campaign that is stopping cannot be resumed."})


@pytest.mark.parametrize("campaign_id", ["0", "999999", "x", "9" * 30])
def test_what_is_no_campaign_is_not_found(program, campaign_id):
    assert program(campaign_id, "pause").status_code == 404


def test_the_page_of_a_wave_says_what_happens_next(viewer, session, now, campaign):
    wave = accepted(session, campaign, now)
    tick(session, campaign, now)
    page = text(viewer.get(f"/campaigns/{campaign.id}/waves/{wave.ordinal}"))
    assert "Next: Calls are reported; whoever nothing was reported of by then counts" in page


def test_a_scheduled_campaign_can_be_taken_back_to_be_changed(launcher, session, now):
    campaign = launched(session, now, start_at=now + timedelta(hours=2), zone="UTC")
    page = f"/campaigns/{campaign.id}"
    assert "Back to draft" in text(launcher.get(page))
    assert launcher.post(f"{page}/unschedule").headers["Location"] == f"{page}/compose/when"
    assert "nobody is called until you launch it" in text(launcher.get(f"{page}/compose/when"))
    assert "Launch" in text(launcher.get(f"{page}/compose/check"))
