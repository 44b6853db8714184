"""The sandbox as tests use it: a real process on a port of its own, asked over HTTP."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

ROOT = Path(__file__).parents[1]
TOKEN = "sandbox-token"
AGENT = "b9c1f0de-0001-4a6e-8f10-000000000001"
Found = TypeVar("Found")


def wait_until(found: Callable[[], Found], seconds: float = 15) -> Found:
    """What `found` answers as soon as it is true; AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.01)
    return answer


class SandboxProcess:
    """`with SandboxProcess(tmp_path) as sandbox:` starts it; its file and its port stay the same over a restart."""

    def __init__(self, folder: Path, speed: float = 0, seed: int = 1, token: str = TOKEN, **settings: Any) -> None:
        self.folder = folder
        self.token = token
        self.port = 0
        self.session = requests.Session()
        self.session.trust_env = False
        self.process: subprocess.Popen[bytes] | None = None
        self._start("--speed", str(speed), "--seed", str(seed), "--token", token)
        if settings:
            self.post_admin("settings", settings)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _start(self, *options: str) -> None:
        log = self.folder / "sandbox.log"
        place = ["--port", str(self.port), "--database", str(self.folder / "sandbox.db")]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sandbox", *place, *options], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )
        listening = wait_until(lambda: self._listening(log))
        self.port = int(listening[1])

    def _listening(self, log: Path) -> re.Match[str] | None:
        assert self.process is not None
        text = log.read_text()
        assert self.process.poll() is None, text
        return re.search(r"listening on http://[\d.]+:(\d+)\n", text)

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        return self._end("terminate")

    def kill(self) -> int:
        return self._end("kill")

    def _end(self, how: str) -> int:
        if self.process is None:
            return 0
        getattr(self.process, how)()
        code = self.process.wait(timeout=10)
        self.process = None
        self.session.close()
        return code

    def restart(self) -> None:
        """Start it again, on its old port and file, after it was ended in whatever way (or end it kindly first)."""
        self.stop()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request with the token; `headers={}` sends none."""
        headers = options.pop("headers", {"Authorization": f"Bearer {self.token}"})
        options.setdefault("timeout", 15)
        return self.session.request(method, self.url + path, headers=headers, allow_redirects=False, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", path, json=body, **options)

    def create(self, *numbers: str, timeout: float = 15, **fields: Any) -> requests.Response:
        """`POST /campaigns` for these numbers."""
        return self.post("/campaigns", campaign_request(*numbers, **fields), timeout=timeout)

    def get_admin(self, path: str, **query: Any) -> Any:
        response = self.get(f"/admin/{path}", params=query)
        assert response.ok, response.text
        return response.json()

    def post_admin(self, path: str, body: dict[str, Any] | None = None) -> Any:
        response = self.post(f"/admin/{path}", body or {})
        assert response.ok, response.text
        return response.json()

    def misbehave(self, kind: str, **options: Any) -> Any:
        return self.post_admin("misbehave", {"kind": kind, **options})

    def truth(self, campaign: str = "") -> dict[str, Any]:
        """What it was asked and what it did."""
        answer: dict[str, Any] = self.get_admin("truth", campaign=campaign)
        return answer

    def outcomes(self, campaign: str = "") -> dict[str, str]:
        """The end of each contact by its number."""
        contacts = self.get_admin("truth/calls", campaign=campaign)["contacts"]
        return {contact["to_number"]: contact["outcome"] for contact in contacts}

    def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        """What it sent, oldest first."""
        answer: list[dict[str, Any]] = self.get_admin("deliveries", limit=10_000, **query)["deliveries"]
        return answer[::-1]

    def wait_for_end(self, campaign_id: str, seconds: float = 15) -> dict[str, Any]:
        """The campaign's truth once it is over."""

        def over() -> dict[str, Any] | None:
            campaign: dict[str, Any] = self.truth(campaign_id)["campaigns"][0]
            return campaign if campaign["finished_at"] else None

        return wait_until(over, seconds)


def campaign_request(*numbers: str, **fields: Any) -> dict[str, Any]:
    """A valid body of `POST /campaigns`; `fields` override or add."""
    targets = [{"to_number": number} for number in numbers or ("+14155550101",)]
    return {"agent_id": AGENT, "name": "spring", "targets": targets, **fields}
