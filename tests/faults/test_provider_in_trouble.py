"""A provider that throttles, is away, or refuses our key: everything waits with the reason, and each wave goes once."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import select

from core.database import writing
from core.models import Campaign, ProviderState, Wave
from jobs.tick import tick_all
from tests.core.cast import launched
from tests.faults.desk import ON_SQLITE


def posts(desk):
    return [post["accepted"] for post in desk.sandbox.get_admin("truth", calls=0, targets=0)["posts"]]


def whys(desk):
    desk.session.rollback()
    return desk.session.scalars(select(Campaign.why).order_by(Campaign.id)).all()


def usable_from(desk):
    desk.session.rollback()
    return desk.session.get_one(ProviderState, 1, populate_existing=True).usable_from


THROTTLES = {
    "seconds": ("throttle", {"retry_after": 90}, 90),
    "a date": ("throttle", {"retry_after": "in 90 seconds"}, 90),
    "nothing told": ("throttle", {}, 30),
    "402": ("refuse", {"status": 402, "message": "Payment required"}, 30),
    "quota in a 403": ("refuse", {"status": 403, "message": "Monthly call quota exceeded"}, 30),
    "limit in a 422": ("refuse", {"status": 422, "message": "Maximum number of campaigns reached"}, 30),
}


@pytest.mark.parametrize(("kind", "told", "seconds"), THROTTLES.values(), ids=THROTTLES)
def test_a_throttle_makes_the_whole_provider_wait_as_long_as_it_asked(desk, kind, told, seconds):
    """Fault 12: another campaign waits too; then each wave goes once."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    if told.get("retry_after") == "in 90 seconds":
        told = {"retry_after": format_datetime(until, usegmt=True)}
    desk.sandbox.misbehave(kind, times=1, **told)
    desk.submit(desk.launch())
    desk.launch(first=10)
    desk.work(2)
    assert usable_from(desk) >= until
    assert all("wait" in why for why in whys(desk))
    desk.pass_time(seconds=seconds - 20)
    desk.work(2)
    assert posts(desk) == [False]
    desk.pass_time(seconds=25)
    desk.finish()
    assert posts(desk) == [False, True, True]


def test_a_throttled_question_makes_submissions_wait_too(desk):
    desk.sandbox.misbehave("throttle", times=1, on="reads", retry_after=60)
    desk.ask(desk.accepted())
    assert (usable_from(desk) - datetime.now(UTC)).total_seconds() > 50
    desk.launch(first=10)
    desk.work()
    assert posts(desk) == [True]
    desk.pass_time(seconds=61)
    desk.finish()


@ON_SQLITE
def test_the_button_try_again_now_is_on_every_page_and_lets_it_go_on(desk, sign_in_here):
    desk.sandbox.post_admin("keys", {"revoke": "static"})
    desk.launch()
    desk.work(4)
    launcher, viewer = sign_in_here("launcher"), sign_in_here("viewer")
    assert "Try again now" in launcher.get("/agents/").text
    assert "Try again now" not in viewer.get("/agents/").text
    assert "refuses our key since" in viewer.get("/agents/").text
    desk.sandbox.post_admin("keys", {"token": desk.sandbox.token})
    assert launcher.post("/provider/try-again").status_code == 303
    desk.finish()


@ON_SQLITE
def test_what_the_provider_asked_for_is_kept_against_a_click(desk, sign_in_here):
    desk.sandbox.misbehave("throttle", times=1, retry_after=90)
    desk.submit(desk.launch())
    launcher = sign_in_here("launcher")
    assert "Try again now" not in launcher.get("/agents/").text
    assert launcher.post("/provider/try-again").status_code == 409
    desk.work(2)
    assert posts(desk) == [False]


@ON_SQLITE
def test_a_campaign_that_could_not_begin_in_time_asks_a_person(desk, sign_in_here):
    """Fault 37: the host was away for longer than the latest start allows."""
    now = datetime.now(UTC)
    campaign = launched(
        desk.session, now, start_at=now.replace(year=now.year + 1), latest_start_at=now.replace(year=now.year + 2)
    )
    with writing(desk.session):
        mine = desk.session.get_one(Campaign, campaign.id)
        mine.start_at, mine.latest_start_at = datetime(2020, 1, 1, 8, tzinfo=UTC), datetime(2020, 1, 1, 9, tzinfo=UTC)
    tick_all()
    desk.work(2)
    assert posts(desk) == []
    launcher = sign_in_here("launcher")
    assert "Start it now" in launcher.get(f"/campaigns/{campaign.id}").text
    launcher.post(f"/campaigns/{campaign.id}/try-again")
    desk.finish()
    assert posts(desk) == [True]


@pytest.mark.parametrize("when", ["before the claim", "after the POST"])
def test_a_stop_at_the_moment_of_a_submission_is_truthful(desk, sign_in_here, when):
    """Fault 41: what is under way resolves, and none starts after the stop."""
    campaign = desk.launch(people=4, wave_size=2, lines=2)
    if when == "after the POST":
        desk.submit(campaign)
    sign_in_here("launcher").post(f"/campaigns/{campaign.id}/stop")
    for wave_id in desk.session.scalars(select(Wave.id)).all():
        desk.session.rollback()
        desk.resubmit(wave_id)
    desk.work(4)
    assert len(posts(desk)) == (1 if when == "after the POST" else 0)
    assert desk.contacts()["cancelled"] == (2 if when == "after the POST" else 4)
    desk.check()
