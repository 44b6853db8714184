"""Programs keep the do-not-call list: numbers are put on it, looked for and taken off; each of these may be repeated."""

from typing import Any

from flask import Response, jsonify

from blueprints.api import body_of_request, bp
from blueprints.api.queries import Query, cursor
from blueprints.api.validation import MOST_COMPLAINTS, Fields, Refused, complaint, read_object
from blueprints.database import db, writing
from blueprints.runtime import now
from blueprints.security import actor, needs_token
from core import suppressions
from core.campaign_words import iso
from core.errors import Invalid, NotFound
from core.models import Suppression
from core.phone import E164
from core.suppressions import LONGEST_REASON, MOST_AT_ONCE, SOURCES, Filter


@bp.get("/suppressions")
@needs_token("read")
def list_suppressions() -> Response:
    query = Query()
    wanted = Filter(source=query.choice("source", SOURCES) or "", text=query.number("number") or "")
    key, limit = query.key("suppressions"), query.limit()
    query.done()
    page = suppressions.entries_page(db.session(), wanted, key, now(), limit)
    return jsonify(items=list(map(_answer, page.rows)), next_cursor=cursor(page, "suppressions"))


@bp.post("/suppressions")
@needs_token("compose")
def suppress() -> Response:
    body, _hash = read_object(body_of_request())
    read = Fields(body, ("body",), [])
    numbers, reason, expires_at = _numbers(read), read.text_up_to("reason", LONGEST_REASON), read.moment("expires_at")
    if read.complaints:
        raise Refused(read.complaints[:MOST_COMPLAINTS])
    try:
        with writing() as session:
            done = suppressions.add_numbers(session, numbers, reason, expires_at, "api", actor(), now())
            items = [_answer(entry) for entry in suppressions.entries_of(session, numbers)]
    except Invalid as problem:
        field = problem.field or "number"
        raise Refused([complaint(("body", field), "value_error", str(problem), body.get(field))]) from None
    return jsonify(added=done.added, known=done.known, items=items)


@bp.delete("/suppressions/<number>")
@needs_token("compose")
def unsuppress(number: str) -> tuple[str, int]:
    found = suppressions.find(db.session(), number) if E164.fullmatch(number) else None
    if found is None:
        raise NotFound("This number is not on the do-not-call list.")
    with writing() as session:
        suppressions.remove(session, found.id, actor(), now())
    return "", 204


def _numbers(read: Fields) -> list[str]:
    """Those of `numbers` and `number`, each once."""
    given = read.phones("numbers", MOST_AT_ONCE) if "numbers" in read.values else []
    if "number" in read.values or "numbers" not in read.values:
        given = [*given, read.phone("number").number]
    return list(dict.fromkeys(number for number in given if number))


def _answer(entry: Suppression) -> dict[str, Any]:
    return {
        "number": entry.number,
        "reason": entry.reason,
        "source": entry.source,
        "created_at": iso(entry.created_at),
        "created_by": entry.created_by,
        "expires_at": iso(entry.expires_at),
    }
