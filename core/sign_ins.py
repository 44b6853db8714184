"""Signed-in browsers: a random token in a cookie, its hash in a row that can be revoked; and how often one may try."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import DomainError
from core.models import Person, SignIn, SignInFailure
from core.people import plain_email
from core.tokens import token_hash

IDLE_LIMIT = timedelta(hours=12)
LONGEST = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=1)

WINDOW = timedelta(minutes=15)
MOST_FOR_ACCOUNT = 10
MOST_FROM_ADDRESS = 50


class TooManyTries(DomainError):
    """Too many wrong passwords; `retry_after` is in seconds."""

    def __init__(self, retry_after: int):
        minutes = ceil(retry_after / 60)
        super().__init__(f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a password. It counts as a failure until it is forgiven, so that many at once cannot outrun the count."""

    id: int
    email: str
    address: str


def begin_try(session: Session, email: str, address: str, now: datetime) -> Try:
    """Count this try before the password is looked at. TooManyTries when the account or the address has had enough."""
    email, since = plain_email(email), now - WINDOW
    session.execute(delete(SignInFailure).where(SignInFailure.email == email, SignInFailure.at <= since))
    session.execute(delete(SignInFailure).where(SignInFailure.address == address, SignInFailure.at <= since))
    _check(session, SignInFailure.email == email, MOST_FOR_ACCOUNT, now)
    _check(session, SignInFailure.address == address, MOST_FROM_ADDRESS, now)
    failure = SignInFailure(at=now, email=email, address=address)
    session.add(failure)
    session.flush()
    return Try(failure.id, email, address)


def _check(session: Session, whose: object, most: int, now: datetime) -> None:
    newest = select(SignInFailure.at).where(whose, SignInFailure.at > now - WINDOW)  # type: ignore[arg-type]
    tries = session.scalars(newest.order_by(SignInFailure.at.desc()).limit(most)).all()
    if len(tries) == most:
        raise TooManyTries(max(1, ceil((tries[-1] + WINDOW - now).total_seconds())))


def sign_in(session: Session, person: Person, tried: Try, browser: str, now: datetime) -> str:
    """Start a new sign-in after a right password; returns the token for the cookie, which is kept nowhere else."""
    session.execute(
        delete(SignInFailure).where(SignInFailure.email == tried.email, SignInFailure.address == tried.address)
    )
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=token_hash(token), person_id=person.id, created_at=now, last_seen_at=now, expires_at=now + LONGEST,
            address=tried.address, browser=browser[:255],
        )
    )  # fmt: skip
    person.last_sign_in_at = now
    actor = Actor(person.email, person.id, address=tried.address)
    note(session, actor, "person.sign_in", "person", person.id, now, summary=f"{person.email} signed in.")
    return token


def find_sign_in(session: Session, token: str, now: datetime) -> SignIn | None:
    """The sign-in that a cookie's token stands for; None when it is unknown, revoked, too old or idle for too long. Only reads."""
    return session.scalar(
        select(SignIn)
        .join(SignIn.person)
        .where(
            SignIn.token_hash == token_hash(token),
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now,
            SignIn.last_seen_at > now - IDLE_LIMIT,
            Person.is_active,
        )
    )


def seen_lately(sign_in: SignIn, now: datetime) -> bool:
    return now - sign_in.last_seen_at < SEEN_EVERY


def mark_seen(session: Session, sign_in_id: int, now: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(last_seen_at=now))


def sign_out(session: Session, token: str, now: datetime) -> None:
    _revoke(session, SignIn.token_hash == token_hash(token), now)


def sign_out_everywhere(session: Session, person_id: int, actor: Actor, now: datetime) -> None:
    """End every sign-in of this person, this one too."""
    _revoke(session, SignIn.person_id == person_id, now)
    note(
        session, actor, "person.sign_out_everywhere", "person", person_id, now,
        summary=f"{actor.name} signed out everywhere.",
    )  # fmt: skip


def _revoke(session: Session, which: object, now: datetime) -> None:
    session.execute(update(SignIn).where(which, SignIn.revoked_at.is_(None)).values(revoked_at=now))  # type: ignore[arg-type]
