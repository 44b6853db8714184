"""The fenced child that reads an uploaded file: `python -m jobs.reading PATH '{"separator": …}'` writes JSON lines.

It runs with limits of its own on memory and time, has no secrets in its environment and no database: whatever a file does to
it, only this process ends. First line {"used": …, "headers": […], "sample": [[…]]}. Then it is told on its standard input how
to clean the rows ({"country", "mapping"}), which is most of the work and takes a processor of its own: {"rows": [[…], …],
"expected": n} with the fields of `core.cleaning.CleanRow`, last {"end": {"blank": n}}; or at any time {"problem": "sentence"}.
"""

import csv
import gc
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from core.cleaning import MOST_COLUMNS, MOST_ROWS, Cleaner, plain_json
from core.columns import column_letter, looks_like_number
from core.tables import plain_cell, trimmed
from jobs.file_formats import Unreadable, open_file

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 3000
LONGEST_CELL = 32_767  # as in every spreadsheet
SAMPLE_ROWS = 200
BATCH = 5000
Numbered = tuple[int, list[str]]


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
    gc.disable()  # rows come and go without cycles, and looking for some costs a tenth of the time


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(plain_json(message) + "\n")
    sys.stdout.flush()


def tell_rows(path: Path, asked: dict[str, Any]) -> None:
    opened = open_file(path, asked)
    blank = BlankRows()
    filled = blank.leave_out(checked(opened.rows))
    sample = list(islice(filled, SAMPLE_ROWS))
    if not sample:
        raise Unreadable("There is nothing in this file.")
    header = asked.get("header")
    has_names = has_header([cells for _, cells in sample]) if header is None else bool(header)
    first, body = (sample[0][1], sample[1:]) if has_names else ([], sample)
    if not body:
        raise Unreadable("The file has a header and no rows.")
    names = headers(first, max(len(cells) for _, cells in sample))
    tell({"used": opened.used | {"header": has_names}, "headers": names, "sample": [cells for _, cells in body]})
    told = json.loads(sys.stdin.readline() or "null")
    if told is None:
        return
    cleaner = Cleaner(told["country"], told["mapping"])
    rest, read = chain(body, filled), 0
    while batch := [cleaner.clean(number, cells) for number, cells in islice(rest, BATCH)]:
        read += len(batch)
        tell({"rows": batch, "expected": opened.expected(read)})
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
        cells = [cell.strip() for cell in cells]
        text = "".join(cells)
        if len(text) > LONGEST_CELL and max(map(len, cells)) > LONGEST_CELL:
            raise Unreadable(
                f"Row {number:,} has a cell of more than {LONGEST_CELL:,} characters. Is a quotation mark never closed?"
            )
        if not text.isascii() or "'" in text:  # most rows are spared this
            cells = [plain_cell(trimmed(cell)) for cell in cells]
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


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(sys.argv[1], json.loads(sys.argv[2]))
