"""The memory of each process of `make run` when nobody uses it."""

import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from bench.servers import environment_of, free_port, process, status, wait_until
from ops.postgresql import short_folder
from ops.processes import processes_of

SETTLING_SECONDS = 3.0
# Part of a command line, and what that process is called here; the first that fits counts.
KINDS = (
    ("sandbox --host", "sandbox"), ("jobs.worker tick", "worker: tick"), ("jobs.worker submit", "worker: submit"),
    ("jobs.worker ask", "worker: ask"), ("jobs.worker lists", "worker: lists"), ("jobs.scheduler", "scheduler"),
    ("valkey", "redis"), ("redis", "redis"),
)  # fmt: skip


def idle_memory() -> list[tuple[str, float, float]]:
    """Name, resident and unshared megabytes of each process of a fresh installation on SQLite."""
    with short_folder() as folder:
        port = free_port()
        settings = {
            "DATA_DIR": folder,
            "PORT": port,
            "ADMIN_EMAIL": "a@example.com",
            "ADMIN_PASSWORD": secrets.token_hex(8),
        }
        with process([sys.executable, "-m", "ops.run"], environment_of(settings)) as runner:
            wait_until(lambda: status(port, "/healthz") == 200, runner)
            time.sleep(SETTLING_SECONDS)
            return sorted(_measured(folder, runner.pid))


def _measured(folder: Path, runner: int) -> Iterator[tuple[str, float, float]]:
    for pid in (runner, *processes_of(str(folder))):
        try:
            found = psutil.Process(pid)
            used = found.memory_full_info()
            yield _name(found, runner), used.rss / 1e6, used.uss / 1e6
        except psutil.NoSuchProcess:  # the short-lived child of a worker
            continue


def _name(found: psutil.Process, runner: int) -> str:
    if found.pid == runner:
        return "make run"
    command = " ".join(found.cmdline())
    if "gunicorn" in command:
        return "web: gunicorn's master" if found.ppid() == runner else "web: worker"
    return next((name for part, name in KINDS if part in command), command[:40])
