"""API tokens: programs' keys, made, shown once and revoked; only their hashes are kept."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, Actor, note
from core.database import LONGEST_NAME
from core.errors import Invalid, NotFound
from core.models import ApiToken, Person
from core.schedule import end_of_day

SCOPES = ("read", "compose", "launch")
SEEN_EVERY = timedelta(minutes=1)
FIRST_NAME = "API_TOKEN"
# So that programs which look for lost secrets know one of ours when they see it.
PREFIX = "cb_"
LONGEST_LIFE = timedelta(days=3660)


def token_hash(token: str) -> str:
    """Tokens are long and random, so one round of SHA-256 keeps them as well as a slow hash would."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_token(session: Session, token: str) -> ApiToken | None:
    """The row of a token, also of one that opens nothing any more (see `shut`). Only reads."""
    return session.scalar(select(ApiToken).where(ApiToken.token_hash == token_hash(token)))


def shut(token: ApiToken, now: datetime) -> str:
    """Why this token opens nothing any more, in words for its program; "" for one that does."""
    if token.revoked_at is not None:
        return "this API token was revoked."
    if token.expires_at is not None and token.expires_at <= now:
        return "this API token has come to its end."
    return ""


def permits(scopes: str, scope: str) -> bool:
    return scope in scopes.split()


def used_lately(token: ApiToken, now: datetime) -> bool:
    return token.last_used_at is not None and now - token.last_used_at < SEEN_EVERY


def mark_used(session: Session, token_id: int, now: datetime) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


def all_tokens(session: Session) -> Sequence[Any]:
    """(token, e-mail of who made it, or None), newest first."""
    made = select(ApiToken, Person.email).outerjoin(Person, Person.id == ApiToken.created_by_id)
    return session.execute(made.order_by(ApiToken.id.desc())).all()


def get_token(session: Session, token_id: int) -> ApiToken:
    token = session.get(ApiToken, token_id)
    if token is None:
        raise NotFound("There is no such token.")
    return token


def add_token(
    session: Session, name: str, scopes: Collection[str], last_day: date | None, actor: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """A new token, and its text, which is kept nowhere. It opens doors until `last_day` (in UTC) is over.

    Invalid (field "name", "scopes" or "last_day") when it cannot be.
    """
    if not name.strip() or len(name) > LONGEST_NAME:
        raise Invalid("Say which program it is for, in at most 255 characters.", "name")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Invalid("Choose what the token permits.", "scopes")
    if _is_in_use(session, name.strip(), now):
        raise Invalid("A token in use has this name. Choose another, or revoke that one first.", "name")
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name.strip(), token_hash=token_hash(text), hint=text[-4:], scopes=" ".join(s for s in SCOPES if s in scopes),
        expires_at=_end_of(last_day, now), created_at=now, created_by_id=actor.person_id,
    )  # fmt: skip
    session.add(token)
    session.flush()
    note(
        session, actor, "token.add", "api_token", token.id, now,
        summary=f"API token {token.name} made.", after=_facts(token),
    )  # fmt: skip
    return token, text


def revoke_token(session: Session, token_id: int, actor: Actor, now: datetime) -> ApiToken:
    """From the next request on it opens nothing. To revoke it again changes nothing."""
    token = get_token(session, token_id)
    revoked = update(ApiToken).where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None)).values(revoked_at=now)
    if session.execute(revoked.returning(ApiToken.id)).first():
        note(
            session, actor, "token.revoke", "api_token", token.id, now,
            summary=f"API token {token.name} revoked.", before=_facts(token),
        )  # fmt: skip
    return token


def ensure_first_token(session: Session, token: str, now: datetime) -> None:
    """Let the token of the settings in. One that was revoked stays revoked; one that left the settings stays until it is revoked."""
    if find_token(session, token) is not None:
        return
    # No hint: a person chose this one, and may have chosen a short one.
    added = ApiToken(name=FIRST_NAME, token_hash=token_hash(token), created_at=now)
    session.add(added)
    session.flush()
    note(
        session, CALLBOARD, "token.add", "api_token", added.id, now, summary="The token of API_TOKEN may call the API."
    )


def _is_in_use(session: Session, name: str, now: datetime) -> bool:
    """The page that shows a new token, loaded again, would otherwise make a second one that nobody knows of."""
    same = select(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None))
    return any(not shut(token, now) for token in session.scalars(same))


def _end_of(last_day: date | None, now: datetime) -> datetime | None:
    if last_day is None:
        return None
    if not now.date() <= last_day <= (now + LONGEST_LIFE).date():
        raise Invalid("The last day should be today or later, and at most ten years from now.", "last_day")
    return end_of_day(last_day)


def _facts(token: ApiToken) -> dict[str, Any]:
    ends = token.expires_at.isoformat() if token.expires_at else None
    return {"name": token.name, "scopes": token.scopes, "ends": ends}
