"""The provider's key: changed in the settings, a refused one gets a new try; its tokens are kept sealed."""

from datetime import timedelta

import pytest

import jobs.runtime
from core.audit import CALLBOARD
from core.database import writing
from core.models import ProviderState
from core.provider_state import Tried, known_state, record_try, refuse_key, trouble
from jobs.provider import DatabaseTokens, notice_our_key
from provider.auth import Tokens

pytestmark = pytest.mark.usefixtures("job_runtime")


def test_a_changed_key_is_noticed_as_a_worker_starts(session, now, monkeypatch):
    notice_our_key(session, jobs.runtime.settings())
    with writing(session):
        refuse_key(session, "Who are you?", now)
        record_try(session, Tried("Who are you?", False), CALLBOARD, now)
    notice_our_key(session, jobs.runtime.settings())
    assert "refuses our key" in trouble(session, now)
    monkeypatch.setenv("PROVIDER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PROVIDER_TOKEN", "another-token")
    jobs.runtime.settings.cache_clear()
    notice_our_key(session, jobs.runtime.settings())
    assert trouble(session, now) is None
    assert known_state(session).tried_at is None


def test_tokens_are_kept_sealed_and_found_again(session, now):
    kept = Tokens("access-secret", "refresh-secret", now + timedelta(hours=1))
    DatabaseTokens(session, jobs.runtime.vault()).save(kept)
    assert DatabaseTokens(session, jobs.runtime.vault()).load() == kept
    state = session.get_one(ProviderState, 1)
    assert "secret" not in state.access_token + state.refresh_token


def test_tokens_sealed_with_a_key_that_is_gone_mean_signing_in_anew(session, now, monkeypatch):
    DatabaseTokens(session, jobs.runtime.vault()).save(Tokens("access", "refresh", None))
    monkeypatch.setenv("SECRET_KEY", "another key that is long enough for this")
    jobs.runtime.settings.cache_clear()
    jobs.runtime.vault.cache_clear()
    assert DatabaseTokens(session, jobs.runtime.vault()).load() is None
