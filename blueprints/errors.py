"""What was refused, or broke, as a page, a notice on the page, or JSON: the one place that decides."""

from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from htmx_flask import make_response
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from blueprints.database import db
from blueprints.rate_limits import TooManyRequests
from blueprints.requests import wants_json
from core.errors import Conflict, DatabaseBusy, DomainError, Invalid, NotFound
from core.sign_ins import TooManyTries

STATUSES: dict[type[DomainError], int] = {
    NotFound: 404, Conflict: 409, Invalid: 422, TooManyTries: 429, TooManyRequests: 429, DatabaseBusy: 503, DomainError: 400,
}  # fmt: skip
BUSY = "The database is busy. Nothing was changed; try again in a moment."
FORM_TOO_OLD = (
    "This form was open for too long, or you have signed out since. Go back, reload the page, and send it again."
)
BROKEN = "Something broke. The fault is ours, and it is in the log."


@dataclass(frozen=True)
class Refusal:
    """What goes back. `words` empty means the standing page of this status; `retry_after` is in seconds."""

    status: int
    words: str = ""
    field: str | None = None
    retry_after: int | None = None

    @property
    def title(self) -> str:
        titles = {
            400: "This could not be done",
            409: "Somebody was faster",
            422: "Something is missing",
            503: "One moment",
        }
        return titles.get(self.status) or HTTPStatus(self.status).phrase


def init_app(app: Flask) -> None:
    app.register_error_handler(DomainError, refuse_domain)
    app.register_error_handler(OperationalError, lambda _error: answer(Refusal(503, BUSY, retry_after=5)))
    app.register_error_handler(CSRFError, lambda _error: answer(Refusal(400, FORM_TOO_OLD)))
    app.register_error_handler(HTTPException, refuse_http)


def refuse_domain(error: DomainError) -> Response:
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    if isinstance(error, DatabaseBusy):
        return answer(Refusal(status, BUSY, retry_after=5))
    return answer(Refusal(status, str(error), getattr(error, "field", None), getattr(error, "retry_after", None)))


def refuse_http(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.get_response())
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    response = answer(Refusal(error.code, BROKEN if error.code == 500 else "", None, None))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def answer(refusal: Refusal) -> Response:
    db.session.rollback()  # what failed may have left the session unusable, and the page below asks the database
    if wants_json():
        response = make_response(jsonify(detail=_json_detail(refusal)))
    elif request.htmx:
        response = _notice(refusal)
    else:
        response = make_response(_page(refusal))
    response.status_code = refusal.status
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _json_detail(refusal: Refusal) -> object:
    words = refusal.words or HTTPStatus(refusal.status).phrase
    if refusal.status != 422:
        return words
    loc = ["body", refusal.field] if refusal.field else ["body"]
    return [{"loc": loc, "msg": words, "type": "value_error"}]


def _notice(refusal: Refusal) -> Response:
    """Into the page's own place for notices, whatever the fragment was meant for: what stands there is still right."""
    words = refusal.words or HTTPStatus(refusal.status).phrase + "."
    return make_response(render_template("errors/_notice.html", words=words), retarget="#notices", reswap="innerHTML")


def _page(refusal: Refusal) -> str:
    if refusal.status == 500:
        return render_template("errors/500.html")
    if refusal.status == 503:
        return render_template("errors/503.html")
    own = [] if refusal.words else [f"errors/{refusal.status}.html"]
    words = refusal.words or HTTPStatus(refusal.status).description + "."
    return render_template([*own, "errors/refused.html"], title=refusal.title, words=words)
