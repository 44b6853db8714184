"""Fault 14: the provider is down and comes back. Each wave goes once, and nobody knocks at the same moment."""

from datetime import UTC, datetime, timedelta

from core.models import ProviderState
from core.provider_state import LONGEST_BACK_OFF, back_off
from tests.faults.desk import ON_SQLITE


def wait_of(desk):
    desk.session.rollback()
    state = desk.session.get_one(ProviderState, 1, populate_existing=True)
    return (state.usable_from - datetime.now(UTC)).total_seconds()


def test_campaigns_whose_provider_is_down_go_each_wave_once_when_it_is_back(desk):
    """Connection refused is surely not sent. One of them finds out, and the others do not even try."""
    campaigns = [desk.launch(first=10 * place) for place in range(3)]
    desk.sandbox.kill()
    waits = []
    for _ in range(4):
        desk.pass_time(seconds=17)
        desk.work()
        waits.append(wait_of(desk))
        assert (sum(desk.contacts().values()), set(desk.waves()) <= {"planned", "void"}) == (9, True)
    desk.tick()
    assert all("cannot be reached" in why for why in desk.whys())
    assert waits[-1] > waits[0]
    desk.sandbox.restart()
    desk.pass_time(minutes=5)
    desk.finish()
    assert desk.posts() == [True] * len(campaigns)


def test_the_back_off_grows_with_jitter_to_a_limit():
    for failures in range(1, 40):
        full = min(2.0**failures, 1024.0)
        drawn = {back_off(failures) for _ in range(50)}
        longest = min(timedelta(seconds=full), LONGEST_BACK_OFF)
        assert longest / 2 <= min(drawn) <= max(drawn) <= longest
        assert len(drawn) > 1 or longest == LONGEST_BACK_OFF


@ON_SQLITE
def test_a_provider_that_goes_down_with_calls_under_way_is_asked_until_it_is_back(desk):
    """What it played before it went is found by asking; nobody is given up because a question found nobody."""
    desk.sandbox.misbehave("no_webhooks")
    wave = desk.accepted()
    desk.sandbox.kill()
    for _ in range(3):
        desk.ask(wave)
        desk.pass_time(seconds=61)
    assert desk.contacts() == {"submitted": 3}
    desk.sandbox.restart()
    desk.finish()
    assert desk.posts() == [True]
