"""What a job finds around it: settings, a session, the vault. Built once in each worker process, never shared over a fork."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config import Settings
from core.database import open_engine
from provider.vault import SecretVault


@lru_cache
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@lru_cache
def engine() -> Engine:
    return open_engine(settings().database_url)


@lru_cache
def vault() -> SecretVault:
    return SecretVault(settings().secret_key, settings().secret_key_fallbacks)


@contextmanager
def session_scope() -> Iterator[Session]:
    """A session for one job; what it writes, it writes inside `core.database.writing`."""
    with Session(engine()) as session:
        yield session


def now() -> datetime:
    return datetime.now(UTC)
