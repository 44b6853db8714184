"""What a request wants: a page, a fragment or JSON; and where on this site it came from."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import request


def wants_json() -> bool:
    """Programs of the API, and whoever asks for JSON rather than for a page."""
    preferred = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.path.startswith("/api/") or preferred == "application/json"


def whole_number(name: str, given: Mapping[str, str] | None = None) -> int | None:
    """A number from the query, or from `given`, of a size that every column takes; None for absence and rubbish alike."""
    text = (request.args if given is None else given).get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def local_path(address: str | None) -> str | None:
    """The path and query of an address on this site; None for any other, however it is dressed up."""
    if not address or "\\" in address or not address.isprintable():
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.netloc and (parts.netloc != request.host or parts.scheme not in ("http", "https")):
        return None
    if not parts.netloc and parts.scheme:
        return None
    if not parts.path.startswith("/") or parts.path.startswith("//"):
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
