"""One import in a process of its own, so that its memory is its own: `python -m bench.import_side plain|ours …` prints JSON."""

import csv
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import phonenumbers

BATCH = 1000
INSERT = "INSERT INTO row VALUES (?, ?, ?, ?, ?)"


def plain(file: str, database: str) -> dict[str, Any]:
    """What anybody would write first: csv, parse, is_valid_number, INSERT in batches; no report, no duplicates, one core."""
    connection = sqlite3.connect(database)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; DROP TABLE IF EXISTS row")
    connection.execute("CREATE TABLE row (number TEXT, is_valid INTEGER, first_name TEXT, city TEXT, amount TEXT)")
    began, read, batch = time.perf_counter(), 0, []
    with Path(file).open(newline="", encoding="utf-8") as lines:
        for cells in csv.DictReader(lines):
            read += 1
            batch.append((*_checked(cells["phone"]), cells["first_name"], cells["city"], cells["amount"]))
            if len(batch) == BATCH:
                connection.executemany(INSERT, batch)
                connection.commit()
                batch.clear()
    connection.executemany(INSERT, batch)
    connection.commit()
    return {"seconds": time.perf_counter() - began, "rows": read}


def _checked(text: str) -> tuple[str, bool]:
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return text, False
    if not phonenumbers.is_valid_number(number):
        return text, False
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), True


def ours(list_id: str) -> dict[str, Any]:
    """The job, as a worker runs it; its database and its folder stand in the environment."""
    from core.models import ContactList
    from jobs.import_list import import_list
    from jobs.runtime import session_scope

    began = time.perf_counter()
    import_list(int(list_id))
    seconds = time.perf_counter() - began
    with session_scope() as session:
        found = session.get_one(ContactList, int(list_id))
        return {"seconds": seconds, "rows": found.rows_read, "state": found.state, "counts": found.counts}


def most_memory() -> float:
    """The most that this process has held, in MB; the kernel's other count begins with what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    told = {"plain": plain, "ours": ours}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(told | {"megabytes": most_memory()}))
