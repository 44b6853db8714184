"""A private PostgreSQL server for tests and benchmarks: made in a temporary folder, reached by its socket, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

UNPRIVILEGED = ("postgres", "nobody")
NAME = "callboard"
# A socket's address is short, and so must be its folder's.
TEMPORARY = "/tmp"  # noqa: S108


@contextmanager
def private_postgresql(programs: Path, options: Sequence[str] = (), place: str = TEMPORARY) -> Iterator[str]:
    """SQLAlchemy's address of an empty database on a new server of `programs`; `options` are settings such as "fsync=off"."""
    with short_folder(place) as folder:
        user = unprivileged_user()
        if user:
            shutil.chown(folder, user)
        programs = reachable(programs, folder, user)
        data = initialised_data(programs, folder, user)
        settings = [word for option in ("listen_addresses=", *options) for word in ("-c", option)]
        with server([str(programs / "postgres"), "-D", str(data), "-k", str(folder), *settings], user=user):
            create_database(f"host={folder} user={NAME} dbname=postgres", NAME)
            yield f"postgresql+psycopg://{NAME}@/{NAME}?host={folder}"


@contextmanager
def short_folder(place: str = TEMPORARY) -> Iterator[Path]:
    """A temporary folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="callboard-", dir=place, ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def server(command: list[str], user: str | None = None) -> Iterator[None]:
    """A running server; in a session of its own, so that Ctrl-C leaves its end to us."""
    process = subprocess.Popen(  # noqa: S603
        command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for open connections.
        process.send_signal(2)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    users = Path("/etc/passwd").read_text(encoding="utf-8")
    return next(name for name in UNPRIVILEGED if f"\n{name}:" in users)


def reachable(programs: Path, folder: Path, user: str | None) -> Path:
    """The programs where `user` may run them: a wheel inside root's own folders is copied."""
    if user is None or "site-packages" not in programs.parts:
        return programs
    package, installed = programs.parents[1], programs.parents[2]
    for part in installed.glob(f"{package.name}*"):
        # The programs find their libraries beside the package.
        shutil.copytree(part, folder / "wheel" / part.name, symlinks=True)
    return folder / "wheel" / programs.relative_to(installed)


def initialised_data(programs: Path, folder: Path, user: str | None) -> Path:
    data = folder / "data"
    command = [str(programs / "initdb"), "-D", str(data), "-U", NAME, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*command, "--locale=C"], user=user, cwd=folder, check=True, capture_output=True)  # noqa: S603
    return data


def create_database(server_address: str, name: str) -> None:
    connect = waiting(lambda: psycopg.connect(server_address, autocommit=True))
    with connect as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())


def waiting(connect: Callable[[], psycopg.Connection[Any]], patience: float = 20.0) -> psycopg.Connection[Any]:
    deadline = time.monotonic() + patience
    while True:
        try:
            return connect()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
