"""The fenced child that reads an uploaded file: `python -m jobs.reading PATH '{"separator": …}'` writes JSON lines.

It runs with limits of its own on memory and time, has no secrets in its environment and no database: whatever a file does to
it, only this process ends. First line {"used": …, "headers": […], "sample": [[…]]}, then {"rows": [[row number, [cells]], …]},
last {"end": {"blank": n}} or {"problem": "sentence"}.
"""

import codecs
import csv
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from core.columns import column_letter, looks_like_number

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 300
MOST_UNPACKED = 1024**3
MOST_COLUMNS = 500
MOST_ROWS = 1_000_000
LONGEST_CELL = 32_767  # as in every spreadsheet
SAMPLE_ROWS = 200
LINE_ROWS = 500
SEPARATORS = (",", ";", "\t", "|")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
Numbered = tuple[int, list[str]]


class Unreadable(Exception):
    """The file cannot be a list; the message says why, to a person."""


def main(path: str, asked: dict[str, Any]) -> None:
    """Read the file at `path` as `asked` ({"separator", "encoding", "header", "sheet"}, each may be missing)."""
    fence()
    try:
        tell_rows(Path(path), asked)
    except Unreadable as problem:
        tell({"problem": str(problem)})
    except MemoryError:
        tell({"problem": "The file needs too much memory to be read. Save it as CSV, or split it."})
    except csv.Error:
        tell({"problem": "A cell is far too long. Is a quotation mark opened and never closed?"})


def fence() -> None:
    """Limits that hold whatever the file contains; a reader that passes them dies alone."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with suppress(ValueError, OSError):  # not every system limits the address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def tell_rows(path: Path, asked: dict[str, Any]) -> None:
    used, rows = read_workbook(path, asked) if is_zip(path) else read_text(path, asked)
    blank = BlankRows()
    filled = blank.leave_out(checked(rows))
    sample = list(islice(filled, SAMPLE_ROWS))
    if not sample:
        raise Unreadable("There is nothing in this file.")
    header = asked.get("header")
    used["header"] = has_header([cells for _, cells in sample]) if header is None else bool(header)
    first, body = (sample[0][1], sample[1:]) if used["header"] else ([], sample)
    if not body:
        raise Unreadable("The file has a header and no rows.")
    width = max(len(cells) for _, cells in sample)
    tell({"used": used, "headers": headers(first, width), "sample": [cells for _, cells in body]})
    rest = chain(body, filled)
    while batch := list(islice(rest, LINE_ROWS)):
        tell({"rows": batch})
    tell({"end": {"blank": blank.count}})


class BlankRows:
    """Leaves rows without any text out, and counts those between the others (a spreadsheet has a million behind them)."""

    def __init__(self) -> None:
        self.count = 0

    def leave_out(self, rows: Iterator[Numbered]) -> Iterator[Numbered]:
        seen = waiting = 0
        for number, cells in rows:
            if not any(cells):
                waiting += 1
                continue
            self.count, waiting = self.count + waiting, 0
            seen += 1
            if seen > MOST_ROWS + 1:  # the header is one of them
                raise Unreadable(f"The file has more than {MOST_ROWS:,} rows. Split it into several lists.")
            yield number, cells


def checked(rows: Iterator[list[str]]) -> Iterator[Numbered]:
    """The rows with the spreadsheet's own numbers, trimmed, without characters that no database takes."""
    for number, cells in enumerate(rows, 1):
        if len(cells) > MOST_COLUMNS:
            if any(cells[MOST_COLUMNS:]):
                raise Unreadable(f"Row {number:,} has more than {MOST_COLUMNS} columns.")
            cells = cells[:MOST_COLUMNS]
        cells = [cell.replace("\0", "").strip() for cell in cells]
        if any(len(cell) > LONGEST_CELL for cell in cells):
            raise Unreadable(
                f"Row {number:,} has a cell of more than {LONGEST_CELL:,} characters. Is a quotation mark never closed?"
            )
        yield number, cells


def headers(first: list[str], width: int) -> list[str]:
    """A name for each column: the header's, made unique, or the letter that spreadsheets give it."""
    names: list[str] = []
    for column in range(width):
        name = first[column][:255] if column < len(first) else ""
        name = name or f"Column {column_letter(column)}"
        names.append(name if name not in names else f"{name} ({column_letter(column)})")
    return names


def has_header(rows: list[list[str]]) -> bool:
    """A first row without a number is a header, unless no row has one; a row of one kind with the others is not."""
    if any(looks_like_number(cell) for cell in rows[0]):
        return False
    return len(rows) > 1


def is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def read_workbook(path: Path, asked: dict[str, Any]) -> tuple[dict[str, Any], Iterator[list[str]]]:
    """The rows of the first sheet, or of the one asked for; whether the parts inflate to too much is asked first."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            if "xl/workbook.xml" not in archive.namelist():
                raise Unreadable("This is not an Excel workbook (.xlsx), and not a text file either.")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Unreadable("The workbook is damaged: it is cut off, or not an .xlsx file.") from None
    if unpacked > MOST_UNPACKED:
        raise Unreadable("The workbook unpacks to more than 1 GB. Save the one sheet as CSV.")
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        name = str(asked["sheet"]) if asked.get("sheet") in names else names[0]
        sheet = workbook.get_sheet_by_name(name)
    except (CalamineError, IndexError, OSError, ValueError):
        raise Unreadable("The workbook cannot be read: it is damaged, protected by a password, or empty.") from None
    used = {"kind": "xlsx", "sheet": name, "sheets": names[:50]}
    return used, ([cell_text(value) for value in row] for row in sheet.iter_rows())


def cell_text(value: Any) -> str:
    """A cell of a workbook as a person sees it; whole numbers without the ".0" that spreadsheets keep."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e17:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def read_text(path: Path, asked: dict[str, Any]) -> tuple[dict[str, Any], Iterator[list[str]]]:
    encoding = asked.get("encoding") or detect_encoding(path)
    head = list(islice(text_lines(path, encoding), 200))
    if not any(line.strip() for line in head):
        raise Unreadable("There is nothing in this file.")
    if binary("".join(head)):
        raise Unreadable("This is neither a text file (CSV) nor an Excel workbook (.xlsx).")
    named = head[0].strip().lower()
    told = named[4:] or "\t" if named.startswith("sep=") and len(named) <= 5 else ""
    separator = asked.get("separator") or told or detect_separator(head)
    lines = islice(text_lines(path, encoding), 1 if told else 0, None)
    return {"kind": "text", "encoding": encoding, "separator": separator}, csv.reader(lines, delimiter=separator)


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        for line in file:
            yield line.replace("\0", "")


def binary(text: str) -> bool:
    control = sum(c < " " and c not in "\t\r\n\f\v" for c in text)
    return control > len(text) * 0.02


def detect_encoding(path: Path) -> str:
    """By the mark at the beginning, else by the pattern of NULs, else UTF-8 when all of it is, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in BOMS:
        if head.startswith(mark):
            return name
    if len(head) > 3 and head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    try:
        with path.open(encoding="utf-8") as text:
            while text.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def detect_separator(lines: list[str]) -> str:
    """The one that cuts most rows into the same number of columns, more columns being better; a comma where none does."""
    return max(SEPARATORS, key=lambda separator: (_evenness(lines, separator), -SEPARATORS.index(separator)))


def _evenness(lines: list[str], separator: str) -> float:
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if any(row)]
    except csv.Error:
        return 0.0
    width = max(set(widths), key=widths.count)
    return widths.count(width) / len(widths) * (1 - 1 / width)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(sys.argv[1], json.loads(sys.argv[2]))
