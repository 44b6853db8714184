"""The provider's complaints in every documented shape: `detail` as list, string or object, then `message`, then `error`."""

import re
from collections.abc import Iterator, Mapping

from core.facts import FieldError
from provider.answers import read_json

LONGEST_MESSAGE = 500
LONGEST_WORDS = 1000
MOST_ERRORS = 2000
DEEPEST_LOC = 16
LONGEST_LOC_PART = 100
SHOWN_ERRORS = 3

HOLDERS = ("detail", "message", "error", "errors")
MESSAGES = ("msg", "message", "detail", "description", "error", "title", "code", "type")

# PostgreSQL refuses NUL, UTF-8 has no lone surrogates, and a line break in a sentence forges a line in a log.
NOT_PRINTED = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def read_errors(body: bytes) -> tuple[str, tuple[FieldError, ...]]:
    """One sentence for people, and the complaints that name a field. Never raises; both are empty where nothing is said."""
    value = read_json(body)
    if value is None or isinstance(value, str):
        text = value if isinstance(value, str) else body[:4000].decode("utf-8", "replace")
        return ("" if text.lstrip().startswith("<") else tidy(text)), ()
    held = [value.get(name) for name in HOLDERS] if isinstance(value, Mapping) else [value]
    for each in held:
        words, errors = _read(each)
        if words:
            return words, errors
    return "", ()


def tidy(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The provider's text as one storable, printable, bounded line."""
    line = NOT_PRINTED.sub(" ", text[: longest * 2]).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _read(held: object) -> tuple[str, tuple[FieldError, ...]]:
    if isinstance(held, str):
        return tidy(held), ()
    if isinstance(held, list):
        errors = tuple(error for item in held[:MOST_ERRORS] if (error := _field_error(item)))
        return _sentence(errors), errors
    if isinstance(held, Mapping):
        return _read_object(held)
    return "", ()


def _read_object(held: Mapping[str, object]) -> tuple[str, tuple[FieldError, ...]]:
    """`{"msg": …, "loc": …}`, `{"code": …, "message": …}` or `{"<field>": "…" or ["…"]}`."""
    error = _field_error(held)
    if error is not None:
        return _sentence((error,)), ((error,) if error.loc else ())
    errors = tuple(_by_field(held))[:MOST_ERRORS]
    return _sentence(errors), errors


def _by_field(held: Mapping[str, object]) -> Iterator[FieldError]:
    for name, complaints in held.items():
        for complaint in complaints if isinstance(complaints, list) else [complaints]:
            if isinstance(complaint, str) and (message := tidy(complaint)):
                yield FieldError(loc=_loc(name), message=message)


def _field_error(item: object) -> FieldError | None:
    if isinstance(item, str):
        message = tidy(item)
        return FieldError(loc=(), message=message) if message else None
    if not isinstance(item, Mapping):
        return None
    said = (tidy(value) for name in MESSAGES if isinstance(value := item.get(name), str))
    message = next(filter(None, said), "")
    loc = _loc(item.get("loc", item.get("field", item.get("path"))))
    return FieldError(loc=loc, message=message) if message else None


def _loc(told: object) -> tuple[str | int, ...]:
    """`["body", "targets", 3]` as it is, `"targets[3].to_number"` and `"targets.3"` taken apart."""
    if isinstance(told, str):
        parts = re.findall(r"[^.\[\]]+", told[:1000])
        told = [int(part) if re.fullmatch(r"[0-9]{1,6}", part) else part for part in parts]
    if not isinstance(told, list):
        return ()
    return tuple(_loc_part(part) for part in told[:DEEPEST_LOC] if isinstance(part, str | int))


def _loc_part(part: str | int) -> str | int:
    if isinstance(part, str):
        return tidy(part, LONGEST_LOC_PART)
    return part if type(part) is int and abs(part) < 10**9 else tidy(repr(part), LONGEST_LOC_PART)


def _sentence(errors: tuple[FieldError, ...]) -> str:
    shown = "; ".join(_spoken(error) for error in errors[:SHOWN_ERRORS])
    more = len(errors) - SHOWN_ERRORS
    return tidy(shown, LONGEST_WORDS - 40) + (f"; and {more} more" if more > 0 else "")


def _spoken(error: FieldError) -> str:
    where = ".".join(str(part) for part in error.loc if part != "body")
    return f"{where}: {error.message}" if where else error.message
