"""People's accounts: added, changed and closed by an admin; name, phone and password changed by oneself."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.browsers import end_sign_ins, renew_token
from core.database import LONGEST_NAME
from core.errors import Conflict, DomainError, Invalid, NotFound
from core.links import void_links
from core.models import Person
from core.people import LONGEST_EMAIL, Role, lock_person, may, plain_email
from core.phone import clean

MOST_SHOWN = 200
# As browsers check <input type=email>. Mail servers and identity providers in companies take no others.
EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")

LAST_ADMIN = "This is the only admin who can sign in. Make somebody else an admin first."


def people(session: Session, query: str = "") -> Sequence[Person]:
    """Those whose name or address holds the query, at most MOST_SHOWN: who may come in first, then by name."""
    found = or_(Person.name.icontains(query, autoescape=True), Person.email.icontains(query, autoescape=True))
    by_name = func.lower(func.coalesce(func.nullif(Person.name, ""), Person.email))
    return session.scalars(
        select(Person).where(found).order_by(Person.is_active.desc(), by_name, Person.id).limit(MOST_SHOWN)
    ).all()


def get_person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("There is no such person.")
    return person


def account_state(person: Person) -> str:
    """deactivated, active, or invited: somebody who has no way to sign in yet."""
    if not person.is_active:
        return "deactivated"
    return "active" if _can_come_in(person) else "invited"


def add_person(session: Session, email: str, name: str, role: str, actor: Actor, now: datetime) -> Person:
    """Somebody new, who may come in once they have set a password. Invalid names the field that is wrong."""
    person = Person(email=_checked_email(email), name=_checked_name(name), role=_checked_role(role), created_at=now)
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError:
        raise Invalid("There is a person with this address already.", "email") from None
    note(
        session, actor, "person.add", "person", person.id, now,
        summary=f"{person.email} added as {person.role}.", after=_facts(person),
    )  # fmt: skip
    return person


def change_person(
    session: Session, person_id: int, name: str, role: str, actor: Actor, now: datetime, *, sure: bool = False
) -> Person:
    """Another name or role. Invalid (field "sure") when an admin takes the role from themselves without saying so twice."""
    person, others = _with_admins(session, person_id)
    name, role, before = _checked_name(name), _checked_role(role), _facts(person)
    if not may(role, Role.ADMIN):
        if _is_last_admin(person, others):
            raise Invalid(LAST_ADMIN, "role")
        if person.id == actor.person_id and may(person.role, Role.ADMIN) and not sure:
            raise Invalid(
                "You are about to take the admin role from yourself, and only another admin can give it back. "
                "Tick the box if you mean it.",
                "sure",
            )
    person.name, person.role = name, role
    if _facts(person) != before:
        moved = f" from {before['role']} to {role}" if role != before["role"] else ""
        note(
            session, actor, "person.change", "person", person.id, now,
            summary=f"{person.email} changed{moved}.", before=before, after=_facts(person),
        )  # fmt: skip
    return person


def deactivate(session: Session, person_id: int, actor: Actor, now: datetime) -> Person:
    """They are signed out everywhere at once, and their links are void. What they did stays under their name."""
    if person_id == actor.person_id:
        raise DomainError("You cannot deactivate your own account. Ask another admin.")
    person = refuse_to_shut_out(session, person_id)
    if person.is_active:
        person.is_active = False
        end_sign_ins(session, person.id, now)
        void_links(session, person.id, now)
        _note_active(session, person, actor, now)
    return person


def activate(session: Session, person_id: int, actor: Actor, now: datetime) -> Person:
    """They may come in again, with the password they had."""
    person, _ = _with_admins(session, person_id)
    if not person.is_active:
        person.is_active = True
        _note_active(session, person, actor, now)
    return person


def _note_active(session: Session, person: Person, actor: Actor, now: datetime) -> None:
    did = "activate" if person.is_active else "deactivate"
    note(
        session, actor, f"person.{did}", "person", person.id, now, summary=f"{person.email} {did}d.",
        before={"is_active": not person.is_active}, after={"is_active": person.is_active},
    )  # fmt: skip


def sign_out_person(session: Session, person_id: int, actor: Actor, now: datetime) -> Person:
    """End every sign-in of somebody, wherever they are."""
    person = lock_person(session, person_id)
    end_sign_ins(session, person.id, now)
    summary = f"{person.email} was signed out everywhere."
    note(session, actor, "person.sign_out_everywhere", "person", person.id, now, summary=summary)
    return person


def change_own_details(session: Session, person_id: int, name: str, phone: str, actor: Actor, now: datetime) -> None:
    """One's name, and the number that test calls go to; Invalid names the field that is wrong."""
    person = lock_person(session, person_id)
    before = _facts(person) | {"phone": person.phone}
    person.name, person.phone = _checked_name(name), _checked_phone(phone)
    after = _facts(person) | {"phone": person.phone}
    if after == before:
        return
    changed = [name for name in ("name", "phone") if after[name] != before[name]]
    note(
        session, actor, "person.change_own", "person", person.id, now,
        summary=f"{person.email} changed their own {' and '.join(changed)}.",
        before={"name": before["name"]}, after={"name": after["name"]},  # a number has no place in the audit
    )  # fmt: skip


