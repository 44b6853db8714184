"""The browsers that a person is signed in with: which they are, and how one or all of them are signed out."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import NotFound
from core.models import SignIn
from core.sign_ins import good_sign_ins
from core.tokens import token_hash


def sign_ins_of(session: Session, person_id: int, now: datetime) -> Sequence[SignIn]:
    """Where a person is signed in now, the one used last first."""
    theirs = good_sign_ins(now).where(SignIn.person_id == person_id)
    return session.scalars(theirs.order_by(SignIn.last_seen_at.desc(), SignIn.id.desc())).all()


def end_sign_ins(session: Session, person_id: int, now: datetime, *, but: int = 0) -> None:
    """End every sign-in of this person, except the one with the id `but`."""
    theirs = update(SignIn).where(SignIn.person_id == person_id, SignIn.id != but, SignIn.revoked_at.is_(None))
    session.execute(theirs.values(revoked_at=now))


def end_sign_in(session: Session, person_id: int, sign_in_id: int, actor: Actor, now: datetime) -> None:
    """End one of one's own sign-ins; twice does no harm. NotFound when it is somebody else's."""
    sign_in = session.get(SignIn, sign_in_id)
    if sign_in is None or sign_in.person_id != person_id:
        raise NotFound("There is no such sign-in.")
    if sign_in.revoked_at is None:
        sign_in.revoked_at = now
        summary = f"{actor.name} signed out another browser."
        note(session, actor, "person.end_sign_in", "person", person_id, now, summary=summary)


def renew_token(session: Session, sign_in_id: int, now: datetime) -> str | None:
    """A new token for a sign-in that goes on: the old one opens nothing any more. None when it has ended meanwhile."""
    token = secrets.token_urlsafe(32)
    going_on = update(SignIn).where(SignIn.id == sign_in_id, SignIn.revoked_at.is_(None))
    renewed = session.execute(going_on.values(token_hash=token_hash(token), last_seen_at=now))
    return token if renewed.rowcount else None  # type: ignore[attr-defined]
