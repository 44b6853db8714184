"""Links with which a screen shows all campaigns without a sign-in: made, shown once, and revoked."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.database import LONGEST_NAME
from core.errors import Invalid, NotFound
from core.models import WallLink
from core.tokens import token_hash

SEEN_EVERY = timedelta(minutes=1)
OVER = "This link is over."


def all_links(session: Session) -> Sequence[WallLink]:
    """Newest first, the revoked ones too."""
    return session.scalars(select(WallLink).order_by(WallLink.id.desc())).all()


def get_link(session: Session, link_id: int) -> WallLink:
    link = session.get(WallLink, link_id)
    if link is None:
        raise NotFound("There is no such link.")
    return link


def make_link(session: Session, name: str, actor: Actor, now: datetime) -> tuple[WallLink, str]:
    """A new link and its token, which is kept nowhere. Invalid (field "name")."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise Invalid("Say which screen it is for, in at most 255 characters.", "name")
    if session.scalar(select(WallLink.id).where(WallLink.name == name, WallLink.revoked_at.is_(None))):
        # The page that shows a new link, loaded again, would otherwise make a second one that nobody knows of.
        raise Invalid("A link in use has this name. Choose another, or revoke that one first.", "name")
    token = secrets.token_urlsafe(32)
    link = WallLink(name=name, token_hash=token_hash(token), created_at=now, created_by=actor.name)
    session.add(link)
    session.flush()
    words = f"{actor.name} made a link for the screen {name}."
    note(session, actor, "wall_link.make", "wall_link", link.id, now, summary=words, after={"name": name})
    return link, token


def revoke_link(session: Session, link_id: int, actor: Actor, now: datetime) -> WallLink:
    """Its screens go dark. To revoke it again changes nothing."""
    link = get_link(session, link_id)
    unrevoked = update(WallLink).where(WallLink.id == link_id, WallLink.revoked_at.is_(None))
    if session.execute(unrevoked.values(revoked_at=now).returning(WallLink.id)).first():
        words = f"{actor.name} revoked the link of the screen {link.name}."
        note(session, actor, "wall_link.revoke", "wall_link", link.id, now, summary=words, before={"name": link.name})
    return link


def find_link(session: Session, token: str) -> WallLink:
    """The link of this token, still good; NotFound for every other. Only reads."""
    good = select(WallLink).where(WallLink.token_hash == token_hash(token), WallLink.revoked_at.is_(None))
    link = session.scalar(good)
    if link is None:
        raise NotFound(OVER)
    return link


def still_good(session: Session, link_ids: Collection[int]) -> set[int]:
    """Which of these links are not revoked."""
    return set(session.scalars(select(WallLink.id).where(WallLink.id.in_(link_ids), WallLink.revoked_at.is_(None))))


def seen_lately(link: WallLink, now: datetime) -> bool:
    return link.last_seen_at is not None and now - link.last_seen_at < SEEN_EVERY


def mark_seen(session: Session, link_id: int, now: datetime) -> None:
    session.execute(update(WallLink).where(WallLink.id == link_id).values(last_seen_at=now))
