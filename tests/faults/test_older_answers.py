"""Fault 16: a poll answers less than an earlier one did, or an older state; nothing moves backwards."""

import pytest

import jobs.runtime
from core.models import Wave
from tests.provider.stub import Stub, answer

FIRST = 101  # From 0101 on, each outcome once; 0108 is never heard of, so the wave goes on being asked about.
PEOPLE = 8


@pytest.fixture
def wave(desk, sandbox):
    """Asked about once: seven of its eight people are settled."""
    sandbox.misbehave("no_webhooks")
    wave = desk.accepted(people=PEOPLE, first=FIRST)
    desk.pass_time(seconds=61)
    desk.ask(wave)
    assert sum(desk.attempts().values()) - desk.attempts()["dialling"] == PEOPLE - 1
    return wave


def ask_of(desk, monkeypatch, wave, *answers):
    """One question about the wave, to a provider that answers this and nothing else."""
    with Stub(*answers) as stub, monkeypatch.context() as elsewhere:
        elsewhere.setenv("PROVIDER_URL", stub.url)
        jobs.runtime.settings.cache_clear()
        desk.pass_time(seconds=61)
        desk.ask(wave)
        asked = [one.path.partition("?")[0] for one in stub.asked]
    jobs.runtime.settings.cache_clear()
    return asked


def shown(desk, wave):
    """All that a poll could move back."""
    desk.session.rollback()
    now = desk.session.get_one(Wave, wave.id, populate_existing=True)
    counters = (now.provider_status, now.provider_initiated, now.provider_completed, now.provider_failed)
    return now.state, counters, desk.contacts(), desk.attempts()


def earlier(desk, wave, **told):
    """What the provider says of this campaign, as it was a while ago."""
    return answer(200, desk.sandbox.get(f"/campaigns/{wave.provider_id}").json() | told)


def calls(desk, wave, **told):
    """The provider's list of the wave's calls, each of them changed so."""
    listed = desk.sandbox.get(f"/calls/agent/{wave.campaign.agent.uuid}/calls").json()
    key = next(name for name, value in listed.items() if isinstance(value, list))
    return listed | {key: [call | told for call in listed[key]]}, key


OLD_CALL = {"status": "ringing", "disposition": None, "duration_seconds": 0, "ended_at": None, "recording_url": None}


def test_counters_and_calls_of_an_hour_ago_take_nothing_back(desk, wave, monkeypatch):
    before = shown(desk, wave)
    listed, key = calls(desk, wave, **OLD_CALL)
    assert len(listed[key]) >= PEOPLE - 1
    old = earlier(desk, wave, status="queued", calls_initiated=1, calls_completed=0, calls_failed=0)
    assert len(ask_of(desk, monkeypatch, wave, old, answer(200, listed))) > 1
    assert shown(desk, wave) == before
    end_by_silence(desk)


def test_a_list_that_lost_its_calls_takes_nothing_back(desk, wave, monkeypatch):
    before = shown(desk, wave)
    for left in (1, 0):
        listed, key = calls(desk, wave)
        listed[key] = listed[key][:left]
        ask_of(desk, monkeypatch, wave, earlier(desk, wave), answer(200, listed))
        assert shown(desk, wave) == before
    end_by_silence(desk)


FORGOTTEN = {
    "not found": answer(404, {}),
    "nothing": answer(200, []),
    "empty": answer(200, {}),
    "broken": answer(500, {}),
}


@pytest.mark.parametrize("told", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_campaign_that_the_provider_forgot_is_still_what_it_was(desk, wave, monkeypatch, told):
    before = shown(desk, wave)
    ask_of(desk, monkeypatch, wave, told)
    assert shown(desk, wave) == before
    end_by_silence(desk)


def end_by_silence(desk):
    desk.pass_time(hours=3)
    desk.finish()
    assert desk.posts() == [True]
