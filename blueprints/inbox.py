"""The door to the inbox: what arrived, and what became of it."""

import json

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
    page = lookups.deliveries_page(
        db.session(), verdict, whole_number("campaign"), whole_number("before")
    )
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
    """JSON laid out for reading, anything else as it came."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
    return text[:SHOWN_OF_A_BODY]
