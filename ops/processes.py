"""Finds and ends every process of one run, wherever it has moved to: all carry the run's mark in their environment.

Process groups and sessions would not do: RQ's work-horses leave their worker's group, and a runner that was killed
can no longer say what it had started.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MARK = "CALLBOARD_RUN"


def processes_of(run: str) -> set[int]:
    """The ids of all living processes that were started with CALLBOARD_RUN=`run`, this one left out."""
    mark = os.fsencode(f"{MARK}={run}")
    found = from_proc(mark) if sys.platform == "linux" else from_ps(mark)
    return found - {os.getpid()}


def from_proc(mark: bytes) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # Ended meanwhile, or somebody else's: neither is ours to end. A zombie's environment is empty.
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def from_ps(mark: bytes) -> set[int]:
    listing = subprocess.run(["ps", "-axEww", "-o", "pid=,command="], capture_output=True, check=False).stdout  # noqa: S607
    return {int(line.split(None, 1)[0]) for line in listing.splitlines() if b" " + mark + b" " in line + b" "}


def send(pids: Iterable[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def end_leftovers(run: str, patience: float = 3.0) -> int:
    """End what an earlier run left behind when it was killed; returns how many processes that were."""
    found = processes_of(run)
    send(found, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while processes_of(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill_all(run)
    return len(found)


def kill_all(run: str) -> None:
    """Kill until nothing is left: a process may have been forked while the list was read."""
    for _ in range(100):
        left = processes_of(run)
        if not left:
            return
        send(left, signal.SIGKILL)
        time.sleep(0.02)
