"""Tables of what stands around a campaign: agents, the provider's state, leases, settings, keys of repeated creates."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigId


class Agent(Base):
    """A voice agent of the provider. `variables` are the names its script needs; `on_missing` says whether a launch without some
    of them is blocked ("block") or only warned of ("warn")."""

    __tablename__ = "agent"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    variables: Mapped[list[Any]] = mapped_column(default=list)
    on_missing: Mapped[str] = mapped_column(String(5), default="warn")
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class ProviderState(Base):
    """What is known of the provider as a whole: one row, id 1. Tokens are sealed.

    `*_offered` is None until tried. `usable_from` holds everything back until then ("throttled", back-off). `tried_*` is what came
    of "try it" on the provider page, `quota` what the provider's quota route said last.
    """

    __tablename__ = "provider_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    access_token: Mapped[str | None] = mapped_column(Text)
    refresh_token: Mapped[str | None] = mapped_column(Text)
    token_expires_at: Mapped[datetime | None]
    key_refused_at: Mapped[datetime | None]
    key_refused_words: Mapped[str | None] = mapped_column(Text)
    key_fingerprint: Mapped[str | None] = mapped_column(String(64))
    usable_from: Mapped[datetime | None]
    throttled_words: Mapped[str | None] = mapped_column(Text)
    unreachable_since: Mapped[datetime | None]
    unreachable_words: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(default=0)
    get_campaign_offered: Mapped[bool | None]
    list_campaigns_offered: Mapped[bool | None]
    tried_at: Mapped[datetime | None]
    tried_words: Mapped[str | None] = mapped_column(Text)
    is_tried_well: Mapped[bool | None]
    quota: Mapped[dict[str, Any] | None]
    quota_at: Mapped[datetime | None]
    quota_asked_at: Mapped[datetime | None]


class Lease(Base):
    """Who does a thing that one process at a time should do, and until when."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]


class Setting(Base):
    """A value that belongs to this database: the installation's id and the provider it is bound to, among others."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[dict[str, Any]]


class CreateKey(Base):
    """A create call that was answered: a repeat finds its campaign here. `key` is the caller's, or the hash of the body."""

    __tablename__ = "create_key"
    __table_args__ = (UniqueConstraint("api_token_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    api_token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id"))
    key: Mapped[str] = mapped_column(String(300))
    body_hash: Mapped[str] = mapped_column(String(64))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    created_at: Mapped[datetime]


class LostSubmission(Base):
    """A submission that this database knows nothing of, found outside it after a restore: whom it handed over, in which campaign."""

    __tablename__ = "lost_submission"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigId, index=True)
    campaign_name: Mapped[str] = mapped_column(String(255), default="")
    ordinal: Mapped[int]
    numbers: Mapped[list[Any]]
    submitted_at: Mapped[datetime]
    found_at: Mapped[datetime]
