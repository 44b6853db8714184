"""The programs' door: the provider's documented create call, a look at what became of it, lists to read, and the do-not-call list."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from blueprints.api.validation import Refused, complaint, read_create
from blueprints.bodies import read_body
from blueprints.database import db, writing
from blueprints.rate_limits import add_headers, take_create
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import actor, needs_token
from core.api_lists import visible_campaign
from core.campaign_words import campaign_answer, campaign_answer_with_contacts
from core.creates import KeyReused, create_campaign
from core.errors import NotFound
from core.models import Campaign
from jobs.queue import TICK, announce, ring

bp = Blueprint("api", __name__, url_prefix="/api/v1")

MOST_BYTES = 64 * 1024 * 1024
BODY_SECONDS = 120.0
KEY_HEADER = "Idempotency-Key"
REPEAT_HEADER = "X-Callboard-Repeat"
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")
# What a 64-bit id can be; more digits are no id of ours, and no database takes them.
ID = re.compile(r"[0-9]{1,18}")


@bp.post("/campaigns")
@needs_token("launch")
def create() -> Response:
    program = actor()
    take_create(program.api_token_id)
    asked, key, moment = read_create(body_of_request(), settings().allow_private_addresses), _key(), now()
    with writing() as session:
        created = create_campaign(session, asked, key, program, vault(), moment)
        campaign_id, answer = created.campaign.id, campaign_answer(session, created.campaign)
    response = jsonify(answer)
    if created.is_repeat:
        response.headers[REPEAT_HEADER] = "true"
        return response
    ring(redis_url(), TICK, campaign_id)
    announce(redis_url(), campaign_id)
    return response


@bp.get("/campaigns/<campaign_id>")
@needs_token("read")
def show(campaign_id: str) -> Response:
    return jsonify(campaign_answer_with_contacts(db.session(), campaign_of(campaign_id)))


def campaign_of(text: str) -> Campaign:
    """The campaign of an address, as programs see it; NotFound for whatever else stands there."""
    if not ID.fullmatch(text):
        raise NotFound("There is no such campaign.")
    return visible_campaign(db.session(), int(text))


@bp.errorhandler(Refused)
def refuse(refused: Refused) -> tuple[Response, int]:
    return jsonify(detail=refused.detail), 422


@bp.errorhandler(KeyReused)
def refuse_key(reused: KeyReused) -> tuple[Response, int]:
    return refuse(Refused([_key_complaint(str(reused))]))


@bp.errorhandler(RequestEntityTooLarge)
def refuse_size(_error: RequestEntityTooLarge) -> tuple[Response, int]:
    words = f"The request is larger than {MOST_BYTES // 1024**2} MiB. Split it into several campaigns."
    return jsonify(detail=words), 413


def body_of_request() -> bytes:
    db.session.rollback()  # a slow body must not hold a connection's transaction
    return read_body(request.environ, MOST_BYTES, BODY_SECONDS)


def _key() -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is not None and not VISIBLE_ASCII.fullmatch(key):
        raise Refused([_key_complaint("The key should be 1 to 255 visible ASCII characters.")])
    return key


def _key_complaint(words: str) -> dict[str, Any]:
    return complaint(("header", KEY_HEADER), "value_error", words, request.headers.get(KEY_HEADER))


bp.after_request(add_headers)

from blueprints.api import agents, control, document, lists, suppressions  # noqa: E402, F401 (they hang their views on the blueprint)
