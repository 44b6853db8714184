"""Answers that go wrong on purpose: refusals before a campaign is accepted, silence and noise after it."""

import socket
from collections.abc import Iterator
from typing import Any

import gevent
from flask import Response, json, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.validation import CampaignRequest

FOR_LONG = 3600.0


def answer_before(kind: str, options: dict[str, Any], wanted: CampaignRequest | None) -> ResponseReturnValue | None:
    """The answer in place of the real one; None where the request goes on (after having been slow)."""
    if kind == "slow":
        gevent.sleep(options.get("seconds", 5))
        return None
    if kind == "unauthorized":
        return {"detail": "Invalid or expired token"}, 401, {"WWW-Authenticate": "Bearer"}
    if kind in ("throttle", "unavailable_503"):
        wait = options.get("retry_after")
        words = "Rate limit exceeded" if kind == "throttle" else "Service temporarily unavailable"
        headers = {"Retry-After": str(wait)} if wait is not None else {}
        return {"detail": words}, 429 if kind == "throttle" else 503, headers
    if kind == "error_500_before":
        return {"detail": "Internal Server Error"}, 500
    if kind == "redirect":
        return "", 307, {"Location": options["url"]}
    return _refuse(options, wanted)


def _refuse(options: dict[str, Any], wanted: CampaignRequest | None) -> ResponseReturnValue | None:
    """A 422 that names targets by index or by number; nothing to refuse is no refusal. A bare `message` is a string."""
    status = int(options.get("status", 422))
    message = options.get("message", "This number cannot be called")
    if "targets" not in options and "numbers" not in options and "message" in options:
        return {"detail": message}, status
    targets = wanted.targets if wanted else []
    numbers = options.get("numbers", [])
    default = [] if numbers else [0]
    indexes = [index for index in options.get("targets", default) if index < len(targets)]
    indexes += [index for index, target in enumerate(targets) if target.to_number in numbers]
    name = options.get("field", "to_number")
    detail = [
        {
            "type": "value_error",
            "loc": ["body", "targets", index, name],
            "msg": message,
            "input": getattr(targets[index], name, None),
        }
        for index in sorted(set(indexes))
    ]
    return (jsonify(detail=detail), status) if detail else None


def answer_after(kind: str, options: dict[str, Any], answer: dict[str, Any]) -> ResponseReturnValue:
    """What the caller of an accepted campaign gets to see instead of its answer."""
    if kind == "error_500_after_accept":
        return {"detail": "Internal Server Error"}, 500
    if kind == "accept_without_id":
        return Response(options.get("body", "accepted"), 201, content_type="application/json")
    if kind == "drip":
        return Response(_drip(json.dumps(answer).encode(), options.get("interval", 1.0)), 201)
    if kind == "silence_after_accept":
        gevent.sleep(options.get("seconds", FOR_LONG))
    hang_up()
    return "", 500


def _drip(body: bytes, interval: float) -> Iterator[bytes]:
    for place in range(len(body)):
        yield body[place : place + 1]
        gevent.sleep(interval)


def hang_up() -> None:
    """Close the connection; the server notices when it tries to answer."""
    connection: socket.socket = request.environ["sandbox.socket"]
    connection.shutdown(socket.SHUT_RDWR)
