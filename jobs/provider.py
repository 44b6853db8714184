"""The provider as the jobs use it: its settings, and its tokens kept sealed in the database."""

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import writing
from core.models import ProviderState
from core.provider_state import notice_key, provider_state
from jobs.runtime import now, settings, vault
from provider.auth import Tokens
from provider.client import Provider


def provider(session: Session) -> Provider:
    """A client with the key of the settings, whose tokens are shared by all workers."""
    config = settings()
    notice_our_key(session)
    return Provider(
        config.provider_url, token=config.provider_token, username=config.provider_username, password=config.provider_password,
        token_store=DatabaseTokens(session), unsent_503=config.provider_503_is_unsent,
        allow_private=config.allow_private_addresses, now=now,
    )  # fmt: skip


def notice_our_key(session: Session) -> None:
    """A key that was changed since the provider refused it gets a new try. Also asked as a worker starts: while a key is
    refused nothing is submitted, so nobody else would notice the new one."""
    config = settings()
    key = "\n".join(
        filter(None, (config.provider_url, config.provider_token, config.provider_username, config.provider_password))
    )
    fingerprint = hashlib.sha256(key.encode()).hexdigest()
    if session.scalar(select(ProviderState.key_fingerprint)) != fingerprint:
        with writing(session):
            notice_key(session, fingerprint)
    session.rollback()


class DatabaseTokens:
    """The provider's tokens, shared by all workers: a refreshed one is stored before anybody uses it."""

    def __init__(self, session: Session):
        self._session = session

    def load(self) -> Tokens | None:
        state = self._session.get(ProviderState, 1, populate_existing=True)
        held = (state.access_token, state.refresh_token, state.token_expires_at) if state else (None, None, None)
        self._session.rollback()
        access, refresh, expires_at = held
        if access is None and refresh is None:
            return None
        try:
            return Tokens(_open(access) or "", _open(refresh), expires_at)
        except ValueError:  # sealed with a key that is gone: sign in anew
            return None

    def save(self, tokens: Tokens) -> None:
        with writing(self._session):
            state = provider_state(self._session)
            state.access_token = vault().seal(tokens.access)
            state.refresh_token = vault().seal(tokens.refresh) if tokens.refresh else None
            state.token_expires_at = tokens.expires_at


def _open(sealed: str | None) -> str | None:
    return vault().open(sealed) if sealed else None
