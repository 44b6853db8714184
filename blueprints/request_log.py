"""The log of the web: a line for each request, and in each line the id of its request."""

import logging
import re
import secrets
import time

from flask import Flask, Response, g, has_request_context, request

from core.log_lines import Line, write_lines

log = logging.getLogger(__name__)

GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# These come by the thousand and say nothing new, unless they were refused.
QUIET = ("static", "live.", "health.")


class RequestLine(Line):
    """A line with the id of the request that it belongs to."""

    def __init__(self) -> None:
        super().__init__("request=%(request_id)s ")

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return super().format(record)


def init_app(app: Flask, level: str) -> None:
    write_lines(level, RequestLine())
    app.before_request(begin)
    app.after_request(end)


def begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
    g.began = time.perf_counter()


def end(response: Response) -> Response:
    """The rule, not the path, is written: a path may hold a token."""
    response.headers["X-Request-ID"] = g.request_id
    quiet = (request.endpoint or "").startswith(QUIET) and response.status_code < 400
    rule = request.url_rule.rule if request.url_rule else "-"
    log_request(
        request.method, rule, response.status_code, g.began, request.remote_addr, by=who_asked(), is_quiet=quiet
    )
    return response


def log_request(
    method: str, rule: str, status: int, began: float, address: str | None, *, by: str = "-", is_quiet: bool = False
) -> None:
    """`began` is of time.perf_counter()."""
    level = logging.DEBUG if is_quiet else logging.INFO
    if log.isEnabledFor(level):
        words = "method=%s rule=%s status=%d ms=%.0f by=%s address=%s"
        log.log(level, words, method, rule, status, (time.perf_counter() - began) * 1000, by, address)


def who_asked() -> str:
    """The person or the token, by number, of whom the door came to know; "-" for nobody."""
    for kind in ("person", "token"):
        if known := g.get(kind):
            return f"{kind}:{known.id}"
    return "-"
