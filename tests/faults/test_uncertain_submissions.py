"""A submission whose end is not known is never sent again by itself: evidence decides."""

import threading
from contextlib import closing

import pytest

import jobs.submit
import provider.client
from jobs.submit import submit
from provider.wire import Timeouts
from tests.sandbox.receiver import Receiver


@pytest.fixture
def impatient(monkeypatch):
    """A provider is waited for a moment, not for a minute."""
    monkeypatch.setattr(provider.client, "Timeouts", lambda: Timeouts(connect=2.0, read=0.3, total=0.6))


def posts(desk):
    return desk.sandbox.truth()["posts"]


def test_a_process_frozen_between_claim_and_post_does_not_send_when_it_wakes(desk, monkeypatch):
    """Fault 4: it gives the wave back, and another run sends it."""
    campaign = desk.launch()
    seconds = iter((0.0, 180.0, 180.0))
    with monkeypatch.context() as frozen:
        frozen.setattr(jobs.submit, "_clock", lambda: next(seconds, 180.0))
        assert desk.submit(campaign).state == "planned"
    assert posts(desk) == []
    assert desk.submit(campaign).state == "accepted"
    desk.finish()


def test_a_process_frozen_until_others_gave_it_up_does_not_send(desk, monkeypatch):
    """Fault 4: while it slept, its wave became unknown; what it knows for certain still counts."""
    campaign = desk.launch()
    asked = iter(range(10))

    def sleep_through() -> float:
        if (times := next(asked)) == 1:
            desk.pass_time(seconds=180)
            desk.tick()
            assert desk.wave(campaign).state == "unknown"
        return 180.0 * bool(times)

    with monkeypatch.context() as frozen:
        frozen.setattr(jobs.submit, "_clock", sleep_through)
        assert desk.submit(campaign).state == "planned"
    assert posts(desk) == []
    desk.finish()
    assert len(posts(desk)) == 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("error_500_after_accept", {}), ("close_after_accept", {}), ("accept_without_id", {}),
        ("silence_after_accept", {"seconds": 30}), ("drip", {"interval": 0.2}),
    ],
)  # fmt: skip
def test_an_answer_lost_after_accepting_is_found_by_asking(desk, impatient, kind, options):
    """Faults 10 and 11: unknown, then accepted by evidence; one submission."""
    desk.sandbox.misbehave(kind, times=1, **options)
    campaign = desk.launch()
    wave = desk.submit(campaign)
    assert wave.state == "unknown"
    desk.ask(wave)
    assert desk.wave(campaign).state in ("accepted", "finished")
    desk.finish()
    assert [post["accepted"] for post in posts(desk)] == [True]


def test_without_a_list_of_campaigns_the_calls_themselves_are_the_evidence(desk):
    """Fault 10, where the provider offers neither list nor look-up of campaigns."""
    for kind in ("no_list_campaigns", "no_get_campaign"):
        desk.sandbox.misbehave(kind)
    desk.sandbox.misbehave("error_500_after_accept", times=1)
    wave = desk.submit(desk.launch())
    assert wave.state == "unknown"
    desk.ask(wave)
    desk.finish()
    assert len(posts(desk)) == 1


def test_an_error_before_accepting_ends_with_a_person(desk):
    """Fault 10's other side: a 500 that accepted nothing looks the same, so nobody is sent again by itself."""
    desk.sandbox.misbehave("error_500_before", times=1)
    campaign = desk.launch()
    wave = desk.submit(campaign)
    desk.ask(wave)
    assert desk.wave(campaign).state == "unknown"
    desk.pass_time(minutes=16)
    desk.work(rounds=2)
    wave = desk.wave(campaign)
    assert (wave.state, wave.submissions, len(posts(desk))) == ("needs_person", 1, 1)
    assert {looked["found"] for looked in wave.evidence} == {"nothing"}
    desk.check()


def test_a_redirect_is_not_followed(desk):
    """Fault 13: no second POST, no credentials sent there, and a clear message."""
    with closing(Receiver()) as elsewhere:
        desk.sandbox.misbehave("redirect", url=f"{elsewhere.url}/campaigns", times=1)
        wave = desk.submit(desk.launch())
        assert elsewhere.received == []
    assert (wave.state, len(posts(desk))) == ("refused", 1)
    assert "redirect" in wave.words
    desk.check(over=False)


def test_the_same_submission_run_fifty_times_at_once_sends_once(desk):
    """Fault 5, in one process: one claim, 49 no-ops."""
    desk.sandbox.misbehave("slow", seconds=0.5)
    campaign = desk.launch()
    wave_id = desk.wave(campaign).id
    desk.session.rollback()
    runs = [threading.Thread(target=submit, args=(wave_id,)) for _ in range(50)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert desk.wave(campaign).submissions == len(posts(desk)) == 1
    desk.finish()
