"""Somebody must not be called any more, or not now, and the wave that holds them is cut already."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from core.models import Contact, Wave
from jobs.queue import SUBMIT, ring
from jobs.tick import tick
from tests.core.cast import launched, number, set_hours, suppress, why
from tests.faults.desk import ON_SQLITE
from tests.faults.test_asked_twice import together


def called(desk):
    return sorted(one["to_number"] for one in desk.sandbox.get_admin("truth/calls")["contacts"])


def today(days=0):
    return [(datetime.now(UTC) + timedelta(days=days)).weekday()]


def submit_by_a_worker(desk, campaign):
    """The newest wave, given to a worker of its own process."""
    wave = desk.wave(campaign)
    assert ring(desk.installation.environment["REDIS_URL"], SUBMIT, wave.id)
    desk.installation.start("submit")
    desk.installation.wait_until(lambda: desk.wave(campaign).state != "planned")
    return desk.wave(campaign)


def test_a_do_not_call_entry_between_the_cut_and_the_post_makes_the_wave_void(desk):
    """Fault 45: it is cut anew without them, and they are never called."""
    campaign = desk.launch()
    suppress(desk.session, datetime.now(UTC), number(1))
    wave = submit_by_a_worker(desk, campaign)
    assert (wave.state, wave.words) == ("void", "Cut anew: somebody in it must not be called any more.")
    assert desk.sandbox.truth()["posts"] == []
    desk.finish()
    assert called(desk) == [number(0), number(2)]
    assert desk.contacts()["excluded"] == 1
    assert "do-not-call list" in desk.session.scalars(select(Contact.reason).where(Contact.state == "excluded")).one()


def test_hours_that_end_between_the_cut_and_the_post_make_the_wave_void(desk):
    """Fault 45: nobody is called before they open again."""
    campaign = desk.launch(hours_days=today(), hours_from=0, hours_to=1440, hours_by="campaign", zone=noon_zone())
    set_hours(desk.session, campaign, days=today(3))
    wave = submit_by_a_worker(desk, campaign)
    assert (wave.state, wave.words) == ("void", "Cut anew: it would last longer than somebody's calling hours.")
    desk.work(3)
    assert why(desk.session, campaign).startswith("Outside calling hours until 00:00 on ")
    assert (desk.contacts(), desk.sandbox.truth()["posts"]) == ({"ready": 3}, [])
    desk.check(over=False)
    set_hours(desk.session, campaign, days=list(range(7)))
    desk.finish()
    assert called(desk) == [number(0), number(1), number(2)]


def noon_zone():
    """A zone in which it is about noon, and the same day as in UTC: no test may meet the end of a day."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+}"


@ON_SQLITE
def test_a_host_that_was_away_calls_nobody_whose_hours_have_ended_meanwhile(desk):
    """Fault 37: due work runs once, and the hours are looked at first."""
    campaign = launched(
        desk.session, datetime.now(UTC), start_at=datetime.now(UTC) + timedelta(hours=1), hours_days=today(),
        hours_from=0, hours_to=1440, zone=noon_zone(),
    )  # fmt: skip
    set_hours(desk.session, campaign, days=today(2))
    desk.pass_time(hours=2)
    desk.work(2)
    assert desk.contacts() == {"ready": 3}
    assert why(desk.session, campaign).startswith("Outside calling hours until 00:00 on ")
    set_hours(desk.session, campaign, days=list(range(7)))
    desk.finish()
    assert len(desk.sandbox.truth()["posts"]) == 1


def test_two_careful_campaigns_launched_at_once_call_a_number_once(desk):
    """Fault 44, where each leaves out whoever another one called lately: the second one learns of it as its wave is cut."""
    campaigns = [launched(desk.session, datetime.now(UTC), people=2, recent_days=1) for _ in range(2)]
    together(*(lambda one=one: tick(one.id) for one in campaigns * 4))
    desk.finish()
    assert called(desk) == [number(0), number(1)]
    assert desk.contacts()["excluded"] == 2
    desk.session.rollback()
    assert len(desk.session.scalars(select(Wave.id)).all()) == 1
