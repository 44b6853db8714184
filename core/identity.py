"""Whoever an identity provider vouches for: which person that is here, or becomes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.accounts import add_person, get_person, refuse_to_shut_out
from core.audit import CALLBOARD, Actor, note
from core.database import LONGEST_NAME
from core.errors import Conflict, DomainError
from core.models import Person
from core.people import find_person, lock_person, plain_email

LONGEST_KEY = 500


class NotLetIn(DomainError):
    """The identity provider knows them; we do not, or not any more."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an identity provider says of somebody; "" where it says nothing."""

    issuer: str
    subject: str
    email: str = ""
    email_is_verified: bool = True
    name: str = ""

    @property
    def key(self) -> str:
        """Who this is, for ever: a subject is one person at its issuer, while an e-mail address may change hands."""
        return f"{self.issuer} {self.subject}"


def person_of(session: Session, identity: Identity, new_people_role: str | None, address: str, now: datetime) -> Person:
    """The active person that this is; linked at their first sign-in by the e-mail address, or added where that is wished.

    `address` is where they come from, for the audit. Raises NotLetIn with the reason, and Conflict when two came at once.
    """
    if not identity.subject or len(identity.key) > LONGEST_KEY or not identity.key.isprintable():
        raise NotLetIn("We were not told who you are. Ask whoever runs the single sign-on.")
    person = session.scalar(select(Person).where(Person.oidc_subject == identity.key))
    if person is None:
        try:
            with session.begin_nested():
                person = _linked(session, _by_address(session, identity, new_people_role, now), identity, address, now)
        except IntegrityError:
            raise Conflict("You signed in twice at the same moment. Try again.") from None
    person = lock_person(session, person.id)
    if not person.is_active:
        raise NotLetIn("Your account is not active any more. Ask an admin.")
    return person


def _by_address(session: Session, identity: Identity, new_people_role: str | None, now: datetime) -> Person:
    email = plain_email(identity.email)
    if "@" not in email or not email.isprintable():
        raise NotLetIn("We were not told your e-mail address, so we cannot know which account is yours.")
    if not identity.email_is_verified:
        raise NotLetIn(f"The address {email} is not verified. Verify it where you just signed in, then try again.")
    person = find_person(session, email)
    if person is None and new_people_role is None:
        raise NotLetIn(f"There is no account for {email} here. Ask an admin to add you.")
    return person or add_person(session, email, identity.name[:LONGEST_NAME], new_people_role or "", CALLBOARD, now)


def _linked(session: Session, person: Person, identity: Identity, address: str, now: datetime) -> Person:
    """Once and for good: an address that was given to somebody else later must not open the account of its first owner."""
    person = lock_person(session, person.id)
    if person.oidc_subject is not None:
        raise NotLetIn(f"The account of {person.email} belongs to another single sign-on account. Ask an admin.")
    if person.is_active:
        person.oidc_subject = identity.key
        actor = Actor(person.name or person.email, person.id, address=address)
        _note(session, person, "person.link", actor, now, None, identity.issuer)
    return person


def unlink(session: Session, person_id: int, actor: Actor, now: datetime) -> Person:
    """Forget which single sign-on account this is; the next sign-in with their e-mail address links anew. NotFound.

    DomainError when it is the only way in of the only admin: should that address be another one by now, nobody could undo it.
    """
    if not get_person(session, person_id).password_hash:
        refuse_to_shut_out(session, person_id)  # locks all admins, in their order
    person = lock_person(session, person_id)
    if person.oidc_subject is not None:
        issuer, _, _ = person.oidc_subject.partition(" ")
        person.oidc_subject = None
        _note(session, person, "person.unlink", actor, now, issuer, None)
    return person


def _note(
    session: Session, person: Person, act: str, actor: Actor, now: datetime, before: str | None, after: str | None
) -> None:
    summary = f"{person.email} is {'' if after else 'no longer '}linked to single sign-on."
    note(
        session, actor, act, "person", person.id, now,
        summary=summary, before={"signs_in_at": before}, after={"signs_in_at": after},
    )  # fmt: skip
