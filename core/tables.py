"""Lines of CSV that are safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# "+49 151 …" and "-12.5" begin like formulas and are none; they must come back as they were.
_NUMBER = re.compile(r"[+-]?[\d\s().,/-]+")


def csv_line(cells: Iterable[object]) -> str:
    """One line with its line end. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    line = io.StringIO()
    csv.writer(line).writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()


def safe_cell(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return "'" + text if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
