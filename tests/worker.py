"""A worker's surroundings in the test's own process: the settings of this test, as jobs find them."""

from collections.abc import Iterator

import pytest

import jobs.runtime
from config import Settings


@pytest.fixture
def job_runtime(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs called in this test work on its database and its folder."""
    for name in ("database_url", "redis_url", "secret_key", "data_dir"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    for cached in (jobs.runtime.settings, jobs.runtime.engine, jobs.runtime.vault):
        cached.cache_clear()
    yield
    jobs.runtime.engine().dispose()
    for cached in (jobs.runtime.settings, jobs.runtime.engine, jobs.runtime.vault):
        cached.cache_clear()
