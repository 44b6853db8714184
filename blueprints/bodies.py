"""Reading a request's body as it came: bounded in size and time, and never taken for whole when it was cut off."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import gevent
import gevent.monkey
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge, RequestTimeout
from werkzeug.wsgi import get_content_length

PIECE = 65536


class CutOff(HTTPException):
    """The body ended before its declared end, or its chunks are broken."""

    code = 400
    description = "The request was cut off."


def read_body(environ: Mapping[str, Any], most: int, seconds: float) -> bytes:
    """The untouched bytes, chunked or not. RequestEntityTooLarge (a declared length unread), RequestTimeout or CutOff."""
    declared = get_content_length(environ)
    if (declared or 0) > most:
        raise RequestEntityTooLarge
    try:
        with _deadline(seconds):
            body = _read(environ, declared, most)
    except TimeoutError:
        raise RequestTimeout from None
    except (OSError, ValueError, ClientDisconnected, ParseException):  # the last is gunicorn's word for a broken chunk
        raise CutOff from None
    if declared is not None and len(body) < declared:
        raise CutOff
    return body


def _read(environ: Mapping[str, Any], declared: int | None, most: int) -> bytes:
    stream, body = environ["wsgi.input"], bytearray()
    if declared is None and not environ.get("wsgi.input_terminated"):
        return b""  # no length and no end: there is no body
    while declared is None or len(body) < declared:
        rest = (most + 1 if declared is None else declared) - len(body)
        piece = stream.read(min(PIECE, rest))
        if not piece:
            break
        body += piece
        if len(body) > most:
            raise RequestEntityTooLarge
    return bytes(body)


def _deadline(seconds: float) -> Any:
    """Where gevent serves. Elsewhere (tests, a development server) a body is there at once or its client is ours."""
    return gevent.Timeout(seconds, TimeoutError) if gevent.monkey.is_module_patched("socket") else nullcontext()
