"""Cleaning: what one row of a list says by itself, whatever stands in the others: a number to call, or why there is none."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from core.countries import country_code
from core.phone import clean, visible

MOST_ROWS = 1_000_000
MOST_COLUMNS = 500
LONGEST_REASON = 255
plain_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# Stands in no text that a person sees, so it can stand between cells.
_BETWEEN = "\x1f"
_NEEDS_ESCAPE = re.compile(r'["\\\x00-\x1e]')


class CleanRow(NamedTuple):
    """What one row says by itself. `cells` is their JSON, `filled` has a bit for each cell with text in it.

    `is_wrong`: it cannot be called, and `reason` says why; else `reason` says what was repaired, or nothing.
    """

    row_number: int
    cells: str
    filled: int
    number: str | None
    caller_id: str | None
    time_zone: str | None
    reason: str
    is_wrong: bool


class Cleaner:
    """Reads rows by one mapping; numbers without a country are of `country`, unless the list has a column that says another."""

    def __init__(self, country: str, mapping: Mapping[str, Any]):
        self.country = country
        self.number, self.caller_id = mapping.get("number"), mapping.get("caller_id")
        self.zone, self.country_column = mapping.get("time_zone"), mapping.get("country")

    def clean(self, row_number: int, cells: Sequence[Any]) -> CleanRow:
        number, caller_id, zone, reason, is_wrong = self._read(cells)
        return CleanRow(
            row_number,
            cells_json(cells),
            filled_cells(cells),
            number,
            caller_id,
            zone,
            reason[:LONGEST_REASON],
            is_wrong,
        )

    def _read(self, cells: Sequence[Any]) -> tuple[str | None, str | None, str | None, str, bool]:
        written = cell(cells, self.number)
        country = self.country
        if self.country_column is not None and written[:1] != "+" and (told := cell(cells, self.country_column)):
            country = country_code(told) or ""
            if not country:
                return None, None, None, f"The country “{visible(told)}” is not known, and the number has none.", True
        cleaned = clean(written, country)
        if cleaned.number is None:
            return None, None, None, cleaned.reason, True
        caller_id, zone, reason = None, None, cleaned.reason
        if self.caller_id is not None and (told := cell(cells, self.caller_id)):
            caller_id, problem = _caller(told, country)
            if problem:
                return cleaned.number, None, None, problem, True
        if self.zone is not None and (told := cell(cells, self.zone)):
            zone, words = _zone(told)
            reason = "; ".join(filter(None, (reason, words)))
        return cleaned.number, caller_id, zone, reason, False


def cells_json(cells: Sequence[Any]) -> str:
    """The cells as a JSON list; for plain texts this is several times faster than the encoder."""
    try:
        text = _BETWEEN.join(cells)
    except TypeError:  # the cells of a program's list are not all texts
        return plain_json(cells)
    if not cells or _NEEDS_ESCAPE.search(text) or text.count(_BETWEEN) != len(cells) - 1:
        return plain_json(cells)
    return '["' + text.replace(_BETWEEN, '","') + '"]'


def filled_cells(cells: Sequence[Any]) -> int:
    """A bit for each cell that has something in it."""
    if all(cells):
        return (1 << len(cells)) - 1
    return sum(1 << column for column, text in enumerate(cells) if text)


def cell(cells: Sequence[Any], column: int | None) -> str:
    if column is None or column >= len(cells) or not cells[column]:
        return ""
    return str(cells[column])


@lru_cache(4096)
def _caller(text: str, country: str) -> tuple[str | None, str]:
    """Lists have few caller ids, in many rows."""
    cleaned = clean(text, country)
    return cleaned.number, "" if cleaned.number else f"Caller id: {cleaned.reason}"


@lru_cache(4096)
def _zone(name: str) -> tuple[str | None, str]:
    """An IANA zone by its name, and what to say where there is none."""
    try:
        return ZoneInfo(name).key, ""
    except (KeyError, ValueError, OSError):
        return None, f"the time zone “{visible(name)}” is not known and was left out"
