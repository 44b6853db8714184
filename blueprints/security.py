"""Who may pass which door. A view that does not say whom it lets in lets nobody in."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from flask import Flask, Response, abort, current_app, g, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from htmx_flask import make_response
from werkzeug.routing import RequestRedirect

from blueprints import rate_limits
from blueprints.database import db, writing
from blueprints.requests import local_path, wants_json
from blueprints.runtime import now, settings
from core import sign_ins, tokens
from core.audit import Actor
from core.errors import DatabaseBusy
from core.people import Role, may

log = logging.getLogger(__name__)
View = TypeVar("View", bound=Callable[..., object])

NOT_AUTHENTICATED = "Not authenticated: send a valid API token as 'Authorization: Bearer …'."
UPLOAD_LIMIT = 110 * 1024 * 1024
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    # What these ask for stands in the policy above; old browsers, and those who look headers over, read these.
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
}


@dataclass(frozen=True)
class Door:
    """Whom a view lets in: people of a role, programs with a scope, or, for a reason, everybody."""

    role: Role | None = None
    scope: str | None = None
    open_because: str = ""


@dataclass(frozen=True)
class CurrentPerson:
    """Who looks at the page: a copy, so that it can still be read when no database session is open."""

    id: int
    email: str
    name: str
    role: str
    sign_in_id: int

    def may(self, role: str) -> bool:
        return may(self.role, role)


@dataclass(frozen=True)
class CurrentToken:
    """Which program calls."""

    id: int
    name: str
    scopes: str


def needs(role: str) -> Callable[[View], View]:
    """People of this role, or of one that may do more: viewer < composer < launcher < admin."""
    return _door(Door(role=Role(role)))


def needs_token(scope: str) -> Callable[[View], View]:
    """Programs with a Bearer token of this scope: read, compose or launch."""
    if scope not in tokens.SCOPES:
        raise ValueError(f"no such scope: {scope}")
    return _door(Door(scope=scope))


def open_door(why: str) -> Callable[[View], View]:
    """Everybody; `why` says the reason to the reader."""
    return _door(Door(open_because=why))


def takes_uploads(view: View) -> View:
    """This view may be sent a whole list, not only a form. (The form is read before the view runs, so it cannot say so itself.)"""
    view.takes_uploads = True  # type: ignore[attr-defined]
    return view


def _door(door: Door) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.door = door  # type: ignore[attr-defined]
        return view

    return mark


def door_of(app: Flask, endpoint: str) -> Door | None:
    return getattr(app.view_functions.get(endpoint), "door", None)


def init_app(app: Flask) -> None:
    """Before the CSRF check, so that somebody whose sign-in has ended is asked to sign in, not told about forms."""
    app.view_functions["static"].door = Door(open_because="files without data")  # type: ignore[attr-defined]
    app.before_request(check_door)
    app.after_request(add_headers)


def check_door() -> ResponseReturnValue | None:
    if isinstance(request.routing_exception, RequestRedirect):
        # The routing would name the host, which whoever asks may have made up.
        return redirect(local_path(request.routing_exception.new_url) or "/", request.routing_exception.code)
    if request.endpoint is None:
        return None  # no such page: routing says so
    view = current_app.view_functions[request.endpoint]
    if getattr(view, "takes_uploads", False):
        request.max_content_length = UPLOAD_LIMIT
    door = door_of(current_app, request.endpoint)
    if door is None:
        log.error("the view %s does not say whom it lets in", request.endpoint)
        abort(403)
    if door.role:
        return _check_role(door.role)
    return _check_token(door.scope) if door.scope else None


def _check_role(role: Role) -> ResponseReturnValue | None:
    person = current_person()
    if person is None:
        return ask_to_sign_in()
    if not person.may(role):
        abort(403)
    return None


def _check_token(scope: str) -> ResponseReturnValue | None:
    token = current_token()
    if token is None:
        rate_limits.take_wrong_token()
        return _refuse_token(401, g.get("shut_token") or NOT_AUTHENTICATED)
    rate_limits.take_request(token.id)
    if not tokens.permits(token.scopes, scope):
        return _refuse_token(403, f"This API token does not permit '{scope}'.")
    return None


def _refuse_token(status: int, words: str) -> Response:
    response = jsonify(detail=words)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Callboard"'
    return response


def ask_to_sign_in() -> ResponseReturnValue:
    """A page leads to the sign-in and back; a fragment makes its page go there; a stream or a program is just told."""
    wanted = (
        request.full_path.rstrip("?") if request.method == "GET" and not request.htmx else local_path(request.referrer)
    )
    address = url_for("auth.sign_in", next=wanted if wanted not in (None, "/") else None)
    if request.htmx:
        return make_response("", 401, redirect=address)
    if wants_json() or request.accept_mimetypes.best == "text/event-stream":
        return jsonify(detail="Sign in first."), 401
    return redirect(address, 303)


def cookie_name() -> str:
    return "__Host-callboard" if settings().secure_cookies else "callboard"


def current_person() -> CurrentPerson | None:
    """Who is signed in, asked of the database once a request."""
    if "person" not in g:
        token = request.cookies.get(cookie_name())
        g.person = _find_person(token) if token else None
    return g.person


def _find_person(token: str) -> CurrentPerson | None:
    moment = now()
    sign_in = sign_ins.find_sign_in(db.session(), token, moment)
    if sign_in is None:
        return None
    person = sign_in.person
    found = CurrentPerson(person.id, person.email, person.name, person.role, sign_in.id)
    # A live page asks by itself all night: that is nobody at work.
    if request.blueprint != "live" and not sign_ins.seen_lately(sign_in, moment):
        # Whoever only reads must not be held up by somebody who writes; a later request will note it.
        with suppress(DatabaseBusy), writing(patience=0) as session:
            sign_ins.mark_seen(session, found.sign_in_id, moment)
    return found


def current_token() -> CurrentToken | None:
    """Which API token calls, asked of the database once a request."""
    if "token" not in g:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        g.token = _find_token(token.strip()) if kind.lower() == "bearer" and token.strip() else None
    return g.token


def _find_token(text: str) -> CurrentToken | None:
    moment = now()
    token = tokens.find_token(db.session(), text)
    if token is None:
        return None
    if why := tokens.shut(token, moment):
        g.shut_token = f"Not authenticated: {why}"
        return None
    found = CurrentToken(token.id, token.name, token.scopes)
    if not tokens.used_lately(token, moment):
        with suppress(DatabaseBusy), writing(patience=0) as session:
            tokens.mark_used(session, found.id, moment)
    return found


def actor() -> Actor:
    """Who acts in this request, as the audit writes it: at a program's door the program, whatever cookie came along."""
    address = request.remote_addr or ""
    door = door_of(current_app, request.endpoint or "")
    if door and door.scope and (token := current_token()):
        return Actor(token.name, api_token_id=token.id, address=address)
    if door and door.role and (person := current_person()):
        return Actor(person.name or person.email, person_id=person.id, address=address)
    raise LookupError("nobody acts: this door is open")


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().secure_cookies:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
    return response
