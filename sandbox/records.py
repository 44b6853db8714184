"""What the sandbox remembers: one dataclass per table, columns in the order of the fields."""

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(slots=True)
class Campaign:
    table: ClassVar[str] = "campaigns"

    id: str
    seq: int
    seed: int
    agent_id: str
    name: str
    created_at: float
    scheduled_at: float | None
    total: int
    lines: int
    retries: int
    notify: bool
    webhook_url: str | None
    secret: str | None
    context: dict[str, Any]
    status: str = "queued"
    started_at: float | None = None
    finished_at: float | None = None
    initiated: int = 0
    completed: int = 0
    failed: int = 0
    lines_busy_at_most: int = 0
    answered_with: int | None = None

    @property
    def key(self) -> str:
        return self.id

    @property
    def own_rules(self) -> dict[str, Any]:
        """How this campaign asked the sandbox to behave, in the request's own context."""
        own = self.context.get("sandbox")
        return own if isinstance(own, dict) else {}


@dataclass(slots=True)
class Request:
    """The body of an accepted `POST /campaigns`, its secret already blotted out."""

    table: ClassVar[str] = "requests"

    campaign_id: str
    body: dict[str, Any]

    @property
    def key(self) -> str:
        return self.campaign_id


@dataclass(slots=True)
class Contact:
    table: ClassVar[str] = "contacts"

    campaign_id: str
    position: int
    to_number: str
    from_number: str | None
    context: dict[str, Any]
    state: str = "waiting"
    tries: int = 0
    outcome: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.campaign_id, self.position


@dataclass(slots=True)
class Call:
    table: ClassVar[str] = "calls"

    id: str
    campaign_id: str
    position: int
    attempt: int
    agent_id: str
    to_number: str
    from_number: str
    status: str
    outcome: str
    started_at: float
    ended_at: float | None = None
    duration: int | None = None
    silent: bool = False

    @property
    def key(self) -> str:
        return self.id


@dataclass(slots=True)
class Delivery:
    """One webhook request to make. `held` waits for the end of its campaign, `not_before` for a time."""

    table: ClassVar[str] = "deliveries"

    id: int
    campaign_id: str
    call_id: str | None
    event: str
    event_id: str
    body: bytes | None
    form: str
    created_at: float
    not_before: float = 0.0
    held: bool = False
    forged: bool = False
    state: str = "pending"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> int:
        return self.id


@dataclass(slots=True)
class Post:
    """One `POST /campaigns` as it came in, whatever became of it. `status` is None where nothing was answered."""

    table: ClassVar[str] = "posts"

    id: int
    received_at: float
    name: str | None
    targets: int | None
    accepted: bool = False
    status: int | None = None
    campaign_id: str | None = None
    misbehaviour: str | None = None

    @property
    def key(self) -> int:
        return self.id


@dataclass(slots=True)
class Token:
    table: ClassVar[str] = "tokens"

    token: str
    purpose: str
    expires_at: float
    revoked: bool = False

    @property
    def key(self) -> str:
        return self.token


@dataclass(slots=True)
class Note:
    """A named value: settings, misbehaviour rules and how often each has been used."""

    table: ClassVar[str] = "notes"

    name: str
    value: dict[str, Any]

    @property
    def key(self) -> str:
        return self.name


Record = Campaign | Request | Contact | Call | Delivery | Post | Token | Note