def change_own_password(
    session: Session,
    person_id: int,
    sign_in_id: int,
    checked_hash: str,
    password_hash: str,
    actor: Actor,
    now: datetime,
) -> str:
    """A new password, after the one of `checked_hash` was right: ends every other sign-in; returns this one's new token.

    Conflict when another browser was faster.
    """
    person = lock_person(session, person_id)
    token = renew_token(session, sign_in_id, now)
    if person.password_hash != checked_hash or token is None:
        raise Conflict("Your password was changed a moment ago from another browser. Sign in again.")
    person.password_hash = password_hash
    end_sign_ins(session, person.id, now, but=sign_in_id)
    void_links(session, person.id, now)
    summary = f"{person.email} changed their password."
    note(session, actor, "person.change_password", "person", person.id, now, summary=summary)
    return token


def refuse_to_shut_out(session: Session, person_id: int) -> Person:
    """Somebody, locked, who may lose their way in; DomainError when nobody could administer any more."""
    person, others = _with_admins(session, person_id)
    if _is_last_admin(person, others):
        raise DomainError(LAST_ADMIN)
    return person


def _with_admins(session: Session, person_id: int) -> tuple[Person, list[Person]]:
    """Somebody and every other admin who can come in, locked: of two who leave at once one must see that they are the last."""
    admins = and_(Person.role == Role.ADMIN, Person.is_active)
    locked = (
        select(Person).where(or_(Person.id == person_id, admins)).order_by(Person.id).with_for_update(key_share=True)
    )
    found = session.scalars(locked.execution_options(populate_existing=True)).all()
    person = next((person for person in found if person.id == person_id), None)
    if person is None:
        raise NotFound("There is no such person.")
    return person, [other for other in found if other is not person and _can_come_in(other)]


def _can_come_in(person: Person) -> bool:
    """An invitation that nobody has taken up yet opens no door."""
    return person.is_active and bool(person.password_hash or person.oidc_subject)


def _is_last_admin(person: Person, other_admins: list[Person]) -> bool:
    return may(person.role, Role.ADMIN) and _can_come_in(person) and not other_admins


def _checked_email(text: str) -> str:
    email = text.strip().lower()
    if len(email) > LONGEST_EMAIL:
        raise Invalid(f"An e-mail address has at most {LONGEST_EMAIL} characters.", "email")
    if not EMAIL.fullmatch(email) or ".." in email:
        raise Invalid("This is not an e-mail address. It looks like ada@example.com.", "email")
    return plain_email(email)


def _checked_name(text: str) -> str:
    """On one line, without what cannot be seen."""
    name = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(name) > LONGEST_NAME:
        raise Invalid(f"A name has at most {LONGEST_NAME} characters.", "name")
    return name


def _checked_role(text: str) -> str:
    if text not in {role.value for role in Role}:
        raise Invalid("Choose one of the roles.", "role")
    return text


def _checked_phone(text: str) -> str | None:
    if not text.strip():
        return None
    number = clean(text, "ZZ").number  # no country: the number must say its own
    if number is None:
        raise Invalid("Write a whole number with its country code, such as +44 20 7946 0018.", "phone")
    return number


def _facts(person: Person) -> dict[str, object]:
    return {"email": person.email, "name": person.name, "role": person.role}
