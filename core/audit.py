"""Who did what: every change by a person or a program leaves an entry in the same transaction.

Entries are never changed (core/append_only.py), so none is ever folded into another: each saved change is one entry, an
autosave's too. (A form saves itself when a field was left, not with every letter.) An entry names the fields that changed,
with what they held before and after; a long value stands there with its beginning only. Secrets, passwords, tokens and
people's numbers do not belong in it; what people type into a name or a note does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.database import LONGEST_NAME
from core.log_lines import without_secrets
from core.models import AuditEntry

LONGEST_VALUE = 500
LONGEST_ADDRESS = 64


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
    summary: str = "", before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add one entry. `act` is a verb with its noun ("campaign.launch"), `summary` a sentence for the activity feed.

    Numbers and secrets are taken out of the sentence, since the provider's words may stand in it.
    """
    session.add(
        AuditEntry(
            at=now, actor=actor.name[:LONGEST_NAME], person_id=actor.person_id, api_token_id=actor.api_token_id,
            address=actor.address[:LONGEST_ADDRESS], act=act, subject=subject, subject_id=subject_id,
            summary=without_secrets(summary), before=_kept(before), after=_kept(after),
        )
    )  # fmt: skip


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What each held of the fields in which they differ; both are empty when nothing changed."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def _kept(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: _short(value) for name, value in values.items()}


def _short(value: Any) -> Any:
    """The value as JSON holds it; of a long one the beginning of its text."""
    if isinstance(value, datetime):
        return value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > LONGEST_VALUE:
        return text[: LONGEST_VALUE - 1] + "…"
    return value if isinstance(value, str | int | float | bool | None) else json.loads(text)
