"""The door to the inbox: what arrived, and what became of it."""

import json
from collections.abc import Iterable

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from blueprints import viewing
from blueprints.database import db
from blueprints.requests import whole_number
from blueprints.security import needs
from core import lookups
from core.states import Verdict

bp = Blueprint("inbox", __name__, url_prefix="/inbox")

SHOWN_OF_A_BODY = 100_000


@bp.get("/")
@needs("viewer")
def index() -> ResponseReturnValue:
    asked = request.args.get("verdict")
    verdict = asked if asked in set(Verdict) else None
    page = lookups.deliveries_page(db.session(), verdict, whole_number("campaign"), whole_number("before"))
    return render_template(
        "inbox/index.html", page=page, verdict=verdict, verdicts=list(Verdict), masked=viewing.sees_masked()
    )


@bp.get("/<int:delivery_id>")
@needs("viewer")
def show(delivery_id: int) -> ResponseReturnValue:
    delivery = lookups.find_delivery(db.session(), delivery_id)
    return render_template(
        "inbox/show.html", delivery=delivery, masked=viewing.sees_masked(), sees_bodies=viewing.may("admin"),
        body=readable(delivery.body) if viewing.may("admin") else "",
    )  # fmt: skip


def readable(body: bytes) -> str:
    """JSON laid out for reading, anything else as it came; as much of it as is shown."""
    try:
        text = beginning(json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(body)))
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
    # Half of a surrogate pair is possible in JSON, and in no page.
    return text[:SHOWN_OF_A_BODY].encode("utf-8", "replace").decode()


def beginning(pieces: Iterable[str]) -> str:
    """No more than is shown: a deep body would grow a thousandfold when it is laid out."""
    text: list[str] = []
    size = 0
    for piece in pieces:
        text.append(piece)
        size += len(piece)
        if size > SHOWN_OF_A_BODY:
            break
    return "".join(text)
