"""The log: one line of key=value for each thing that happened, with the id of its request; never an address with a token in it."""

import logging
import re
import secrets
import sys
import time

from flask import Flask, Response, g, has_request_context, request

log = logging.getLogger(__name__)

# Flask names the path of a request that broke.
TOKEN = re.compile(r"(/(?:webhooks|links)/)[^\s/?#'\"]+")
GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# These come by the thousand and say nothing new.
QUIET = ("static", "webhooks.", "live.", "health.")


class Line(logging.Formatter):
    """time=… level=… logger=… request=… message; a traceback follows on lines of its own. Tokens in addresses are left out."""

    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return TOKEN.sub(r"\1<token>", super().format(record))


def init_app(app: Flask, level: str) -> None:
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, Line) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(
            Line("time=%(asctime)s level=%(levelname)s logger=%(name)s request=%(request_id)s %(message)s")
        )
        root.addHandler(handler)
    root.setLevel(level)
    app.before_request(begin)
    app.after_request(end)


def begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
    g.began = time.perf_counter()


def end(response: Response) -> Response:
    """The rule, not the path, is written: a path may hold a token."""
    response.headers["X-Request-ID"] = g.request_id
    quiet = (request.endpoint or "").startswith(QUIET)
    milliseconds = (time.perf_counter() - g.began) * 1000
    log.log(
        logging.DEBUG if quiet else logging.INFO,
        "method=%s rule=%s status=%d ms=%.0f",
        request.method, request.url_rule.rule if request.url_rule else "-", response.status_code, milliseconds,
    )  # fmt: skip
    return response
