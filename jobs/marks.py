"""Where submissions are written down outside the database: Redis, and files in DATA_DIR. Checked before each claim and each tick."""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from core.database import writing
from core.marks import Finding, KnownSubmission, Mark, ensure_mark, judge, mark_of
from core.restoring import hold_what_was_found
from core.submission import Claim
from jobs.queue import web_redis
from jobs.runtime import now, settings

log = logging.getLogger(__name__)

KEY, LOG = "callboard:submissions:mark", "callboard:submissions:log"
FOLDER = "submissions"
# So many submissions, with their numbers, are kept in Redis; the files keep two of this size.
MOST_IN_REDIS = 1000
LARGEST_LOG = 32 * 1024 * 1024
# Less than a claim may wait for its POST: Redis alone is enough.
LOCK_PATIENCE_SECONDS = 1.0
# Never lowered by somebody slower; another installation's is replaced.
RAISE = """
local held = redis.call('GET', KEYS[1])
if held then
    local mark = cjson.decode(held)
    if mark.installation == ARGV[1] and mark.number >= tonumber(ARGV[2]) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[3])
return 1
"""


def is_ours(session: Session) -> bool:
    """May this database submit, by what stands outside it? If not, everything is held, once, and a page says why."""
    outside = [_in_redis(), _in_file()]  # first: what is written meanwhile was counted in the database before
    ours = mark_of(session)
    session.rollback()
    if ours is None:
        with writing(session):
            ours = ensure_mark(session, outside)
        # Nothing outside, and nothing here before: a new database, or one of a version that wrote nothing down.
        finding = judge(ours, outside) if any(outside) else Finding.FINE
    else:
        finding = judge(ours, outside)
    if finding == Finding.FINE:
        if outside != [ours, ours]:
            _write(ours, None)
        return True
    highest = max((mark.number for mark in outside if mark and mark.installation == ours.installation), default=0)
    lost = [known for known in _known(ours.installation) if known.number > ours.number]
    highest = max([highest, *(known.number for known in lost)])
    with writing(session, patience=30.0):
        mark = hold_what_was_found(session, finding, ours, highest, lost, now())
    _write(mark, None)
    return False


def write_down(held: Claim) -> bool:
    """Before the POST: whom it hands over. False when no place took it; then it must not be sent."""
    numbers = tuple(target["to_number"] for target in held.request["targets"])
    told = (held.mark.number, held.claimed_at, held.campaign_id, held.campaign_name, held.ordinal, numbers)
    return _write(held.mark, KnownSubmission(*told))


def take_back(held: Claim) -> None:
    """It was surely not sent: whoever it would have handed over was not. Where this is not written down they are only left out."""
    told = {"number": held.mark.number, "installation": held.mark.installation, "unsent": True}
    _write_line(held.mark, json.dumps(told))


def _write(mark: Mark, known: KnownSubmission | None) -> bool:
    if known is None:
        return _write_line(mark, None)
    told = {field.name: getattr(known, field.name) for field in fields(known)}  # `asdict` would copy each number
    return _write_line(mark, json.dumps(told | {"at": known.at.isoformat(), "installation": mark.installation}))


def _write_line(mark: Mark, line: str | None) -> bool:
    return any([_write_redis(mark, line), _write_file(mark, line)])


def _write_redis(mark: Mark, line: str | None) -> bool:
    try:
        pipe = web_redis(settings().redis_url).pipeline()
        pipe.eval(RAISE, 1, KEY, mark.installation, mark.number, json.dumps(asdict(mark)))
        if line:
            pipe.lpush(LOG, line)
            pipe.ltrim(LOG, 0, MOST_IN_REDIS - 1)
        pipe.execute()
    except (RedisError, OSError) as error:
        log.warning("a submission could not be written down in Redis: %s", error)
        return False
    return True


def _write_file(mark: Mark, line: str | None) -> bool:
    try:
        with _folder() as folder:
            held = _read_mark((folder / "mark.json").read_text() if (folder / "mark.json").exists() else None)
            if line:
                _append(folder / "log.jsonl", line)
            if held is None or held.installation != mark.installation or held.number < mark.number:
                _replace(folder / "mark.json", json.dumps(asdict(mark)))
    except OSError as error:
        log.warning("a submission could not be written down in DATA_DIR: %s", error)
        return False
    return True


def _append(path: Path, line: str) -> None:
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.rename(path.with_suffix(".older.jsonl"))
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")  # a line that a crash cut short does not take this one with it
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


@contextmanager
def _folder() -> Iterator[Path]:
    """Held by one process at a time: nobody lowers what another one wrote. OSError when somebody, frozen perhaps, does not let go."""
    folder = settings().data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        _lock(lock)
        yield folder


def _lock(file: IO[str]) -> None:
    ends = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.005)


def _in_redis() -> Mark | None:
    try:
        held = web_redis(settings().redis_url).get(KEY)
    except (RedisError, OSError):
        return None
    return _read_mark(held)


def _in_file() -> Mark | None:
    with suppress(OSError):
        return _read_mark((settings().data_dir / FOLDER / "mark.json").read_text())
    return None


def _read_mark(text: Any) -> Mark | None:
    with suppress(ValueError, TypeError, KeyError):
        told = json.loads(text)
        return Mark(str(told["installation"]), int(told["number"]))
    return None


def _known(installation: str) -> list[KnownSubmission]:
    """What this installation wrote down in either place, each submission once, the oldest first; without what was never sent.

    Another one, whose database is gone, may have written there before, and counted from 1 too.
    """
    lines: list[Any] = []
    for name in ("log.older.jsonl", "log.jsonl"):
        with suppress(OSError):
            lines += (settings().data_dir / FOLDER / name).read_text(encoding="utf-8").splitlines()
    with suppress(RedisError, OSError):
        lines += web_redis(settings().redis_url).lrange(LOG, 0, -1)
    found: dict[int, KnownSubmission] = {}
    unsent: set[int] = set()
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):  # a line that was cut short by a crash
            told = json.loads(line)
            if told["installation"] != installation:
                continue
            number = int(told["number"])
            if told.get("unsent"):
                unsent.add(number)
                continue
            found[number] = KnownSubmission(
                number, datetime.fromisoformat(told["at"]), int(told["campaign_id"]), str(told["campaign_name"]),
                int(told["ordinal"]), tuple(map(str, told["numbers"])),
            )  # fmt: skip
    return [found[number] for number in sorted(found.keys() - unsent)]
