"""What is sent: how a list is cut into waves, and the exact request of one wave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from core.columns import REF
from core.database import LONGEST_NAME
from core.models import Campaign

MOST_TARGETS = 1000


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """One person as the provider is told of them. `ref` is opaque and unique to this contact in this wave."""

    number: str
    ref: str
    caller_id: str | None
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WavePlan:
    """`size` contacts in each full wave, `waves` of them."""

    size: int
    waves: int


def wave_plan(wave_size: int | None, contacts: int) -> WavePlan:
    """The chosen size, or by default the whole list up to 100, else a twentieth of it between 100 and 1000."""
    size = wave_size or min(MOST_TARGETS, max(100, ceil(contacts / 20)))
    size = min(size, MOST_TARGETS)
    return WavePlan(size, ceil(contacts / size))


def build_request(
    campaign: Campaign,
    targets: Iterable[TargetRequest],
    *,
    ordinal: int,
    waves: int,
    lines: int,
    starts_at: datetime | None = None,
) -> dict[str, Any]:
    """The body of `POST /campaigns`, without `webhook_url` and `webhook_secret`: those are put in at the POST.

    `starts_at`: when the provider shall start it; it is always told with its offset to UTC.
    """
    if campaign.agent is None:
        raise ValueError("a campaign without an agent must not be sent")
    by_provider = campaign.retry_by == "provider" and campaign.retry_attempts > 0
    return {
        "agent_id": campaign.agent.uuid,
        "name": sent_name(campaign.name, ordinal, waves),
        "targets": [_target(target) for target in targets],
        "schedule_at": starts_at.astimezone(UTC).isoformat() if starts_at else None,
        "concurrent_calls": lines,
        "retry_failed": by_provider,
        "retry_attempts": campaign.retry_attempts if by_provider else 0,
        "context": dict(campaign.context),
        "notify_on_call_complete": True,
    }


def sent_name(name: str, ordinal: int, waves: int) -> str:
    """The name the provider sees: "Spring recall · 3/9", never longer than it takes."""
    part = f" · {ordinal}/{max(waves, ordinal)}"
    return name[: LONGEST_NAME - len(part)] + part


def _target(target: TargetRequest) -> dict[str, Any]:
    told: dict[str, Any] = {"to_number": target.number, "context": {**target.context, REF: target.ref}}
    if target.caller_id:
        told["from_number"] = target.caller_id
    return told
