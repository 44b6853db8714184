"""Which addresses a caller may name to be told at."""

from urllib.parse import urlsplit

from provider.wire import is_private

LONGEST_LINK = 2000


def is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = text.isascii() and all(letter > " " and letter != "\\" for letter in text)
    return fine and plain and len(text) <= LONGEST_LINK


def names_private_address(link: str) -> bool:
    """As far as the text tells; where a name leads is judged when something is sent there."""
    host = urlsplit(link).hostname or ""
    try:
        return host == "localhost" or is_private(host)
    except ValueError:
        return False
