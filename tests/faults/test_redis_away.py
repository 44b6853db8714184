"""Redis is a doorbell: while it is away pages render and webhooks are kept, and afterwards everything catches up."""

import signal

from sqlalchemy import func, select

from core.models import Delivery
from tests.faults.desk import ON_SQLITE
from tests.faults.test_deliveries import call


@ON_SQLITE
def test_while_redis_is_away_pages_render_and_webhooks_are_kept(desk, installation, sandbox):
    """Fault 8."""
    sandbox.misbehave("no_webhooks")
    installation.start("web")
    wave = desk.accepted(people=2)
    installation.kill("redis")
    assert installation.http.get(f"{installation.url}/livez", timeout=10).ok
    assert installation.http.get(f"{installation.url}/sign-in", timeout=10).ok
    assert installation.show(wave.campaign_id)["status"] == "running"
    assert installation.deliver(wave, call("+14155550000", "ringing")).status_code == 204
    desk.session.rollback()
    assert desk.session.scalar(select(func.count()).select_from(Delivery)) == 1
    desk.pass_time(minutes=5)
    installation.start_redis()
    desk.finish()


@ON_SQLITE
def test_a_redis_that_stops_as_a_job_finishes_causes_no_second_submission(desk, installation, sandbox):
    """Fault 9: the work-horse has written what it knows; whoever runs the job again finds no claim to win."""
    sandbox.misbehave("slow", seconds=1, times=1)
    installation.start("submit")
    campaign = desk.launch()
    installation.wait_until(lambda: desk.wave(campaign).state == "submitting")
    installation.signal("redis", signal.SIGSTOP)
    installation.wait_until(lambda: desk.wave(campaign).state in ("accepted", "finished"), 60)
    installation.signal("redis", signal.SIGCONT)
    installation.wipe_redis()
    desk.resubmit(desk.wave(campaign).id)
    desk.finish()
    assert [post["accepted"] for post in sandbox.get_admin("truth", calls=0)["posts"]] == [True]
