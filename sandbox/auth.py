"""Who may ask: a static token, or a user name and password with access and refresh tokens that rotate."""

import hmac
import secrets
import time
from typing import Any

from flask import Blueprint, request

from sandbox.machine import Machine, the_machine
from sandbox.records import Token
from sandbox.validation import Complaints, Fields, Invalid, read_json

routes = Blueprint("auth", __name__)


class Unauthorized(Exception):
    """The words of a 401."""


def require_token() -> None:
    machine = the_machine()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() != "bearer" or not given:
        raise Unauthorized("Not authenticated")
    static = machine.settings.static_token
    if static and hmac.compare_digest(given.encode(), static.encode()):
        return
    token = machine.store.first(Token, "WHERE token = ?", given)
    if token is None or token.purpose != "access" or token.revoked or token.expires_at <= time.time():
        raise Unauthorized("Invalid or expired token")


def _hand_out(machine: Machine) -> dict[str, Any]:
    now = time.time()
    access = Token("at_" + secrets.token_urlsafe(32), "access", now + machine.settings.access_seconds)
    refresh = Token("rt_" + secrets.token_urlsafe(32), "refresh", now + machine.settings.refresh_seconds)
    machine.store.save(access)
    machine.store.save(refresh)
    machine.store.write()
    return {
        "access_token": access.token,
        "refresh_token": refresh.token,
        "token_type": "bearer",
        "expires_in": int(machine.settings.access_seconds),
    }


def _read_texts(*names: str) -> list[str]:
    body = read_json(request.get_data())
    complaints = Complaints()
    if not isinstance(body, dict):
        complaints.add(("body",), "model_attributes_type", "Input should be a valid dictionary", body)
        raise Invalid(complaints.detail)
    fields = Fields(body, ("body",), complaints)
    values = [fields.text(name) for name in names]
    complaints.stop_if_any()
    return values


@routes.post("/auth/token")
def log_in() -> dict[str, Any]:
    settings = the_machine().settings
    username, password = _read_texts("username", "password")
    right_name = hmac.compare_digest(username.encode(), settings.username.encode())
    if not (hmac.compare_digest(password.encode(), settings.password.encode()) and right_name):
        raise Unauthorized("Incorrect username or password")
    return _hand_out(the_machine())


@routes.post("/auth/refresh")
def refresh() -> dict[str, Any]:
    """A refresh token is good for one use."""
    machine = the_machine()
    (given,) = _read_texts("refresh_token")
    token = machine.store.first(Token, "WHERE token = ?", given)
    if token is None or token.purpose != "refresh" or token.revoked or token.expires_at <= time.time():
        raise Unauthorized("Invalid or expired refresh token")
    token.revoked = True
    machine.store.save(token)
    return _hand_out(machine)
