"""Lines for a log: key=value, one line a thing, and no secret or full phone number in any of them. Every process writes these."""

import logging
import re
import sys
import time

# Order matters: a whole header is taken before the things that may stand in it.
_SECRETS = (
    # Authorization: Bearer …, also where a dictionary of headers was written out.
    (re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]+", re.IGNORECASE), r"\1\2<secret>"),
    (re.compile(r"\b((?:set-)?cookie['\"]?\s*[:=]\s*['\"]?)[^'\"\r\n]+", re.IGNORECASE), r"\1<secret>"),
    (re.compile(r"((?:__Host-)?callboard(?:-form)?=)[^;,\s'\"]+"), r"\1<secret>"),
    # Signatures of Standard Webhooks, before what names them.
    (re.compile(r"\b(v1a?[,=])[A-Za-z0-9+/_-]{20,}={0,2}"), r"\1<signature>"),
    # password=…, 'webhook_secret': '…', X-Signature: …
    (
        re.compile(
            r"((?:password|passwd|secret|signature|api[_-]?key|secret[_-]?key|(?:\w+[_-])?token)"
            r"['\"]?\s*[:=]\s*['\"]?)(?!<)[^\s,;&'\"})\]]+",
            re.IGNORECASE,
        ),
        r"\1<secret>",
    ),
    # Secrets and hex digests by their own look.
    (re.compile(r"\b(whsec_|cb_)[A-Za-z0-9+/_-]{6,}={0,2}"), r"\1<secret>"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "<token>"),
    (re.compile(r"(?<![\w/])[0-9a-fA-F]{40,}(?!\w)"), "<signature>"),
    # Addresses: what stands after these is a key, and so is a password before a host.
    (re.compile(r"(/(?:webhooks|links|wall/on)/)[^\s/?#'\"]+"), r"\1<token>"),
    (re.compile(r"([?&](?:code|state)=)[^\s&'\"]+"), r"\1<secret>"),
    (re.compile(r"(\w://[^\s:/@]*:)[^\s/@]+@"), r"\1<secret>@"),
    # +14155550123, +1 (415) 555-0123, and the digits alone; not inside an id such as a UUID.
    (re.compile(r"\+\d[\d ().-]{4,17}(\d\d)(?!\w)"), r"<number …\1>"),
    (re.compile(r"(?<![\w.:-])\d{8,13}(\d\d)(?![\w.:-])"), r"<number …\1>"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def without_secrets(text: str) -> str:
    """The text with tokens, signatures, passwords, cookies and phone numbers left out."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class Line(logging.Formatter):
    """time=… level=… logger=… message. A traceback follows on indented lines, so that nothing in it can pass for a line."""

    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    converter = staticmethod(time.gmtime)

    def __init__(self, extra: str = "") -> None:
        super().__init__(f"time=%(asctime)s level=%(levelname)s logger=%(name)s {extra}%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # what another handler made of the traceback is not ours to print
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", without_secrets(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in without_secrets(text).splitlines())


def write_lines(level: str, line: Line | None = None) -> None:
    """Every logger of this process writes such lines to standard output from `level` on. Doing it again does no harm."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, Line) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(line or Line())
        root.addHandler(handler)
    root.setLevel(level)
