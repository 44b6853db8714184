"""Faults 22 and 23: a sender's clock or ours is wrong, and what was once captured is sent again."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.queue import ASK
from sandbox.signing import FORMS
from tests.faults.desk import ON_SQLITE


class Clock:
    """The door's clock, which stands still unless it is set forward."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("blueprints.webhooks.now", clock)
    return clock


def signed(desk, wave, body, at):
    """The headers of a genuine delivery whose sender believes that it is `at`."""
    return FORMS["timestamp_body_sha256"](desk.installation.vault.open(wave.secret), body, at.timestamp(), "")


@pytest.mark.parametrize(("seconds", "verdict"), [(299, "applied"), (-299, "applied"), (301, "stale"), (-301, "stale")])
def test_a_sender_s_clock_may_be_wrong_by_five_minutes_and_no_more(desk, clock, seconds, verdict):
    """Fault 22: what is stale is refused, kept, and makes the wave be asked about at once."""
    wave = desk.accepted(people=1)
    (body,) = desk.told()
    status = desk.deliver(wave, body, **signed(desk, wave, body, clock.now + timedelta(seconds=seconds)))
    assert (status, desk.verdicts()) == (401 if verdict == "stale" else 204, {verdict: 1})
    if verdict == "stale":
        assert desk.wave(wave.campaign).next_poll_at == clock.now
        assert desk.installation.queued(ASK) == 1
    desk.finish()


@ON_SQLITE
def test_a_sender_whose_clock_is_an_hour_wrong_and_then_right_costs_nobody_their_report(desk, installation, sandbox):
    """Fault 22: everything that it says is stale, so the provider is asked; what it repeats later changes nothing."""
    sandbox.post_admin("settings", {"clock_offset": 3600, "retry_delays": [0.2] * 200, "scale_retries": False})
    installation.start("web")
    installation.start("ask")
    campaign = desk.launch(people=3)
    desk.submit(campaign)
    installation.wait_until(lambda: desk.wave(campaign).state == "finished")
    assert set(desk.verdicts()) == {"stale"}
    settled = desk.contacts()
    sandbox.post_admin("settings", {"clock_offset": 0})
    installation.wait_until(lambda: not sandbox.deliveries(state="pending"))
    assert (desk.contacts(), sum(desk.attempts().values())) == (settled, 3)
    desk.finish()


def test_many_stale_reports_ask_the_provider_once(desk, clock):
    """Fault 22: thousands of them must not become thousands of questions."""
    wave = desk.accepted(people=10)
    for body in desk.told():
        assert desk.deliver(wave, body, **signed(desk, wave, body, clock.now + timedelta(hours=1))) == 401
    assert (desk.verdicts(), desk.installation.queued(ASK)) == ({"stale": 10}, 1)
    desk.finish()


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
def test_our_clock_an_hour_wrong_and_then_right_gives_nobody_up(desk, hours):
    """Fault 22: one wave is accepted, one may have been sent, one is only cut, and all webhooks are lost."""
    desk.accepted(people=3)
    desk.sandbox.misbehave("error_500_after_accept", times=1)
    assert desk.submit(desk.launch(people=3, first=10)).state == "unknown"
    desk.launch(people=3, first=20)
    desk.pass_time(hours=hours)
    for _ in range(3):
        desk.tick()
    assert "no_news" not in desk.contacts()
    desk.pass_time(hours=-hours)
    desk.work(2)
    desk.finish()
    assert (desk.posts(), "no_news" in desk.contacts()) == ([True] * 3, False)


def test_a_captured_delivery_has_no_effect_inside_the_window_and_none_outside(desk, clock):
    """Fault 23: 204 as a repeat, and then 401; at another wave's address it is nothing at all."""
    wave, other = desk.accepted(people=1), desk.accepted(people=1, first=10)
    body = desk.told()[0]
    captured = signed(desk, wave, body, clock.now)
    assert desk.deliver(wave, body, **captured) == 204
    before = (desk.contacts(), desk.attempts())
    assert [desk.deliver(wave, body, **captured) for _ in range(3)] == [204] * 3
    clock.now += timedelta(seconds=301)
    assert [desk.deliver(wave, body, **captured) for _ in range(3)] == [401] * 3
    assert desk.deliver(other, body, **captured) == 401
    assert (desk.contacts(), desk.attempts()) == before
    assert desk.verdicts() == {"applied": 1, "stale": 1, "bad_signature": 1}
    desk.finish()
