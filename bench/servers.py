"""What a measurement starts: Redis, gunicorn with our own configuration, and everything that `make run` starts."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from ops.postgresql import server
from ops.redis import find_server, socket_url, wait_until_up, write_configuration

ROOT = Path(__file__).parent.parent
HOST = "127.0.0.1"
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment_of(settings: Mapping[str, object]) -> dict[str, str]:
    """Only these settings, whatever the caller's own environment holds."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "HOST": HOST, **{name: str(value) for name, value in settings.items()}}


@contextmanager
def private_redis(folder: Path) -> Iterator[str]:
    """The address of a Redis configured as `make run` does."""
    redis_socket = folder / "redis.sock"
    configuration = write_configuration(folder, redis_socket)
    with server([str(find_server()), str(configuration)]):
        wait_until_up(socket_url(redis_socket))
        yield socket_url(redis_socket)


@dataclass(frozen=True, slots=True)
class Served:
    """An application that gunicorn serves at an address."""

    address: tuple[str, int]
    master: int

    def cpu_seconds(self) -> float:
        """What its workers have used until now, in user and system mode."""
        used = [worker.cpu_times() for worker in psutil.Process(self.master).children()]
        return float(sum(one.user + one.system for one in used))

    def kill_workers(self) -> None:
        """As the kernel does when memory ends; the master starts others."""
        for worker in psutil.Process(self.master).children():
            worker.kill()


@contextmanager
def gunicorn(application: str, environment: dict[str, str]) -> Iterator[Served]:
    """`application` as gunicorn.conf.py serves it, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", application]
    with process(command, environment | {"PORT": str(port)}) as server_process:
        wait_until(lambda: status(port, "/livez") is not None, server_process)
        yield Served((HOST, port), server_process.pid)


@contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """What it says on standard error is shown; Ctrl-C does not reach it, the end of the block does."""
    started = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_until(is_ready: Callable[[], bool], watched: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if watched.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it did not start: {' '.join(map(str, watched.args))}")  # type: ignore[arg-type]
        time.sleep(0.05)


def status(port: int, path: str) -> int | None:
    """How the server answers a GET, None while it does not."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
