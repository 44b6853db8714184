"""The rows of a wave in the making, each table's in one statement: a thousand sets of parameters cost more than the work itself."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.models import Wave
from core.states import ContactState

# In one order for everybody, so that two waves that want the same numbers do not wait for each other.
_RESERVE = """INSERT INTO reservation (number, wave_id, contact_id, campaign_id)
    SELECT number, :wave_id, id, campaign_id FROM contact WHERE id {ids} ORDER BY number, id
    ON CONFLICT (number) DO NOTHING"""
_QUEUE = """UPDATE contact SET wave_id = :wave_id, state = :state, reason = '', settled_at = NULL, due_at = NULL, tries = tries + 1
    WHERE id {ids}"""
_IDS = {"sqlite": "IN (SELECT value FROM json_each(:ids))", "postgresql": "= ANY(CAST(:ids AS bigint[]))"}
_TARGETS = {
    "sqlite": """INSERT INTO target (wave_id, number, contact_id, ref)
        SELECT :wave_id, contact.number, contact.id, json_extract(told.value, '$[1]')
        FROM json_each(:refs) AS told JOIN contact ON contact.id = json_extract(told.value, '$[0]')""",
    "postgresql": """INSERT INTO target (wave_id, number, contact_id, ref)
        SELECT :wave_id, contact.number, contact.id, told.ref
        FROM unnest(CAST(:ids AS bigint[]), CAST(:refs AS varchar[])) AS told (id, ref) JOIN contact ON contact.id = told.id""",
}
_STATEMENTS = {
    (name, kind): text(words.format(ids=_IDS[kind]))
    for name, words in (("reserve", _RESERVE), ("queue", _QUEUE))
    for kind in _IDS
}
_HELD = text("SELECT contact_id FROM reservation WHERE wave_id = :wave_id")


def reserve(session: Session, wave: Wave, contact_ids: Sequence[int]) -> set[int]:
    """Claim each contact's number for this wave; returns whose could be: a number that is held already stays where it is."""
    done = _run(session, "reserve", wave, contact_ids)
    if done == len(contact_ids):
        return set(contact_ids)
    return set(session.scalars(_HELD, {"wave_id": wave.id}))


def add_targets(session: Session, wave: Wave, refs: Sequence[tuple[int, str]]) -> None:
    """Keep who is in it, by contact id, and under which reference."""
    kind = session.get_bind().dialect.name
    given: dict[str, Any] = {"wave_id": wave.id, "refs": json.dumps(refs)}
    if kind == "postgresql":
        given |= {"ids": [contact_id for contact_id, _ in refs], "refs": [ref for _, ref in refs]}
    session.execute(text(_TARGETS[kind]), given)


def queue_contacts(session: Session, wave: Wave, contact_ids: Sequence[int]) -> None:
    """They are in this wave from now on."""
    _run(session, "queue", wave, contact_ids, state=str(ContactState.QUEUED))


def _run(session: Session, name: str, wave: Wave, contact_ids: Sequence[int], **more: str) -> int:
    kind = session.get_bind().dialect.name
    ids = json.dumps(list(contact_ids)) if kind == "sqlite" else list(contact_ids)
    done = session.execute(_STATEMENTS[name, kind], {"wave_id": wave.id, "ids": ids, **more})
    return int(done.rowcount)  # type: ignore[attr-defined]
