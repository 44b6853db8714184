"""Links with which people set a password: an invitation, or a reset. Each can be used once, for a while."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.browsers import end_sign_ins
from core.errors import Conflict, NotFound
from core.models import Person, PersonLink
from core.people import lock_person
from core.tokens import token_hash

INVITATION, RESET = "invitation", "reset"
LASTS = {INVITATION: timedelta(hours=72), RESET: timedelta(hours=24)}
# A bell may have been lost after some seconds, and is rung again for some minutes; whoever still waits then asks again.
MAILED_WITHIN, MAILED_AFTER = timedelta(minutes=15), timedelta(seconds=20)
# Somebody who asks again and again fills nobody's mailbox.
ASKED_AGAIN_AFTER = timedelta(minutes=5)
OVER = "This link is over."


def make_link(
    session: Session, person_id: int, actor: Actor, now: datetime, *, by_mail: bool
) -> tuple[PersonLink, str]:
    """An invitation for somebody who has no password yet, else a reset. Their older links are void from now on.

    Returns the link and its token, which is kept nowhere; "" when the link is to be mailed: then the mail's job makes it.
    """
    person = lock_person(session, person_id)
    if not person.is_active:
        raise Conflict(f"{person.email} is deactivated. Activate the account first.")
    void_links(session, person.id, now)
    kind = RESET if person.password_hash else INVITATION
    token = "" if by_mail else secrets.token_urlsafe(32)
    link = _add(session, person, kind, now, token, actor.person_id)
    how = "to be mailed" if by_mail else "to be handed over"
    named = "An invitation" if kind == INVITATION else "A reset link"
    note(
        session, actor, f"person.{kind}_link", "person", person.id, now,
        summary=f"{named} for {person.email}, {how}.", after={"expires_at": link.expires_at.isoformat()},
    )  # fmt: skip
    return link, token


def ask_for_link(session: Session, person_id: int, address: str, now: datetime) -> PersonLink | None:
    """A link that its owner asked for and that is to be mailed; None when one was asked for a moment ago, or they left.

    What an admin handed over stays good: everybody who knows an address can ask in its name.
    """
    person = lock_person(session, person_id)
    if not person.is_active:
        return None
    asked = and_(PersonLink.person_id == person.id, PersonLink.created_by_id.is_(None))
    if session.scalar(
        select(PersonLink.id).where(asked, is_open(now), PersonLink.created_at > now - ASKED_AGAIN_AFTER)
    ):
        return None
    _void(session, asked, now)
    actor = Actor("Somebody at the sign-in", address=address)
    note(
        session, actor, "person.ask_for_link", "person", person.id, now,
        summary=f"A reset link for {person.email} was asked for, to be mailed.",
    )  # fmt: skip
    return _add(session, person, RESET, now, "", None)


def _add(
    session: Session, person: Person, kind: str, now: datetime, token: str, created_by_id: int | None
) -> PersonLink:
    link = PersonLink(
        person_id=person.id, kind=kind, token_hash=token_hash(token) if token else None, created_at=now,
        created_by_id=created_by_id, expires_at=now + LASTS[kind],
    )  # fmt: skip
    session.add(link)
    session.flush()
    return link


def is_open(now: datetime) -> ColumnElement[bool]:
    """Neither used, nor void, nor too old."""
    return and_(PersonLink.used_at.is_(None), PersonLink.revoked_at.is_(None), PersonLink.expires_at > now)


def find_link(session: Session, token: str, now: datetime) -> PersonLink:
    """The link of this token, still good; NotFound when it is used, void, too old or unknown: which one is nobody's business."""
    good = and_(PersonLink.token_hash == token_hash(token), is_open(now), Person.is_active)
    link = session.scalar(select(PersonLink).join(PersonLink.person).where(good))
    if link is None:
        raise NotFound(OVER)
    return link


def use_link(session: Session, token: str, password_hash: str, address: str, now: datetime) -> Person:
    """Set the password, once for each link: their other links are void, their sign-ins ended. NotFound when it is over."""
    link = find_link(session, token, now)
    person = lock_person(session, link.person_id)
    used = session.execute(update(PersonLink).where(PersonLink.id == link.id, is_open(now)).values(used_at=now))
    if not used.rowcount or not person.is_active:  # type: ignore[attr-defined]
        raise NotFound(OVER)
    person.password_hash = password_hash
    void_links(session, person.id, now)
    end_sign_ins(session, person.id, now)
    actor = Actor(person.name or person.email, person.id, address=address)
    note(
        session, actor, "person.set_password", "person", person.id, now,
        summary=f"{person.email} set a password with {'an invitation' if link.kind == INVITATION else 'a reset link'}.",
    )  # fmt: skip
    return person


def void_links(session: Session, person_id: int, now: datetime) -> None:
    _void(session, PersonLink.person_id == person_id, now)


def _void(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    unused = update(PersonLink).where(which, PersonLink.used_at.is_(None), PersonLink.revoked_at.is_(None))
    session.execute(unused.values(revoked_at=now))


def give_token(session: Session, link_id: int, now: datetime) -> tuple[PersonLink, str] | None:
    """The link and its token for the mail, to whoever comes first; None when there is nothing (more) to mail."""
    token = secrets.token_urlsafe(32)
    unmailed = update(PersonLink).where(PersonLink.id == link_id, PersonLink.token_hash.is_(None), is_open(now))
    if not session.execute(unmailed.values(token_hash=token_hash(token))).rowcount:  # type: ignore[attr-defined]
        return None
    link = session.get_one(PersonLink, link_id, populate_existing=True)
    return (link, token) if link.person.is_active else None


def note_unsent(session: Session, link_id: int, now: datetime) -> None:
    """The mail did not go out: nobody holds this link. One that is void and has no token is known by that."""
    session.execute(update(PersonLink).where(PersonLink.id == link_id).values(token_hash=None, revoked_at=now))


def unmailed_links(session: Session, now: datetime) -> Sequence[int]:
    """Links whose bell may have been lost."""
    lost = and_(PersonLink.token_hash.is_(None), PersonLink.created_at.between(now - MAILED_WITHIN, now - MAILED_AFTER))
    return session.scalars(select(PersonLink.id).where(lost, is_open(now)).order_by(PersonLink.id)).all()


def link_state(link: PersonLink | None, now: datetime) -> str:
    """What has become of it: none, mailing, open, unsent (the mail server refused it) or over."""
    if link is None:
        return "none"
    if link.revoked_at and link.token_hash is None:
        return "unsent"
    if link.used_at or link.revoked_at or link.expires_at <= now:
        return "over"
    return "open" if link.token_hash else "mailing"


def newest_links(session: Session, person_ids: Sequence[int]) -> dict[int, PersonLink]:
    """The last link of each person who has any."""
    links = select(PersonLink).where(PersonLink.person_id.in_(person_ids)).order_by(PersonLink.id)
    return {link.person_id: link for link in session.scalars(links)}
