"""Who did what: every change by a person or a program leaves an entry in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a program with a token, or Callboard itself."""

    name: str
    person_id: int | None = None
    api_token_id: int | None = None
    address: str = ""


CALLBOARD = Actor("Callboard")


def note(
    session: Session, actor: Actor, act: str, subject: str, subject_id: int | None, now: datetime, *,
    summary: str = "", before: dict[str, Any] | None = None, after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add one entry. `act` is a verb with its noun ("campaign.launch"), `summary` a sentence for the activity feed."""
    session.add(
        AuditEntry(
            at=now, actor=actor.name, person_id=actor.person_id, api_token_id=actor.api_token_id, address=actor.address,
            act=act, subject=subject, subject_id=subject_id, summary=summary, before=before, after=after,
        )
    )  # fmt: skip
