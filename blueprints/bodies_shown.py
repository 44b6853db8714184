"""How a body of a delivery or a message stands on a page: laid out where it is JSON, and no more of it than is shown."""

import json
from collections.abc import Iterable

SHOWN_OF_A_BODY = 100_000


def readable(body: bytes) -> str:
    """JSON laid out for reading, anything else as it came; as much of it as is shown."""
    try:
        text = beginning(json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(body)))
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
    # Half of a surrogate pair is possible in JSON, and in no page.
    return text[:SHOWN_OF_A_BODY].encode("utf-8", "replace").decode()


def raw(body: bytes) -> str:
    """The bytes as text, as they came."""
    return body[:SHOWN_OF_A_BODY].decode("utf-8", "replace")


def beginning(pieces: Iterable[str]) -> str:
    """No more than is shown: a deep body would grow a thousandfold when it is laid out."""
    text: list[str] = []
    size = 0
    for piece in pieces:
        text.append(piece)
        size += len(piece)
        if size > SHOWN_OF_A_BODY:
            break
    return "".join(text)
