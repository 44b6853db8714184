"""The key for the provider: a fixed token, or tokens from user name and password, refreshed ahead of time and rotated."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from core.facts import Sent
from provider.answers import read_json, read_retry_after
from provider.errors import read_errors
from provider.wire import Reply, Wire

REFRESH_AHEAD = timedelta(minutes=5)
LONGEST_LIFE = timedelta(days=365).total_seconds()
LONGEST_TOKEN = 8192
# A sign-in precedes the POST inside one job, so it may not use up that job's time.
LONGEST_SIGN_IN = 20.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the sign-in gave. An empty `access` means that it was refused and only the refresh token is left."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


class TokenStore(Protocol):
    """Where tokens outlive a process; kept encrypted at rest by whoever implements it."""

    def load(self) -> Tokens | None: ...

    def save(self, tokens: Tokens) -> None: ...


class MemoryTokenStore:
    """Tokens for as long as this process lives."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens

    def load(self) -> Tokens | None:
        return self._tokens

    def save(self, tokens: Tokens) -> None:
        self._tokens = tokens


@dataclass(frozen=True, slots=True)
class NoKey:
    """Why there is no key now: `KEY_REFUSED`, `THROTTLED`, or `NOT_SENT` when the sign-in itself did not come about."""

    sent: Sent
    words: str
    http_status: int | None = None
    retry_after: float | None = None


class Keys:
    """Gives the access token to use now, and a new one when the provider refused the last."""

    def __init__(
        self,
        wire: Wire,
        base: str,
        *,
        token: str | None,
        username: str | None,
        password: str | None,
        store: TokenStore,
        now: Callable[[], datetime],
    ) -> None:
        self._wire = replace(wire, timeouts=replace(wire.timeouts, total=min(wire.timeouts.total, LONGEST_SIGN_IN)))
        self._base = base
        self._fixed = token.strip() if token else None
        self._username = username
        self._password = password
        self._store = store
        self._now = now

    def access(self) -> str | NoKey:
        """The token to use now; signs in or refreshes first where none is there or it ends within five minutes."""
        if self._fixed:
            return self._usable(self._fixed)
        tokens = self._store.load()
        if tokens and tokens.access and self._lasts(tokens):
            return tokens.access
        return self._renew(tokens)

    def access_instead_of(self, refused: str) -> str | NoKey:
        """Another token than the refused one; another process may already have stored it."""
        if self._fixed:
            return NoKey(Sent.KEY_REFUSED, "The provider refuses our token.", 401)
        tokens = self._store.load()
        if tokens and tokens.access and tokens.access != refused and self._lasts(tokens):
            return tokens.access
        return self._renew(tokens)

    def drop(self, refused: str) -> None:
        """Forget the refused token, unless a newer one has been stored meanwhile; the refresh token stays."""
        tokens = None if self._fixed else self._store.load()
        if tokens and tokens.access == refused:
            self._store.save(Tokens(access="", refresh=tokens.refresh))

    def secrets(self) -> tuple[str, ...]:
        """All that may not stand in a sentence."""
        tokens = self._store.load()
        held = (tokens.access, tokens.refresh) if tokens else ()
        return tuple(secret for secret in (self._fixed, self._password, *held) if secret)

    def _lasts(self, tokens: Tokens) -> bool:
        return tokens.expires_at is None or self._now() < tokens.expires_at - REFRESH_AHEAD

    def _renew(self, tokens: Tokens | None) -> str | NoKey:
        if tokens and tokens.refresh:
            renewed = self._obtain("/auth/refresh", {"refresh_token": tokens.refresh}, tokens.refresh)
            if isinstance(renewed, str) or renewed.sent is not Sent.KEY_REFUSED:
                return renewed
            newer = self._store.load()
            if newer and newer.access and newer != tokens and self._lasts(newer):
                return newer.access
        if self._username and self._password:
            return self._obtain("/auth/token", {"username": self._username, "password": self._password}, None)
        if tokens:
            return NoKey(Sent.KEY_REFUSED, "The provider refuses our refresh token.", 401)
        return NoKey(Sent.KEY_REFUSED, "No token and no user name with password is set for the provider.")

    def _obtain(self, path: str, body: Mapping[str, str], refresh: str | None) -> str | NoKey:
        """POST for tokens and store them before they are used: after a rotation the old refresh token is worth nothing."""
        reply = self._wire.exchange(
            "POST", self._base + path, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode()
        )
        if not isinstance(reply, Reply):
            return NoKey(Sent.NOT_SENT, f"The sign-in did not come about. {reply.words}")
        if not 200 <= reply.status < 300:
            return self._refusal(reply)
        tokens = self._read(reply.body, refresh)
        if tokens is None:
            return NoKey(Sent.NOT_SENT, "The provider's answer to our sign-in holds no token.", reply.status)
        self._store.save(tokens)
        return tokens.access

    def _refusal(self, reply: Reply) -> NoKey:
        said = read_errors(reply.body)[0]
        wait = read_retry_after(reply.headers, self._now())
        if reply.status == 429:
            return NoKey(Sent.THROTTLED, "The provider asks us to sign in later.", 429, wait)
        if reply.status in (400, 401, 403, 422):
            return NoKey(Sent.KEY_REFUSED, f"The provider refuses our sign-in: {said or reply.status}", reply.status)
        return NoKey(Sent.NOT_SENT, f"The provider answered {reply.status} to our sign-in.", reply.status, wait)

    def _read(self, body: bytes, refresh: str | None) -> Tokens | None:
        value = read_json(body)
        if isinstance(value, Mapping) and isinstance(value.get("data"), Mapping):
            value = value["data"]
        if not isinstance(value, Mapping) or not _is_token(value.get("access_token")):
            return None
        rotated = value.get("refresh_token")
        return Tokens(
            access=value["access_token"],
            refresh=rotated if _is_token(rotated) else refresh,
            expires_at=self._end(value.get("expires_in")),
        )

    def _end(self, seconds: object) -> datetime | None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_LIFE:
            return None
        return self._now() + timedelta(seconds=seconds)

    @staticmethod
    def _usable(token: str) -> str | NoKey:
        if _is_token(token):
            return token
        return NoKey(Sent.KEY_REFUSED, "The provider's token holds characters that no token has.")


def _is_token(value: object) -> bool:
    """What fits into a header: visible ASCII. Anything else would fail inside the HTTP library, naming the token."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TOKEN and value.isascii() and value.isprintable()
