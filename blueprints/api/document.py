"""The API's own description, in OpenAPI 3.1: a test holds it to the routes, another sends what it says and reads the answers."""

from functools import lru_cache
from typing import Any

from flask import Response, jsonify

from blueprints.api import KEY_HEADER, REPEAT_HEADER, bp
from blueprints.api.lists import CONTACT_STATES, MESSAGE_STATES, VERDICTS, VISIBLE_STATES
from blueprints.api.queries import MOST
from blueprints.api.schemas import COUNT, E164, ID, MOMENT, SCHEMAS, TEXT, UUID, Schema, one_of
from blueprints.security import open_door
from core.database import LONGEST_NAME
from core.lookups import PAGE
from core.suppressions import SOURCES

ABOUT = """Create calling campaigns and follow them.

Every request but the one for this document carries a token: `Authorization: Bearer cb_…`. Its scopes say what it permits:
`read` (everything that is got), `compose` (keep agents and the do-not-call list), `launch` (create campaigns, which call people).

Every refusal is JSON with one key, `detail`: a sentence, or, with status 422, a list of complaints, each with its place.

A create is safe to repeat. With an `Idempotency-Key` for ever: the same key and the same body answer with the first campaign,
the same key with another body is 422. Without one for ten minutes, by the body alone. A repeat carries `X-Callboard-Repeat: true`.

Lists come in pages, in an order that new entries do not disturb; send `next_cursor` as `cursor` for the next page.

Nobody calls a number on the do-not-call list. To add one again never weakens its entry: the later end counts, none being the
latest, and a reason that is there stays.

Drafts and test calls are never seen here."""


@bp.get("/openapi.json")
@open_door("it describes the API and holds no data")
def describe() -> Response:
    return jsonify(openapi())


def _header(schema: Schema, words: str, required: bool = True) -> Schema:
    return {"schema": schema, "description": words, "required": required}


def _query(name: str, schema: Schema, words: str = "") -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": words}


def _path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _json(name: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


RETRY_AFTER = {"Retry-After": _header(COUNT, "In so many seconds, try again.")}
SHARE = {
    "RateLimit-Limit": _header(COUNT, "Requests that this token may make within a minute."),
    "RateLimit-Remaining": _header(COUNT, "How many of them are left."),
    "RateLimit-Reset": _header(COUNT, "In how many seconds the next minute begins."),
}
CURSOR = _query("cursor", {"type": "string", "format": "cursor"}, "The `next_cursor` of the page before.")
LIMIT = _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE}, "The size of a page.")
CAMPAIGN_ID, AGENT_ID, NUMBER = _path("campaign_id", ID), _path("agent_id", UUID), _path("number", E164)
IDEMPOTENCY_KEY = {
    "name": KEY_HEADER, "in": "header", "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    "description": "A name of yours for this create: repeated with it, the create makes nothing new.",
}  # fmt: skip
REPEAT = {REPEAT_HEADER: _header({"const": "true"}, "An earlier request made this campaign.", required=False)}

# Status, words and headers of each refusal.
REFUSALS: dict[int, tuple[str, Schema]] = {
    400: ("The request was cut off.", SHARE),
    401: ("No valid token came along.", {"WWW-Authenticate": _header(TEXT, "Asks for a Bearer token.")}),
    403: ("The token does not permit this.", SHARE),
    404: ("There is no such thing.", SHARE),
    408: ("The body took too long.", SHARE),
    409: (
        "The campaign's state does not allow this; of a create: a person took the first one back, or refused it.",
        SHARE,
    ),
    413: ("The body is too large.", SHARE),
    422: ("Something in the request is wrong.", SHARE),
    429: ("Too many requests within a minute, or too many without a valid token.", RETRY_AFTER | SHARE),
    500: ("A fault of ours.", {}),
    503: ("The database is busy; nothing was changed.", RETRY_AFTER),
}
ACTS = {
    "pause": "Hand nothing more over until it is resumed; what was handed over finishes. May be repeated.",
    "resume": "Go on after a pause. May be repeated.",
    "stop": "Never call whoever was not handed over; what was handed over finishes. May be repeated, not undone.",
}
ALWAYS, READS, SENDS = (401, 403, 429, 500, 503), (422,), (400, 408, 413, 422)


def _operation(name: str, words: str, scope: str, answer: str | None, refused: tuple[int, ...], **more: Any) -> Schema:
    """`answer` names what is answered with; None: nothing is, and the status is 204."""
    done = {"description": "Done.", "headers": SHARE | more.pop("headers", {})} | (
        {"content": _json(answer)} if answer else {}
    )
    return {
        "operationId": name, "summary": words, "security": [{"token": [scope]}],
        "responses": {
            "200" if answer else "204": done,
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted({*ALWAYS, *refused})},
        },
    } | more  # fmt: skip


