"""The audit log: who did what and when, to look through and to take along."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprints.database import db
from blueprints.forms import trimmed
from blueprints.requests import whole_number
from blueprints.runtime import now
from blueprints.security import needs
from core import history
from core.database import breathe
from core.errors import Invalid
from core.history import Filter
from core.lookups import Page
from core.models import AuditEntry
from core.tables import csv_line

bp = Blueprint("audit", __name__, url_prefix="/audit")

QUESTIONS = ("who", "act", "campaign", "from", "to", "q")
WHO = re.compile(r"(person|token)-([0-9]{1,9})")
ACT = re.compile(r"[a-z_]{1,64}(\.[a-z_]{1,64})?")
LONGEST_TEXT = 255
NOTHING: Page[AuditEntry] = Page((), None)
COLUMNS = (
    "id", "at", "actor", "person_id", "api_token_id", "address", "act", "subject", "subject_id", "summary", "before", "after",
)  # fmt: skip


@bp.get("")
@needs("admin")
def index() -> ResponseReturnValue:
    problem, page = "", NOTHING
    try:
        page = history.entries_page(db.session(), _wanted(), whole_number("before"))
    except Invalid as wrong:
        problem = str(wrong)
    people, programs = history.people_and_programs(db.session())
    asked = {name: request.args[name] for name in QUESTIONS if request.args.get(name)}
    return render_template(
        "audit/index.html", page=page, problem=problem, asked=asked, people=people, programs=programs,
        acts=_by_noun(history.known_acts(db.session())), there=history.still_there(db.session(), page.rows),
        changed_fields=changed_fields, act_words=act_words, next_url=url_for(".index", **asked, before=page.next_key),
    ), 422 if problem else 200  # fmt: skip


@bp.get("/export.csv")
@needs("admin")
def export_csv() -> ResponseReturnValue:
    """The entries of the filter, for a spreadsheet."""
    return _export("csv", "text/csv", "\ufeff" + csv_line(COLUMNS), _csv_lines)


@bp.get("/export.jsonl")
@needs("admin")
def export_jsonl() -> ResponseReturnValue:
    """The entries of the filter, an object on each line."""
    return _export("jsonl", "application/x-ndjson", "", _json_lines)


def _wanted() -> Filter:
    """What the address asks for. Invalid, with a sentence, when it cannot be understood: an export must not hold more than asked."""
    person_id, token_id, by_callboard = _who(request.args.get("who", ""))
    act, campaign = request.args.get("act", ""), request.args.get("campaign", "").strip()
    if act and not ACT.fullmatch(act):
        raise Invalid("Choose an act of the list.", "act")
    if campaign and whole_number("campaign", {"campaign": campaign}) is None:
        raise Invalid("A campaign's number consists of digits: it stands in the address of its page.", "campaign")
    first, last = _day("from"), _day("to")
    if first and last and last < first:
        raise Invalid("The last day is before the first.", "to")
    return Filter(
        person_id, token_id, by_callboard, act, int(campaign) if campaign else None,
        since=first and datetime.combine(first, time.min, UTC), until=last and datetime.combine(last, time.max, UTC),
        text=trimmed(request.args.get("q"))[:LONGEST_TEXT],
    )  # fmt: skip


def _who(text: str) -> tuple[int | None, int | None, bool]:
    if text in ("", "callboard"):
        return None, None, bool(text)
    found = WHO.fullmatch(text)
    if found is None:
        raise Invalid("Choose a person or a program of the list.", "who")
    number = int(found[2])
    return (number, None, False) if found[1] == "person" else (None, number, False)


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(f"“{text[:20]}” is not a day. Write it like 2026-11-23.", name) from None


def _by_noun(acts: Sequence[str]) -> dict[str, list[str]]:
    nouns: dict[str, list[str]] = {}
    for act in acts:
        nouns.setdefault(act.partition(".")[0], []).append(act)
    return nouns


def act_words(act: str) -> str:
    """ "wave.it_was_sent" → "Wave: it was sent"."""
    noun, _, verb = act.replace("_", " ").partition(".")
    return f"{noun.capitalize()}: {verb}" if verb else noun.capitalize()


def changed_fields(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Each field of an entry with what it held before and after."""
    before, after = entry.before or {}, entry.after or {}
    return [(name, _shown(before.get(name)), _shown(after.get(name))) for name in {**before, **after}]


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_shown(one)}" for key, one in value.items())
    return str(value)


def _export(
    ending: str, mimetype: str, head: str, lines: Callable[[Sequence[AuditEntry]], Iterator[str]]
) -> ResponseReturnValue:
    headers = {"Content-Disposition": f'attachment; filename="audit-{now():%Y-%m-%d}.{ending}"'}
    return Response(_stream(db.engine, _wanted(), head, lines), mimetype=mimetype, headers=headers)


def _stream(
    engine: Engine, wanted: Filter, head: str, lines: Callable[[Sequence[AuditEntry]], Iterator[str]]
) -> Iterator[str]:
    """Read as it is sent: with a session of its own, because the request's has ended by then."""
    yield head
    with Session(engine) as session:
        for batch in history.all_entries(session, wanted):
            yield "".join(lines(batch))
            breathe()


def _csv_lines(entries: Sequence[AuditEntry]) -> Iterator[str]:
    for entry in entries:
        yield csv_line(json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for v in _values(entry))


def _json_lines(entries: Sequence[AuditEntry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(dict(zip(COLUMNS, _values(entry), strict=True)), ensure_ascii=False) + "\n"


def _values(entry: AuditEntry) -> list[Any]:
    return [entry.at.isoformat() if name == "at" else getattr(entry, name) for name in COLUMNS]
