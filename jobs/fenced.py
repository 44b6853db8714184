"""The fence around an uploaded file: a child process reads it (jobs/reading.py), without our environment and within limits."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from jobs.queue import LISTS, TIME_LIMITS
from jobs.runtime import settings

READING_SECONDS = TIME_LIMITS[LISTS] - 60
# What a child may be ahead of us: some batches, so that reading and storing keep a processor each busy.
PIPE_BYTES = 1024 * 1024
HOUSE = Path(__file__).resolve().parent.parent
GONE = "The uploaded file is no longer there. Upload it again."
DAMAGED = "The file could not be read: it is damaged, or far larger inside than it looks. Save it as CSV and try again."


class Unreadable(Exception):
    """The file cannot be a list; the message says why, to a person."""


@dataclass(slots=True)
class Reader:
    """A file as its child tells of it. `blank` counts the empty rows between the others, once all `batches` were read."""

    child: "subprocess.Popen[bytes]"
    used: dict[str, Any]
    headers: list[str]
    sample: list[list[str]]
    blank: int = 0

    def raw_batches(self) -> Iterator[list[tuple[int, list[str]]]]:
        """Rows as they stand there: their number and their cells."""
        for rows, _ in self.batches("", {}):
            yield [(row[0], json.loads(row[1])) for row in rows]

    def batches(self, country: str, mapping: Mapping[str, Any]) -> Iterator[tuple[list[list[Any]], int | None]]:
        """Rows cleaned by this mapping, each the fields of `core.cleaning.CleanRow`; and how many there may be in all."""
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps({"country": country, "mapping": dict(mapping)}).encode() + b"\n")
        self.child.stdin.flush()
        while "end" not in (message := _next(self.child)):
            yield message["rows"], message["expected"]
        self.blank = message["end"]["blank"]


@contextmanager
def read_file(stored_as: str | None, asked: Mapping[str, Any]) -> Iterator[Reader]:
    """Open an uploaded file as `asked` ({"separator", "encoding", "header", "sheet"}, each may be missing).

    Unreadable, here or between two batches. The child ends with this block, or when its time is over.
    """
    path = place_of(stored_as)
    if not path.is_file():
        raise Unreadable(GONE)
    command = [sys.executable, "-m", "jobs.reading", str(path), json.dumps(dict(asked))]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(  # noqa: S603 (our own interpreter and module; the path is ours, the rest is JSON)
        command, cwd=HOUSE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        pipesize=PIPE_BYTES,
    ) as child:  # fmt: skip
        timer = Timer(READING_SECONDS, child.kill)
        timer.daemon = True
        timer.start()
        try:
            opening = _next(child)
            yield Reader(child, opening["used"], opening["headers"], opening["sample"])
        finally:
            timer.cancel()
            child.kill()


def place_of(stored_as: str | None) -> Path:
    return settings().data_dir / "uploads" / Path(stored_as or "missing").name


def _next(child: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """The next thing that the child tells; Unreadable when it refuses the file, or has died of it."""
    assert child.stdout is not None
    try:
        message: dict[str, Any] = json.loads(child.stdout.readline())
    except ValueError:
        raise Unreadable(DAMAGED) from None
    if "problem" in message:
        raise Unreadable(message["problem"])
    return message
