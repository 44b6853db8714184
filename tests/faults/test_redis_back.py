"""Faults 8 and 9: live pages while Redis is away or does not answer, and work that goes on by itself when it is back."""

import signal

import pytest

from jobs.queue import CHANNEL, SUBMIT, announce, ring, worker_redis
from tests.blueprints.test_live import events, html
from tests.faults.desk import ON_SQLITE

# From 0101 on, each outcome once.
FIRST = 101


@pytest.fixture
def watched(desk, sandbox, sign_in_here, monkeypatch):
    """A campaign whose reports wait to be delivered, and a person who looks at its page."""
    monkeypatch.setattr("blueprints.live_hub.LOOK_ANYWAY_SECONDS", 0.1)
    wave = desk.accepted(people=2, first=FIRST)
    return wave, sign_in_here("viewer"), f"/campaigns/{wave.campaign_id}"


def moved(stream):
    """The next fragments; that Redis went away, or came back, is said in between."""
    return next(data for name, data in stream if name != "heartbeat" and "live-numbers" in str(data))


@ON_SQLITE
@pytest.mark.parametrize("away", ["gone", "silent"])
def test_a_live_page_is_true_while_redis_is_away_and_when_it_is_back(desk, installation, watched, away):
    """Fault 8: pages render, the stream goes on by looking at the database, and so does the poll that takes its place."""
    wave, viewer, page = watched
    first, second = desk.told()
    with viewer.get(f"{page}/live", buffered=False) as response:
        stream = events(response)
        assert "Handed over 2" in html(moved(stream))
        installation.kill("redis") if away == "gone" else installation.signal("redis", signal.SIGSTOP)
        assert desk.deliver(wave, first) == 204
        assert "Answered 1, Handed over 1" in html(moved(stream))
        assert "Answered 1, Handed over 1" in html(viewer.get(f"{page}/live.json").json)
        assert viewer.get(page).status_code == viewer.get("/campaigns/").status_code == 200
        installation.start_redis() if away == "gone" else installation.signal("redis", signal.SIGCONT)
        assert desk.deliver(wave, second) == 204
        assert "Answered 1, Voicemail 1" in html(moved(stream))
    desk.finish()


@ON_SQLITE
def test_a_live_page_hears_of_changes_again_when_redis_is_back(desk, installation, watched, monkeypatch):
    """Fault 8: the listener subscribes anew; looking anyway is not what brings this change."""
    wave, viewer, page = watched
    with viewer.get(f"{page}/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        installation.wipe_redis()
        monkeypatch.setattr("blueprints.live_hub.LOOK_ANYWAY_SECONDS", 3600.0)
        installation.wait_until(lambda: listeners(installation))
        assert desk.deliver(wave, desk.told()[0]) == 204
        announce(installation.environment["REDIS_URL"], wave.campaign_id)
        assert "Answered 1, Handed over 1" in html(moved(stream))
    desk.finish()


def listeners(installation):
    with worker_redis(installation.environment["REDIS_URL"]) as connection:
        return connection.pubsub_numsub(CHANNEL)[0][1]


@ON_SQLITE
def test_a_page_that_may_say_reconnecting_knows_where_to_ask(desk, watched):
    """Fault 8: should its stream break, the script polls; both addresses stand on the page, and each answers."""
    _, viewer, page = watched
    text = viewer.get(page).text
    assert f'data-live-url="{page}/live"' in text
    assert f'data-poll-url="{page}/live.json"' in text
    desk.finish()


@ON_SQLITE
def test_everything_goes_on_by_itself_when_redis_is_back(desk, installation, sandbox):
    """Fault 8: what was launched, and what was reported, while it was away."""
    sandbox.misbehave("error_500_before", on="reads")
    sandbox.post_admin("settings", {"retry_delays": []})
    reported = desk.accepted(people=3, first=FIRST)  # of which nobody hears until the test reports it
    for name in ("web", "tick", "submit", "ask", "scheduler"):
        installation.start(name)
    installation.wait_until(lambda: installation.has_worker("submit") and installation.has_worker("tick"))
    installation.kill("redis")
    launched = installation.create(["+14155560201", "+14155560202"])
    assert {installation.deliver(reported, body).status_code for body in desk.told()} == {204}
    assert (desk.posts(), desk.verdicts()) == ([True], {"applied": 3})
    sandbox.request("DELETE", "/admin/misbehave")
    desk.pass_time(minutes=5)
    installation.start_redis()
    for campaign_id in (reported.campaign_id, launched):
        installation.wait_until(lambda one=campaign_id: installation.show(one)["status"] == "completed", 60)
    installation.check()
    assert desk.posts() == [True, True]


@ON_SQLITE
def test_a_redis_that_dies_as_a_job_finishes_and_remembers_it_causes_no_second_submission(desk, installation, sandbox):
    """Fault 9: it is back with all that it knew, so the job still stands there as begun, and is rung again besides."""
    sandbox.misbehave("slow", seconds=1, times=1)
    installation.start("submit")
    campaign = desk.launch()
    installation.wait_until(lambda: desk.wave(campaign).state == "submitting")
    installation.kill("redis")
    installation.wait_until(lambda: desk.wave(campaign).state in ("accepted", "finished"))
    installation.start_redis()
    for _ in range(3):
        ring(installation.environment["REDIS_URL"], SUBMIT, desk.wave(campaign).id)
    installation.wait_until(lambda: installation.has_worker("submit") and not installation.queued(SUBMIT), 60)
    installation.wait_until(lambda: not installation.children("submit"))
    desk.finish()
    assert (desk.posts(), desk.wave(campaign).submissions) == ([True], 1)
