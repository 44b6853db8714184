"""Checks a create request as strictly as the provider's reference says, and complains in its documented shape, all at once."""

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import chain, islice
from typing import Any

from blueprints.api.addresses import is_link, names_private_address
from blueprints.api.moments import read_moment
from core.creates import CreateRequest, CreateTarget
from core.database import LONGEST_NAME
from core.phone import LONGEST_CELL, NO_COUNTRY, Cleaned, clean_or_form

MOST_TARGETS = 100_000
MOST_COMPLAINTS = 100
# Contexts are stored, shown and sent on as JSON: deeper ones would overflow somebody's stack on the way.
DEEPEST_CONTEXT = 50
# Checking 100 targets takes some milliseconds; then others served by this process get a turn.
TURN = 100
ABSENT: Any = object()
Name = str | int  # an item of a list has its place for a name
Loc = tuple[Name, ...]


class Refused(Exception):
    """The request is not as documented; `detail` is that of the 422."""

    def __init__(self, detail: list[dict[str, Any]]):
        super().__init__(detail)
        self.detail = detail


def complaint(loc: Loc, kind: str, words: str, value: Any, **context: Any) -> dict[str, Any]:
    told = {"type": kind, "loc": list(loc), "msg": words, "input": shown(value)}
    return told | {"ctx": context} if context else told


def shown(value: Any, depth: int = 2) -> Any:
    """The input as a complaint echoes it: recognisable, never long, never with the secret."""
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, dict):
        few = islice(value.items(), 10 if depth else 0)
        return {name[:200]: shown(part, depth - 1) for name, part in few if name != "webhook_secret"}
    if isinstance(value, list):
        return [shown(part, depth - 1) for part in value[: 10 if depth else 0]]
    return value


def read_object(raw: bytes) -> tuple[dict[str, Any], str]:
    """The JSON object in a body, and its hash; Refused when it is none."""
    body, body_hash = _parse(raw)
    if not isinstance(body, dict):
        raise Refused([complaint(("body",), "model_attributes_type", "Input should be a valid dictionary", body)])
    return body, body_hash


def read_create(raw: bytes, allow_private: bool = False) -> CreateRequest:
    """The request in the body; Refused with every complaint, up to a hundred. `allow_private` is about `webhook_url`."""
    body, body_hash = read_object(raw)
    complaints: list[dict[str, Any]] = []
    read = Fields(body, ("body",), complaints)
    wants_retries, retries = read.flag("retry_failed"), read.whole_number("retry_attempts", 0, 0, 3)
    request = CreateRequest(
        agent_uuid=read.uuid("agent_id"),
        name=read.name("name"),
        targets=_read_targets(read),
        start_at=read.moment("schedule_at"),
        lines=read.whole_number("concurrent_calls", 1, 1, 10),
        provider_retries=retries if wants_retries else None,
        context=read.context("context"),
        webhook_url=read.link("webhook_url", allow_private),
        webhook_secret=read.text("webhook_secret", None),
        notify_on_call_complete=read.flag("notify_on_call_complete"),
        body_hash=body_hash,
    )
    if complaints:
        raise Refused(complaints[:MOST_COMPLAINTS])
    return request


def _parse(raw: bytes) -> tuple[Any, str]:
    """The body, and the hash of its canonical form, which only real JSON of real text has."""
    try:
        body = json.loads(raw.decode(), parse_constant=_refuse_constant)
        canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return body, sha256(canonical.encode()).hexdigest()
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except UnicodeError:
        problem = "The body is not UTF-8 text"
    except RecursionError:
        problem = "The body is nested too deeply"
    except ValueError:
        problem = "A number is not finite or has too many digits"
    raise Refused([complaint(("body",), "json_invalid", "JSON decode error", None, error=problem)])


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


