"""Tables of who is here: people, their sign-ins, programs' tokens, links of screens, and who did what."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.append_only import only_grows
from core.database import Base, BigId


class Person(Base):
    """Who signs in. `email` is kept in lower case; `role` is viewer, composer, launcher or admin.

    `oidc_subject` is issuer and subject of the identity provider that this person signed in with first; `phone` is where
    their own test calls go.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(255), default="")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20), default="viewer")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]
    phone: Mapped[str | None] = mapped_column(String(20))
    oidc_subject: Mapped[str | None] = mapped_column(String(500), index=True, unique=True)


class PersonLink(Base):
    """A link with which somebody without a password sets one. `kind` is invitation or reset.

    Only the hash of its token is kept. None: the link is to be mailed, and the job that mails it makes the token.
    """

    __tablename__ = "person_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    person: Mapped[Person] = relationship(lazy="joined", innerjoin=True, foreign_keys=[person_id])


class SignIn(Base):
    """One signed-in browser. The cookie carries a random token; only its SHA-256 is here, and revoking is one UPDATE."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(64), default="")
    browser: Mapped[str] = mapped_column(String(255), default="")
    person: Mapped[Person] = relationship(lazy="joined", innerjoin=True)


class SignInFailure(Base):
    """One wrong password; counted per account and per address over a sliding window."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (
        Index("ix_sign_in_failure_email_at", "email", "at"),
        Index("ix_sign_in_failure_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(64))


class ApiToken(Base):
    """A program's key. Only its SHA-256 is kept, and `hint`, its last characters, so that people can tell tokens apart."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(8), default="")
    scopes: Mapped[str] = mapped_column(String(255), default="read compose launch")
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class WallLink(Base):
    """A link by which a screen shows all campaigns, without a sign-in and without a phone number. Only its hash is kept."""

    __tablename__ = "wall_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(255), default="")
    last_seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what, when, before and after. Rows are only ever added: the database itself refuses to change or remove one."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_subject", "subject", "subject_id", "id"),  # what happened to this campaign
        Index("ix_audit_entry_person", "person_id", "id"),  # what this person did
        Index("ix_audit_entry_act", "act", "id"),  # every launch
        Index("ix_audit_entry_at", "at"),  # that week
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(255))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    api_token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id"))
    address: Mapped[str] = mapped_column(String(64), default="")
    act: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int | None] = mapped_column(BigId)
    summary: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


only_grows(Base.metadata.tables["audit_entry"])
