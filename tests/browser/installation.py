"""A whole Callboard as `make run` starts it, in a folder and on ports of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests

ROOT = Path(__file__).parents[2]
EMAIL = "ada@example.com"
PASSWORD = "correct-horse-battery"
API_TOKEN = "token-of-the-browser-tests-0123456789abcdef"
AGENT = "b9c1f0de-0001-4a6e-8f10-000000000001"
Found = TypeVar("Found")


def wait_until(found: Callable[[], Found], seconds: float = 30) -> Found:
    """What `found` answers as soon as it is true; AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.05)
    return answer


class Installation:
    """`with Installation(folder) as callboard:`; the sandbox plays `speed` times faster than real time."""

    def __init__(self, folder: Path, speed: str = "20") -> None:
        self.folder = folder
        self.port = two_free_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.port + 1}"
        self.http = requests.Session()
        self.http.trust_env = False
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = inherited | {
            "DATA_DIR": str(folder / "var"), "PORT": str(self.port), "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD,
            "API_TOKEN": API_TOKEN, "SANDBOX_SPEED": speed, "LOG_LEVEL": "DEBUG",
        }  # fmt: skip
        self.log = (folder / "run.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ops.run"], cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> "Installation":
        try:
            wait_until(self._is_up, seconds=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=15)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()
            self.http.close()

    def _is_up(self) -> bool:
        assert self.process.poll() is None, (self.folder / "run.log").read_text(errors="replace")
        try:
            return self.http.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def create_campaign(self, title: str, numbers: list[str], lines: int = 10, **context: str) -> int:
        """Launch a campaign as a program does; its id."""
        body = {
            "agent_id": AGENT, "name": title, "concurrent_calls": lines,
            "targets": [{"to_number": number, "context": context} for number in numbers],
        }  # fmt: skip
        key = {"Authorization": f"Bearer {API_TOKEN}"}
        answer = self.http.post(f"{self.url}/api/v1/campaigns", json=body, headers=key, timeout=20)
        answer.raise_for_status()
        return int(answer.json()["campaign_id"])

    def ask_sandbox(self, path: str, **query: Any) -> Any:
        answer = self.http.get(f"{self.sandbox_url}/admin/{path}", params=query, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def set_sandbox(self, **settings: Any) -> None:
        self.http.post(f"{self.sandbox_url}/admin/settings", json=settings, timeout=20).raise_for_status()

    def misbehave(self, kind: str, **options: Any) -> None:
        body = {"kind": kind} | options
        self.http.post(f"{self.sandbox_url}/admin/misbehave", json=body, timeout=20).raise_for_status()

    def kill_web(self) -> None:
        """Kill the web server with its workers, as a crash does; the runner starts it again."""
        web = [
            p for p in psutil.Process(self.process.pid).children(recursive=True) if "gunicorn" in " ".join(p.cmdline())
        ]
        assert web
        for process in web:
            process.kill()


def two_free_ports() -> int:
    """A port that is free, and the one after it, which the sandbox takes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
