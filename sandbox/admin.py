"""The sandbox's own routes: its truth, its settings, and what it shall do wrong. They need no sign-in."""

import base64
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, json, request, stream_with_context
from flask.typing import ResponseReturnValue

from sandbox.machine import the_machine
from sandbox.misbehaviour import Rule
from sandbox.moments import iso
from sandbox.outcomes import CERTAIN, MIX
from sandbox.records import Call, Campaign, Contact, Delivery, Post, Request, Token
from sandbox.signing import FORMS
from sandbox.store import Store

routes = Blueprint("admin", __name__, url_prefix="/admin")
PAGE = 2_000


@routes.errorhandler(ValueError)
def say_what_does_not_fit(error: ValueError) -> ResponseReturnValue:
    return {"detail": str(error)}, 422


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


@routes.get("/settings")
def show_settings() -> dict[str, Any]:
    return asdict(the_machine().settings) | {"forms": list(FORMS), "mix": MIX, "certain_numbers": CERTAIN}


@routes.post("/settings")
def change_settings() -> dict[str, Any]:
    the_machine().change(_body())
    return asdict(the_machine().settings)


@routes.get("/misbehave")
def show_rules() -> dict[str, Any]:
    return {"rules": [asdict(rule) for rule in the_machine().misbehaviour.rules]}


@routes.post("/misbehave")
def add_rule() -> ResponseReturnValue:
    """`{"kind": "throttle", "retry_after": 3, "times": 2, "campaign_name_contains": "spring"}`"""
    body = _body()
    kind = body.pop("kind", None)
    if not isinstance(kind, str):
        raise ValueError("kind must be the name of a misbehaviour")
    rule: Rule = the_machine().misbehaviour.add(kind, body)
    return asdict(rule), 201


@routes.delete("/misbehave")
@routes.delete("/misbehave/<int:rule_id>")
def remove_rules(rule_id: int | None = None) -> dict[str, int]:
    return {"removed": the_machine().misbehaviour.remove(rule_id, request.args.get("kind"))}


@routes.post("/keys")
def change_keys() -> dict[str, Any]:
    """`{"revoke": "all" | "static" | "issued" | <a token>, "token": <a new static one>, "username", "password"}`"""
    machine, body = the_machine(), _body()
    revoke = body.get("revoke")
    if revoke in ("all", "static"):
        machine.change({"static_token": None})
    if revoke and revoke != "static":
        every = revoke in ("all", "issued")
        for token in machine.store.all(Token, "WHERE ? OR token = ?", every, revoke):
            token.revoked = True
            machine.store.save(token)
    names = {"token": "static_token", "username": "username", "password": "password"}
    machine.change({setting: body[name] for name, setting in names.items() if name in body})
    machine.store.write()
    return {"static_token": machine.settings.static_token}


@routes.post("/reset")
def reset() -> dict[str, bool]:
    """`{"settings": true}` forgets the settings too."""
    the_machine().reset(settings_too=_body().get("settings") is True)
    return {"reset": True}


def _stream(parts: Iterator[str]) -> Response:
    return Response(stream_with_context(parts), content_type="application/json")


def _listed(items: Iterator[dict[str, Any]]) -> Iterator[str]:
    for count, item in enumerate(items):
        yield ("," if count else "") + json.dumps(item)


@routes.get("/truth")
def show_truth() -> Response:
    """Everything asked and done: `?campaign=<id>` for one campaign, `?calls=0` and `?targets=0` to leave those out."""

    def parts(store: Store) -> Iterator[str]:
        chosen = request.args.get("campaign", "")
        yield '{"campaigns":['
        campaigns = store.all(Campaign, "WHERE ? IN ('', id) ORDER BY seq", chosen)
        yield from _listed(_campaign_truth(store, campaign) for campaign in campaigns)
        yield '],"posts":['
        posts = store.all(Post, "WHERE ? IN ('', campaign_id) ORDER BY id", chosen)
        yield from _listed(asdict(post) | {"received_at": iso(post.received_at)} for post in posts)
        yield "]}"

    return _stream(parts(the_machine().store))


def _campaign_truth(store: Store, campaign: Campaign) -> dict[str, Any]:
    truth = asdict(campaign)
    del truth["secret"], truth["context"]
    for moment in ("created_at", "scheduled_at", "started_at", "finished_at"):
        truth[moment] = iso(truth[moment])
    asked = store.first(Request, "WHERE campaign_id = ?", campaign.id)
    truth["request"] = asked.body if asked else None
    if request.args.get("targets") == "0":
        truth["request"].pop("targets", None)
    if request.args.get("calls") != "0":
        calls = store.all(Call, "WHERE campaign_id = ? ORDER BY started_at, attempt, position", campaign.id)
        truth["calls"] = [
            asdict(call) | {"started_at": iso(call.started_at), "ended_at": iso(call.ended_at)} for call in calls
        ]
    return truth


@routes.get("/truth/calls")
def show_contacts() -> Response:
    """Each contact's end: `?campaign=<id>` for one campaign, `?limit=` and `?offset=` for a page, else all of them."""
    limit, offset = _page(default_limit=None)
    chosen = request.args.get("campaign", "")

    def each(store: Store) -> Iterator[dict[str, Any]]:
        left, place = limit, offset
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = store.all(
                Contact,
                "WHERE ? IN ('', campaign_id) ORDER BY campaign_id, position LIMIT ? OFFSET ?",
                chosen,
                size,
                place,
            )
            for contact in page:
                told = asdict(contact)
                del told["context"]
                yield told
            place += len(page)
            left = None if left is None else left - len(page)
            if len(page) < size:
                return

    def parts(store: Store) -> Iterator[str]:
        total = store.number("SELECT count(*) FROM contacts WHERE ? IN ('', campaign_id)", chosen)
        yield f'{{"total":{total},"contacts":['
        yield from _listed(each(store))
        yield "]}"

    return _stream(parts(the_machine().store))


@routes.get("/deliveries")
def show_deliveries() -> dict[str, Any]:
    """What was sent and what came back, newest first: `?campaign=`, `?event=`, `?state=`, `?body=1`, a page."""
    limit, offset = _page(default_limit=100)
    where = "WHERE ? IN ('', campaign_id) AND ? IN ('', event) AND ? IN ('', state)"
    values = [request.args.get(name, "") for name in ("campaign", "event", "state")]
    store = the_machine().store
    chosen = store.all(Delivery, where + " ORDER BY id DESC LIMIT ? OFFSET ?", *values, limit, offset)
    total = store.number(f"SELECT count(*) FROM deliveries {where}", *values)  # noqa: S608
    told = []
    for delivery in chosen:
        one = asdict(delivery) | {
            "created_at": iso(delivery.created_at),
            "not_before": iso(delivery.not_before or None),
        }
        body = one.pop("body")
        if request.args.get("body") == "1":
            one["body_base64"] = base64.b64encode(body).decode() if body is not None else None
        told.append(one)
    return {"total": total, "deliveries": told}


def _page(default_limit: int | None) -> tuple[int | None, int]:
    limit = request.args.get("limit", default_limit, type=int)
    offset = request.args.get("offset", 0, type=int)
    if offset < 0 or (limit is not None and limit < 0):
        abort(422, "limit and offset are at least 0")
    return limit, offset
