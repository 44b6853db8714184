"""The provider as jobs and its page use it: its settings, and its tokens kept sealed in the database."""

import hashlib
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Settings
from core.database import writing
from core.heard_words import explained
from core.inbox_settings import HEADER_NAMES, PINNED_FORM
from core.installation import value_of
from core.models import ProviderState
from core.provider_binding import named_provider, notice_provider
from core.provider_state import Tried, notice_key, provider_state
from jobs.runtime import now, settings, vault
from provider.answers import Asked
from provider.auth import Tokens
from provider.client import NO_AGENT, Provider
from provider.inbox import Rules
from provider.vault import SecretVault
from provider.words import meanings

# What is surely not as it should be; after any other answer but a good one nothing is known of the key.
WRONG = (Asked.KEY_REFUSED, Asked.UNREACHABLE, Asked.UNREADABLE)


def provider(session: Session) -> Provider:
    """A client with the key of the settings, whose tokens are shared by all workers."""
    return open_provider(session, settings(), vault())


def open_provider(session: Session, config: Settings, sealer: SecretVault, seconds: float | None = None) -> Provider:
    """The same for whoever is no job; `seconds` is how long all its calls together may take."""
    notice_our_key(session, config)
    return Provider(
        config.provider_url, token=config.provider_token, username=config.provider_username, password=config.provider_password,
        token_store=DatabaseTokens(session, sealer), unsent_503=config.provider_503_is_unsent,
        allow_private=config.allow_private_addresses, seconds=seconds, words=meanings(explained(session)), now=now,
    )  # fmt: skip


def inbox_rules(session: Session, config: Settings) -> Rules:
    """What the environment and the pages say of deliveries; a form that the environment pins stays pinned."""
    return Rules(
        extra_headers=(*config.webhook_headers, *filter(None, value_of(session, HEADER_NAMES).split(", "))),
        pinned_form=config.webhook_form or value_of(session, PINNED_FORM),
        words=meanings(explained(session)),
    )


def notice_our_key(session: Session, config: Settings) -> None:
    """A key that was changed since the provider refused it gets a new try. Also asked as a worker starts: while a key is
    refused nothing is submitted, so nobody else would notice the new one."""
    key = "\n".join(
        filter(None, (config.provider_url, config.provider_token, config.provider_username, config.provider_password))
    )
    fingerprint = hashlib.sha256(key.encode()).hexdigest()
    if session.scalar(select(ProviderState.key_fingerprint)) != fingerprint:
        with writing(session):
            notice_key(session, fingerprint, now())
    named = provider_name(config)
    if named_provider(session) != named:
        with writing(session):
            notice_provider(session, named)
    session.rollback()


def provider_name(config: Settings) -> str:
    """What a database is bound to; the sandbox's port changes."""
    return "sandbox" if config.is_sandbox else config.provider_url


def try_provider(client: Provider, agent_uuid: str | None, tenant: str | None) -> Tried:
    """Ask what harms nobody, and say honestly what the answers prove: "not found" does not prove the key, nor does a complaint."""
    answer = client.check(agent_uuid or NO_AGENT)
    if answer.kind not in (Asked.OK, Asked.NOT_OFFERED):
        return Tried(answer.words, False if answer.kind in WRONG else None)
    listed = client.list_campaigns(limit=1)
    quota = client.get_quota(tenant) if tenant else None
    works = Asked.OK in (answer.kind, listed.kind, quota.kind if quota else None)
    words = "The provider answers and takes our key." if works else answer.words
    if quota and quota.kind != Asked.OK:
        words += f" It does not tell our quota: {quota.words}"
    offered = {Asked.OK: True, Asked.NOT_OFFERED: False if works else None}
    return Tried(
        words, works or None, lists_campaigns=offered.get(listed.kind),
        quota=asdict(quota.value) if quota and quota.value else None,
    )  # fmt: skip


class DatabaseTokens:
    """The provider's tokens, shared by all workers: a refreshed one is stored before anybody uses it."""

    def __init__(self, session: Session, sealer: SecretVault):
        self._session = session
        self._vault = sealer

    def load(self) -> Tokens | None:
        state = self._session.get(ProviderState, 1, populate_existing=True)
        held = (state.access_token, state.refresh_token, state.token_expires_at) if state else (None, None, None)
        self._session.rollback()
        access, refresh, expires_at = held
        if access is None and refresh is None:
            return None
        try:
            return Tokens(self._open(access) or "", self._open(refresh), expires_at)
        except ValueError:  # sealed with a key that is gone: sign in anew
            return None

    def save(self, tokens: Tokens) -> None:
        with writing(self._session):
            state = provider_state(self._session)
            state.access_token = self._vault.seal(tokens.access)
            state.refresh_token = self._vault.seal(tokens.refresh) if tokens.refresh else None
            state.token_expires_at = tokens.expires_at

    def _open(self, sealed: str | None) -> str | None:
        return self._vault.open(sealed) if sealed else None