@dataclass(frozen=True, slots=True)
class Fields:
    """Reads the fields of one object and collects what is wrong with them. After a complaint the value is a stand-in."""

    values: Mapping[Any, Any]
    loc: Loc
    complaints: list[dict[str, Any]] = field(repr=False)

    def complain(self, name: Name, kind: str, words: str, **context: Any) -> None:
        self.complaints.append(complaint((*self.loc, name), kind, words, self.values.get(name), **context))

    def get(self, name: Name, default: Any = ABSENT) -> Any:
        value = self.values.get(name, default)
        if value is ABSENT:
            self.complaints.append(complaint((*self.loc, name), "missing", "Field required", self.values))
        return value

    def text(self, name: Name, default: Any = ABSENT) -> Any:
        """A string, the default, or None after a complaint."""
        value = self.get(name, default)
        if value is ABSENT or value is default or isinstance(value, str):
            return None if value is ABSENT else value
        self.complain(name, "string_type", "Input should be a valid string")
        return None

    def name(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            return ""
        if not value.strip():
            self.complain(
                name, "string_too_short", "String should have at least 1 character that is no space", min_length=1
            )
        elif len(value) > LONGEST_NAME:
            words = f"String should have at most {LONGEST_NAME} characters"
            self.complain(name, "string_too_long", words, max_length=LONGEST_NAME)
        elif "\0" in value:
            self.complain(name, "value_error", "NUL characters cannot be stored")
        return value

    def text_up_to(self, name: str, most: int) -> str:
        """A string, "" where there is none."""
        value = self.text(name, "") or ""
        if len(value) > most:
            self.complain(name, "string_too_long", f"String should have at most {most} characters", max_length=most)
        elif "\0" in value:
            self.complain(name, "value_error", "NUL characters cannot be stored")
        return value

    def texts(self, name: str, most: int) -> list[str]:
        """A list of strings, none of them empty or with spaces around it."""
        value = self.get(name)
        if not isinstance(value, list):
            if value is not ABSENT:
                self.complain(name, "list_type", "Input should be a valid list")
            return []
        if len(value) > most:
            self.complain(name, "too_long", f"List should have at most {most} items", max_length=most)
        elif not all(isinstance(text, str) and text and text == text.strip() for text in value):
            self.complain(name, "string_type", "Each should be a string without spaces around it")
        return value

    def uuid(self, name: str) -> str:
        value = self.text(name)
        try:
            return "" if value is None else str(uuid.UUID(value))
        except ValueError as error:
            self.complain(name, "uuid_parsing", "Input should be a valid UUID", error=str(error))
        return ""

    def whole_number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.get(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one kind of number: 3.0 is 3
        if isinstance(value, bool) or not isinstance(value, int):
            self.complain(name, "int_type", "Input should be a valid integer")
        elif value < least:
            self.complain(name, "greater_than_equal", f"Input should be greater than or equal to {least}", ge=least)
        elif value > most:
            self.complain(name, "less_than_equal", f"Input should be less than or equal to {most}", le=most)
        else:
            return value
        return default

    def flag(self, name: str) -> bool:
        value = self.get(name, False)
        if not isinstance(value, bool):
            self.complain(name, "bool_type", "Input should be a valid boolean")
        return value is True

    def context(self, name: str) -> dict[str, Any]:
        value = self.get(name, {})
        if not isinstance(value, dict):
            self.complain(name, "dict_type", "Input should be a valid dictionary")
            return {}
        if trouble := _trouble(value, DEEPEST_CONTEXT):
            self.complain(name, "value_error", trouble)
        return value

    def phone(self, name: Name, default: Any = ABSENT) -> Cleaned:
        value = self.text(name, default)
        if value is None:
            return Cleaned(None)
        if not value.strip().startswith("+"):
            cleaned = Cleaned(None, reason="It should begin with + and the country code.")
        else:
            # The provider asks for the form only, and so do we: a number not in use is told by the call, not by us.
            cleaned = _cleaned(value[: LONGEST_CELL + 1])
        if cleaned.number is None:
            self.complain(name, "phone_number", f"Phone number should be in E.164 form. {cleaned.reason}")
        return cleaned

    def phones(self, name: str, most: int) -> list[str | None]:
        """A list of at least one number; None stands for each that is none."""
        value = self.get(name)
        if not isinstance(value, list):
            self.complain(name, "list_type", "Input should be a valid list")
        elif not value:
            self.complain(name, "too_short", "List should have at least 1 item", min_length=1)
        elif len(value) > most:
            self.complain(name, "too_long", f"List should have at most {most} items", max_length=most)
        else:
            items = Fields(dict(enumerate(value)), (*self.loc, name), self.complaints)
            return list(_each_phone(items))
        return []

    def moment(self, name: str) -> datetime | None:
        value = self.text(name, None)
        if value is None:
            return None
        try:
            return read_moment(value)
        except ValueError as problem:
            self.complain(name, "datetime_parsing", "Input should be a date-time with an offset", error=str(problem))
        return None

    def link(self, name: str, allow_private: bool) -> str | None:
        value = self.text(name, None)
        if value is not None and not is_link(value):
            self.complain(name, "url_parsing", "Input should be a valid http or https URL")
        elif value is not None and not allow_private and names_private_address(value):
            self.complain(name, "value_error", "URL points into a private network, where nothing is sent")
        return value


def _each_phone(items: Fields) -> Iterable[str | None]:
    for place in items.values:
        if place % TURN == 0:
            time.sleep(0)
        yield items.phone(place).number


@lru_cache(64)
def _cleaned(text: str) -> Cleaned:
    """Remembered, since most requests name the same few caller ids over and over."""
    return clean_or_form(text, NO_COUNTRY)


def _trouble(value: Any, depth: int) -> str:
    """Why this part of a context cannot be kept; "" when it can."""
    if isinstance(value, str):
        return "NUL characters cannot be stored" if "\0" in value else ""
    parts: Iterable[Any] = (
        chain(value, value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    if not depth:
        return f"Context should be nested at most {DEEPEST_CONTEXT} deep"
    return next(filter(None, (_trouble(part, depth - 1) for part in parts)), "")


def _read_targets(read: Fields) -> tuple[CreateTarget, ...]:
    given = read.get("targets")
    if given is ABSENT:
        return ()
    count = len(given) if isinstance(given, list) else 0
    if not isinstance(given, list):
        read.complain("targets", "list_type", "Input should be a valid list")
    elif not given:
        words = "List should have at least 1 item after validation, not 0"
        read.complain("targets", "too_short", words, min_length=1, actual_length=0)
    elif count > MOST_TARGETS:
        words = f"List should have at most {MOST_TARGETS} items after validation, not {count}"
        read.complain("targets", "too_long", words, max_length=MOST_TARGETS, actual_length=count)
    else:
        return tuple(_each_target(given, read.complaints))
    return ()


def _each_target(given: list[Any], complaints: list[dict[str, Any]]) -> Iterable[CreateTarget]:
    for index, value in enumerate(given):
        if len(complaints) > MOST_COMPLAINTS:
            return
        if index % TURN == 0:
            time.sleep(0)
        yield _read_target(value, ("body", "targets", index), complaints)


def _read_target(value: Any, loc: Loc, complaints: list[dict[str, Any]]) -> CreateTarget:
    if not isinstance(value, dict):
        complaints.append(complaint(loc, "model_attributes_type", "Input should be a valid dictionary", value))
        return CreateTarget("", None, {})
    read = Fields(value, loc, complaints)
    number, caller = read.phone("to_number"), read.phone("from_number", None)
    reason = "; ".join(filter(None, (number.reason, caller.reason)))
    return CreateTarget(number.number or "", caller.number, read.context("context"), reason)
