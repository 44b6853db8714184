"""Reads the query of a list as strictly as a body: an unknown or doubled name is a complaint, not a list of everything."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from flask import current_app, request
from itsdangerous import BadData, URLSafeSerializer

from blueprints.api.moments import read_moment
from blueprints.api.validation import Refused, complaint
from core.database import LONGEST_NAME
from core.lookups import PAGE, Page
from core.phone import E164

MOST = 100
Value = TypeVar("Value")


@dataclass(slots=True)
class Query:
    """Each method reads one name and gives its value, or the default and a complaint; `done` refuses all that is wrong at once."""

    complaints: list[dict[str, Any]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        words = f"Input should be one of: {', '.join(choices)}"
        return self._read(name, lambda text: choices[choices.index(text)], "enum", words)

    def uuid(self, name: str) -> str | None:
        return self._read(name, lambda text: str(uuid.UUID(text)), "uuid_parsing", "Input should be a valid UUID")

    def number(self, name: str) -> str | None:
        words = "Input should be a number in E.164 form, such as +14155550101 (a + in it is written %2B)"
        return self._read(name, _number, "phone_number", words)

    def moment(self, name: str) -> datetime | None:
        words = "Input should be a date-time with an offset, such as 2026-11-24T09:00:00Z (a + in it is written %2B)"
        return self._read(name, read_moment, "datetime_parsing", words)

    def search(self, name: str) -> str:
        return self._read(name, _searchable, "value_error", f"At most {LONGEST_NAME} characters, and no NUL") or ""

    def limit(self) -> int:
        words = f"Input should be a whole number from 1 to {MOST}"
        return self._read("limit", _limit, "int_parsing", words) or PAGE

    def key(self, listed: str) -> int | None:
        """Where to go on, out of the cursor of this very list."""
        words = "Send the next_cursor of an answer to the same list"
        return self._read("cursor", _signer(listed).loads, "value_error", words)

    def done(self) -> None:
        for name in request.args.keys() - self.known:
            self._complain(name, "extra_forbidden", f"Known here: {', '.join(sorted(self.known))}")
        if self.complaints:
            raise Refused(self.complaints)

    def _read(self, name: str, read: Callable[[str], Value], kind: str, words: str) -> Value | None:
        self.known.add(name)
        given = request.args.getlist(name)
        if len(given) > 1:
            self._complain(name, "value_error", "Give it once")
        elif given:
            try:
                return read(given[0])
            except (ValueError, BadData):
                self._complain(name, kind, words)
        return None

    def _complain(self, name: str, kind: str, words: str) -> None:
        self.complaints.append(complaint(("query", name[:200]), kind, words, request.args.get(name)))


def cursor(page: Page[Any], listed: str) -> str | None:
    """What a caller sends to go on; signed, so that it stays ours to change what stands in it."""
    return None if page.next_key is None else _signer(listed).dumps(page.next_key)


def _signer(listed: str) -> URLSafeSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt=f"cursor of {listed}")


def _number(text: str) -> str:
    if not E164.fullmatch(text):
        raise ValueError
    return text


def _searchable(text: str) -> str:
    if len(text) > LONGEST_NAME or "\0" in text:
        raise ValueError
    return text


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and 1 <= int(text) <= MOST):
        raise ValueError
    return int(text)
