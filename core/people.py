"""People and what their roles permit; the first person of an installation."""

import secrets
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import CALLBOARD, note
from core.errors import NotFound
from core.models import Person

LONGEST_EMAIL = 254


class Role(StrEnum):
    """Each role may do what the ones before it may."""

    VIEWER = "viewer"
    COMPOSER = "composer"
    LAUNCHER = "launcher"
    ADMIN = "admin"


_ORDER = tuple(Role)


def may(role: str, needed: str) -> bool:
    """Does a role permit what asks for `needed`? A role that we do not know permits nothing."""
    return role in _ORDER and _ORDER.index(Role(role)) >= _ORDER.index(Role(needed))


def plain_email(text: str) -> str:
    """An address as it is kept and compared; no database takes a NUL."""
    return text.replace("\0", "").strip().lower()[:LONGEST_EMAIL]


def lock_person(session: Session, person_id: int) -> Person:
    """Somebody's row as it is now, for whoever changes it: two changes of one person wait for each other. NotFound."""
    locked = select(Person).where(Person.id == person_id).with_for_update(key_share=True)
    person = session.scalar(locked.execution_options(populate_existing=True))
    if person is None:
        raise NotFound("There is no such person.")
    return person


def find_person(session: Session, email: str) -> Person | None:
    return session.scalar(select(Person).where(Person.email == plain_email(email)))


def ensure_first_person(
    session: Session, email: str, password: str | None, now: datetime, hash_password: Callable[[str], str]
) -> str | None:
    """Make somebody who may do everything, unless there is a person already; returns the password when it was generated here."""
    if session.scalar(select(Person.id).limit(1)) is not None:
        return None
    generated = None if password else secrets.token_urlsafe(12)
    person = Person(
        email=plain_email(email),
        password_hash=hash_password(password or generated or ""),
        role=Role.ADMIN,
        created_at=now,
    )
    session.add(person)
    session.flush()
    note(session, CALLBOARD, "person.add", "person", person.id, now, summary=f"{person.email} is the first person.")
    return generated
