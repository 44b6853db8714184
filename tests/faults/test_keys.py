"""Fault 15: the provider's key is revoked in mid-campaign. Nothing is burnt, and all goes on with another key."""

from datetime import UTC, datetime

import pytest

import jobs.runtime
from core.database import writing
from core.provider_state import try_again_now
from jobs.provider import DatabaseTokens, notice_our_key
from tests.core.cast import LAUNCHER
from tests.faults.desk import ON_SQLITE

PASSWORD = {"PROVIDER_TOKEN": "", "PROVIDER_USERNAME": "sandbox", "PROVIDER_PASSWORD": "sandbox"}


@pytest.fixture
def restart_with(desk, monkeypatch):
    """The workers are started again with other settings."""

    def restart(settings):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        jobs.runtime.settings.cache_clear()
        with jobs.runtime.session_scope() as session:
            notice_our_key(session, jobs.runtime.settings())

    return restart


def in_the_middle(desk):
    """A campaign of several waves, of which the provider has the first and the second is cut."""
    campaign = desk.launch(people=4, wave_size=2, lines=4)
    assert desk.submit(campaign).state == "accepted"
    desk.tick()
    assert desk.wave(campaign).state == "planned"
    return campaign


def assert_that_all_wait(desk):
    """Whatever time passes: nobody is called, nobody is burnt, and each campaign that waits says that it is the key."""
    accepted = desk.posts().count(True)
    for _ in range(3):
        desk.work(2)
        desk.pass_time(minutes=2)
    assert desk.posts().count(True) == accepted
    assert all("key" in why for why in desk.whys())
    assert not {"excluded", "failed", "cancelled"} & set(desk.contacts())
    assert not {"refused", "unknown", "needs_person"} & set(desk.waves())
    desk.tick()
    desk.check(over=False)


def finish_with_everybody(desk, people):
    """Each was called once; the checks hold it against what the provider did."""
    desk.finish()
    assert len(desk.sandbox.get_admin("truth/calls")["contacts"]) == people
    assert set(desk.waves()) <= {"finished", "void"}


def test_a_token_revoked_in_mid_campaign_makes_all_wait_until_the_settings_name_another(desk, restart_with):
    in_the_middle(desk)
    desk.launch(people=2, first=10)
    desk.sandbox.post_admin("keys", {"revoke": "static", "token": "another-token"})
    assert_that_all_wait(desk)
    restart_with({"PROVIDER_TOKEN": "another-token"})
    finish_with_everybody(desk, 6)


@pytest.mark.parametrize("revoked", ["access", "issued"], ids=["refreshed", "signed in anew"])
def test_tokens_revoked_in_mid_campaign_cost_one_try(desk, restart_with, revoked):
    """A second claim sends what the first was refused; the key never counts as refused."""
    restart_with(PASSWORD)
    campaign = in_the_middle(desk)
    held = DatabaseTokens(desk.session, jobs.runtime.vault()).load()
    desk.sandbox.post_admin("keys", {"revoke": held.access if revoked == "access" else "issued"})
    assert desk.submit(campaign).state == "planned"
    assert desk.submit(campaign).state == "accepted"
    finish_with_everybody(desk, 4)
    assert desk.posts().count(False) == 1


@ON_SQLITE
def test_a_question_with_a_revoked_token_is_asked_again_with_a_new_one(desk, restart_with):
    restart_with(PASSWORD)
    desk.sandbox.misbehave("no_webhooks")
    wave = desk.accepted(people=2)
    desk.sandbox.post_admin("keys", {"revoke": "issued"})
    desk.ask(wave)
    assert sum(desk.attempts().values()) == 2
    desk.finish()
    assert desk.posts() == [True]


def test_a_password_changed_in_mid_campaign_makes_all_wait_until_the_settings_have_the_new_one(desk, restart_with):
    restart_with(PASSWORD)
    in_the_middle(desk)
    desk.sandbox.post_admin("keys", {"revoke": "issued", "password": "another password"})
    assert_that_all_wait(desk)
    restart_with({"PROVIDER_PASSWORD": "another password"})
    finish_with_everybody(desk, 4)


def test_a_token_that_the_provider_takes_again_needs_a_person_s_word(desk):
    """The very key that was refused works again, and a person says so."""
    campaign = desk.launch(people=4, wave_size=2, lines=2)
    desk.submit(campaign)
    desk.sandbox.post_admin("keys", {"revoke": "static"})
    desk.work(4)
    assert "key" in desk.whys()[0]
    assert desk.contacts()["queued"] + desk.contacts()["ready"] >= 2
    desk.sandbox.post_admin("keys", {"token": desk.sandbox.token})
    desk.work(2)
    assert "key" in desk.whys()[0], "nobody said that the key is good again"
    with writing(desk.session):
        assert try_again_now(desk.session, LAUNCHER, datetime.now(UTC))
    desk.finish()
    assert desk.posts().count(True) == 2
