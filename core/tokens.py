"""API tokens: programs' keys, of which only the hash is kept."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.models import ApiToken

SCOPES = ("read", "compose", "launch")
SEEN_EVERY = timedelta(minutes=1)
FIRST_NAME = "API_TOKEN"


def token_hash(token: str) -> str:
    """Tokens are long and random, so one round of SHA-256 keeps them as well as a slow hash would."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_token(session: Session, token: str) -> ApiToken | None:
    """The row of a token that is not revoked. Only reads."""
    return session.scalar(
        select(ApiToken).where(ApiToken.token_hash == token_hash(token), ApiToken.revoked_at.is_(None))
    )


def permits(scopes: str, scope: str) -> bool:
    return scope in scopes.split()


def used_lately(token: ApiToken, now: datetime) -> bool:
    return token.last_used_at is not None and now - token.last_used_at < SEEN_EVERY


def mark_used(session: Session, token_id: int, now: datetime) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


def ensure_first_token(session: Session, token: str, now: datetime) -> None:
    """Let the token of the settings in. One that was revoked stays revoked; one that left the settings stays until it is revoked."""
    hashed = token_hash(token)
    if session.scalar(select(ApiToken.id).where(ApiToken.token_hash == hashed)) is not None:
        return
    added = ApiToken(name=FIRST_NAME, token_hash=hashed, created_at=now)
    session.add(added)
    session.flush()
    note(
        session, CALLBOARD, "token.add", "api_token", added.id, now, summary="The token of API_TOKEN may call the API."
    )
