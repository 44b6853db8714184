"""Every kind of file that can be a list, as rows of texts: CSV and its kin in any encoding, and workbooks (XLSX, XLSB, XLS, ODS).

Only the fenced child (jobs/reading.py) reads with this: whatever a file does, it does to a process that has nothing to lose.
"""

import codecs
import csv
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

MOST_UNPACKED = 1024**3
SEPARATORS = (",", ";", "\t", "|")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Asked when a text is neither UTF-8 nor Western; each can be chosen on the page.
OTHER_ENCODINGS = ("cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "euc_kr", "koi8_r", "cp437")
# What Western names are written with. "J�rg" is a ö in one encoding and a š in the other: this tells them apart.
_WESTERN = (
    frozenset("äöüßéèêëàâçñáíóúåøæãõîïôùûòìœ") | frozenset("ÄÖÜÉÈÀÇÑÁÍÓÚÅØÆÊŒ") | frozenset("€£§°«»“”‘’–—…´·®©½²³ºª¿¡")
)
_SAMPLE_BYTES = 256 * 1024
_OLD_WORKBOOK, _ZIP = b"\xd0\xcf\x11\xe0", (b"PK\x03\x04", b"PK\x05\x06")


class Unreadable(Exception):
    """The file cannot be a list; the message says why, to a person."""


@dataclass(slots=True)
class Opened:
    """A file being read. `used` says how; `expected` how many rows there will be, as far as one can tell after `read` of them."""

    used: dict[str, Any]
    rows: Iterator[list[str]]
    expected: Callable[[int], int | None] = field(default=lambda read: None)


def open_file(path: Path, asked: dict[str, Any]) -> Opened:
    """Read as `asked` ({"separator", "encoding", "sheet"}, each may be missing). Unreadable, with a sentence."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins in _ZIP or begins == _OLD_WORKBOOK:
        return open_workbook(path, asked, begins)
    return open_text(path, asked)


def open_workbook(path: Path, asked: dict[str, Any], begins: bytes) -> Opened:
    """The rows of the first sheet that has any, or of the one asked for; whether the parts inflate to too much is asked first."""
    kind = "xls" if begins == _OLD_WORKBOOK else _zipped_kind(path)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        chosen = str(asked["sheet"]) if asked.get("sheet") in names else None
        sheets = [chosen] if chosen else names
        sheet = next((s for s in map(workbook.get_sheet_by_name, sheets) if s.total_height), None)
        if sheet is None and names:
            sheet = workbook.get_sheet_by_name(sheets[0])
    except (CalamineError, IndexError, OSError, ValueError):
        sheet = None
    if sheet is None:
        raise Unreadable("The workbook cannot be read: it is damaged, protected by a password, or empty.")
    height = sheet.total_height
    rows = ([cell_text(value) for value in row] for row in sheet.iter_rows())
    return Opened({"kind": kind, "sheet": sheet.name, "sheets": names[:50]}, rows, lambda read: height)


def _zipped_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            names = set(archive.namelist())
            is_ods = "mimetype" in names and b"spreadsheet" in archive.read("mimetype")[:100]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        raise Unreadable("The workbook is damaged: it is cut off, or not a workbook at all.") from None
    if not is_ods and not names & {"xl/workbook.xml", "xl/workbook.bin"}:
        raise Unreadable("This is an archive, but no workbook. Unpack it and upload the list inside.")
    if unpacked > MOST_UNPACKED:
        raise Unreadable("The workbook unpacks to more than 1 GB. Save the one sheet as CSV.")
    return "ods" if is_ods else "xlsb" if "xl/workbook.bin" in names else "xlsx"


def cell_text(value: Any) -> str:
    """A cell of a workbook as a person sees it; whole numbers without the ".0" that spreadsheets keep."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e17 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    return str(value) if isinstance(value, date | time | timedelta) else str(value or "")


def open_text(path: Path, asked: dict[str, Any]) -> Opened:
    encoding = asked.get("encoding") or detect_encoding(path)
    head = list(islice(_lines(path.open(encoding=encoding, errors="replace", newline="")), 200))
    if not any(line.strip() for line in head):
        raise Unreadable("There is nothing in this file.")
    if binary("".join(head)):
        raise Unreadable("This is neither a text file (CSV) nor a workbook (XLSX, XLS, ODS).")
    named = head[0].strip().lower()
    told = named[4:] or "\t" if named.startswith("sep=") and len(named) <= 5 else ""
    separator = asked.get("separator") or told or detect_separator(head)
    file = path.open(encoding=encoding, errors="replace", newline="")
    lines, size = islice(_lines(file), 1 if told else 0, None), path.stat().st_size

    def expected(read: int) -> int | None:
        """By how far into the file its reader is."""
        if file.closed:
            return read
        done = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        return round(read * size / done) if done else None

    return Opened(
        {"kind": "text", "encoding": encoding, "separator": separator}, csv.reader(lines, delimiter=separator), expected
    )


def _lines(file: Any) -> Iterator[str]:
    with file:
        for line in file:
            yield line.replace("\0", "") if "\0" in line else line


def binary(text: str) -> bool:
    control = sum(c < " " and c not in "\t\r\n\f\v" for c in text)
    return control > len(text) * 0.02


def detect_encoding(path: Path) -> str:
    """By the mark at the beginning, else by the pattern of NULs, else UTF-8 when all of it is, else by what the letters are."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in BOMS:
        if head.startswith(mark):
            return name
    if len(head) > 3 and head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    odd = bytearray()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            try:
                is_utf8 = is_utf8 and decoder.decode(chunk) is not None
            except UnicodeDecodeError:
                is_utf8 = False
            if not is_utf8 and len(odd) < _SAMPLE_BYTES:
                odd += b"\n".join(line for line in chunk.splitlines() if not line.isascii())
            if len(odd) >= _SAMPLE_BYTES:
                break
    return "utf-8" if is_utf8 else _old_encoding(bytes(odd[:_SAMPLE_BYTES]))


def _old_encoding(lines: bytes) -> str:
    """Of the lines with letters beyond ASCII: Windows or Mac where most of them are Western then, else whatever fits best."""
    western = {name: _western_share(lines, name) for name in ("cp1252", "mac_roman")}
    best = max(western, key=lambda name: western[name])
    # In Western words such letters mostly stand alone; in other alphabets they come in rows.
    together = sum(map(len, re.findall(rb"[\x80-\xff]{2,}", lines)))
    if western[best] >= 0.8 and together <= max(6, 0.3 * len(re.findall(rb"[\x80-\xff]", lines))):
        return best
    import charset_normalizer  # large, and needed for few files

    found = charset_normalizer.from_bytes(lines, cp_isolation=list(OTHER_ENCODINGS)).best()
    return found.encoding if found is not None and found.encoding in OTHER_ENCODINGS else best


def _western_share(lines: bytes, encoding: str) -> float:
    """Which part of the characters beyond ASCII makes sense: letters of Western names, and marks that do not cut a word in two."""
    text = lines.decode(encoding, "replace")
    odd = sum(c > "\x7f" for c in text)
    cuts = len(re.findall(r"(?<=\w)[€£§°«»“”‘–—…´·®©½²³ºª¿¡](?=\w)", text))
    return (sum(c in _WESTERN for c in text) - cuts) / odd if odd else 0.0


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
