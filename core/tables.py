"""Lines of CSV that are safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable

# By this column of ours a corrected file says which rows it has.
ROW_COLUMN = "Row in your file"
# The full-width ones begin a formula for East Asian spreadsheets.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
# Where a spreadsheet of another country, or one that was told so, cuts a line: there a quoted cell is two.
_CUTS = re.compile(r"([;\t\r\n])")
# "+49 151 …" and "-12.5" begin like formulas and are none; they must come back as they were.
_NUMBER = re.compile(r"[+-]?[\d\s().,/-]+")

# What `str.strip` leaves: characters that nobody sees and that come along when texts are copied.
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_EDGES = re.compile(rf"^[\s{_UNSEEN}]+|[\s{_UNSEEN}]+$")


def trimmed(text: str) -> str:
    """A cell without white space and invisible characters around it."""
    return text.strip() if text.isascii() else _EDGES.sub("", text)


def csv_line(cells: Iterable[object], separator: str = ",") -> str:
    """One line with its line end. What a spreadsheet would run as a formula gets an apostrophe before it."""
    line = io.StringIO()
    csv.writer(line, delimiter=separator).writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()


def safe_cell(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return "".join(map(_inert, _CUTS.split(text)))


def plain_cell(text: str) -> str:
    """The text that `safe_cell` was given; one that never was there stays as it is."""
    return "".join(piece if _inert(bare := _bare(piece)) != piece else bare for piece in _CUTS.split(text))


def _bare(piece: str) -> str:
    begins = piece.lstrip(" ")
    return piece[: len(piece) - len(begins)] + begins.removeprefix("'")


def _inert(piece: str) -> str:
    begins = piece.lstrip(" ")
    if not begins.startswith(_FORMULA) or _NUMBER.fullmatch(begins):
        return piece
    return piece[: len(piece) - len(begins)] + "'" + begins