def _list(name: str, words: str, answer: str, *filters: Schema, of_campaign: bool = True) -> Schema:
    parameters = [CAMPAIGN_ID] * of_campaign + [*filters, CURSOR, LIMIT]
    refused = (*READS, 404) if of_campaign else READS
    return {"get": _operation(name, words, "read", answer, refused, parameters=parameters)}


def _act(name: str, words: str) -> dict[str, Schema]:
    refused = (404, 409)
    return {
        "post": _operation(
            f"{name}Campaign", words, "launch", "CampaignWithContacts", refused, parameters=[CAMPAIGN_ID]
        )
    }


def _body(name: str) -> Schema:
    return {"required": True, "content": _json(name)}


def _paths() -> dict[str, Schema]:
    campaign_filters = (
        _query("state", one_of(VISIBLE_STATES)),
        _query("agent_id", UUID, "Only campaigns of this agent."),
        _query("created_after", MOMENT),
        _query("created_before", MOMENT),
        _query("search", TEXT | {"maxLength": LONGEST_NAME, "pattern": r"^[^\x00]*$"}, "A part of the name."),
    )
    return {
        "/campaigns": {
            **_list("listCampaigns", "Campaigns, newest first.", "Campaigns", *campaign_filters, of_campaign=False),
            "post": _operation(
                "createCampaign", "Create a campaign and launch it.", "launch", "Campaign", (*SENDS, 409),
                parameters=[IDEMPOTENCY_KEY], requestBody=_body("Create"), headers=REPEAT,
            ),
        },
        "/campaigns/{campaign_id}": {
            "get": _operation(
                "showCampaign", "One campaign, with how many contacts are in each state.", "read",
                "CampaignWithContacts", (404,), parameters=[CAMPAIGN_ID],
            ),
        },
        **{f"/campaigns/{{campaign_id}}/{act}": _act(act, words) for act, words in ACTS.items()},
        "/campaigns/{campaign_id}/contacts": _list(
            "listContacts", "Its contacts, in the order of its list.", "Contacts", _query("state", one_of(CONTACT_STATES)),
        ),
        "/campaigns/{campaign_id}/deliveries": _list(
            "listDeliveries", "What the provider delivered about it, newest first.", "Deliveries",
            _query("verdict", one_of(VERDICTS)),
        ),
        "/campaigns/{campaign_id}/messages": _list(
            "listMessages", "What your `webhook_url` was told of it, newest first.", "Messages",
            _query("state", one_of(MESSAGE_STATES)),
        ),
        "/agents": _list("listAgents", "The agents that people choose from.", "Agents", of_campaign=False),
        "/agents/{agent_id}": {
            "put": _operation(
                "keepAgent", "Add an agent, or change the one with this id; may be repeated.", "compose", "Agent", SENDS,
                parameters=[AGENT_ID], requestBody=_body("AgentBody"),
            ),
        },
        "/suppressions": {
            **_list(
                "listSuppressions", "The do-not-call list, newest first, with the entries that have ended.", "Suppressions",
                _query("number", E164), _query("source", one_of(SOURCES), "Where the entry came from."), of_campaign=False,
            ),
            "post": _operation(
                "suppress", "Put numbers on the do-not-call list; may be repeated.", "compose", "Suppressed", SENDS,
                requestBody=_body("SuppressionBody"),
            ),
        },
        "/suppressions/{number}": {
            "delete": _operation(
                "unsuppress", "Take a number off the do-not-call list: it may be called again.", "compose", None, (404,),
                parameters=[NUMBER],
            ),
        },
        "/openapi.json": {
            "get": {
                "operationId": "describe", "summary": "This document.", "security": [],
                "responses": {"200": {"description": "OpenAPI.", "content": {"application/json": {"schema": {"type": "object"}}}}},
            },
        },
    }  # fmt: skip


@lru_cache
def openapi() -> dict[str, Any]:
    responses = {
        str(status): {"description": words, "content": _json("Complaints" if status == 422 else "Problem"), "headers": headers}
        for status, (words, headers) in REFUSALS.items()
    }  # fmt: skip
    return {
        "openapi": "3.1.1",
        "info": {"title": "Callboard", "version": "1", "description": ABOUT},
        "servers": [{"url": bp.url_prefix}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "responses": responses,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Made under API tokens."}},
        },
    }
