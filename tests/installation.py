"""A whole Callboard in real processes, which a test kills, freezes and starts again, beside the sandbox as its provider."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil
import requests
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Settings, private_redis_socket
from core.database import Base, open_engine, writing
from core.models import Attempt, Campaign, Contact, Endpoint, Lease, Message, ProviderState, Wave
from core.progress import progress
from core.states import CampaignState
from core.tokens import ensure_first_token
from jobs.queue import worker_redis
from ops.processes import MARK, kill_all
from ops.redis import find_server, socket_url, wait_until_up, write_configuration
from provider.vault import SecretVault
from sandbox.signing import FORMS
from tests.faults.checks import check
from tests.sandbox_process import AGENT, ROOT, SandboxProcess

API_TOKEN = "token-of-the-fault-tests"
SECRET_KEY = "a key for tests that is long enough to be one"
COMMANDS = {
    "web": ("gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"),
    "tick": ("jobs.worker", "tick"),
    "submit": ("jobs.worker", "submit"),
    "ask": ("jobs.worker", "ask"),
    "scheduler": ("jobs.scheduler",),
}
PAUSE_SECONDS = 0.1
Found = TypeVar("Found")
# Everything that time limits are measured from.
MOMENTS: dict[type[Base], tuple[str, ...]] = {
    Wave: ("cut_at", "claimed_at", "accepted_at", "state_since", "rung_at", "not_before", "next_poll_at", "last_event_at",
           "provider_over_at", "polled_at", "differs_since", "starts_at"),
    Contact: ("due_at", "settled_at"), Attempt: ("first_seen_at",), ProviderState: ("usable_from",), Lease: ("until",),
    Campaign: ("start_at", "latest_start_at", "breaker_from"),
    Endpoint: ("next_at", "progress_at"), Message: ("next_at", "give_up_at"),
}  # fmt: skip


class Installation:
    """`with Installation(folder, database_url, sandbox) as it:` has a Redis of its own; `it.start("web")` and so on add to it.

    `environment` is what its processes see; more settings go in as keywords (`web_concurrency=3`).
    """

    def __init__(self, folder: Path, database_url: str, sandbox: SandboxProcess, **settings: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.redis_folder = folder / "redis"
        self.redis_socket = private_redis_socket(folder)
        self.engine = open_engine(database_url)
        self.vault = SecretVault(SECRET_KEY)
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self.http = requests.Session()
        self.http.trust_env = False
        self.sandbox = sandbox
        chosen = {name.upper(): str(value) for name, value in settings.items()}
        self.environment = {
            "DATA_DIR": str(folder), "DATABASE_URL": database_url, "REDIS_URL": socket_url(self.redis_socket),
            "SECRET_KEY": SECRET_KEY, "PORT": str(self.port), "SANDBOX": "1", "PROVIDER_URL": self.sandbox.url,
            "PROVIDER_TOKEN": self.sandbox.token, "LOG_LEVEL": "WARNING",
            "API_REQUESTS_PER_MINUTE": "1000000", MARK: str(folder),
        } | chosen  # fmt: skip
        with self.session() as session, writing(session):
            ensure_first_token(session, API_TOKEN, datetime.now(UTC))

    def __enter__(self) -> Self:
        self.start_redis()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_all(str(self.folder))
        for process in (one for started in self.processes.values() for one in started):
            process.wait()
        self.http.close()
        self.engine.dispose()

    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    def session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)

    # Processes

    def start(self, name: str, count: int = 1) -> None:
        """Start so many processes of this kind; the web is up when this returns."""
        for _ in range(count):
            self._spawn(name, [sys.executable, "-m", *COMMANDS[name]])
        if name == "web":
            self.wait_until(self._web_is_up)

    def start_redis(self) -> None:
        configuration = write_configuration(self.redis_folder, self.redis_socket)
        self._spawn("redis", [str(find_server()), str(configuration)])
        wait_until_up(self.environment["REDIS_URL"])

    def wipe_redis(self) -> None:
        """Redis dies with all that it knew, and comes back empty."""
        self.kill("redis")
        shutil.rmtree(self.redis_folder)
        self.start_redis()

    def _spawn(self, name: str, command: list[str]) -> None:
        environment = {**os.environ, **self.environment}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.processes.setdefault(name, []).append(process)

    def _web_is_up(self) -> bool:
        assert self.processes["web"][-1].poll() is None, self.log("web")
        with suppress(requests.RequestException):
            return self.http.get(f"{self.url}/livez", timeout=2).ok
        return False

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str, place: int = 0, children_too: bool = True) -> None:
        """kill -9; without its children, those (work-horses) go on."""
        process = self.processes[name].pop(place)
        children = psutil.Process(process.pid).children(recursive=True) if children_too else []
        for pid in (process.pid, *(child.pid for child in children)):
            send(pid, signal.SIGKILL)
        process.wait()

    def signal(self, name: str, what: signal.Signals) -> None:
        """SIGSTOP freezes all processes of this kind, SIGCONT wakes them."""
        for process in self.processes[name]:
            send(process.pid, what)

    def children(self, name: str) -> list[psutil.Process]:
        """Work-horses of workers, or the processes that answer requests."""
        return [child for process in self.processes[name] for child in psutil.Process(process.pid).children()]

    def queued(self, name: str) -> int:
        """How many jobs wait in a queue."""
        with worker_redis(self.environment["REDIS_URL"]) as connection:
            return Queue(name, connection=connection, serializer=JSONSerializer).count

    def has_worker(self, name: str) -> bool:
        """Does a worker of this queue listen already?"""
        with worker_redis(self.environment["REDIS_URL"]) as connection:
            return bool(Worker.count(queue=Queue(name, connection=connection, serializer=JSONSerializer)))

    # What people, programs and the provider do

    def create(self, numbers: Iterable[str], name: str = "Spring", **fields: Any) -> int:
        """A campaign through the real API; its id."""
        targets = [{"to_number": number} for number in numbers]
        answer = self.api("POST", "/campaigns", json={"agent_id": AGENT, "name": name, "targets": targets} | fields)
        return int(answer["campaign_id"])

    def show(self, campaign_id: int) -> dict[str, Any]:
        return self.api("GET", f"/campaigns/{campaign_id}")

    def api(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        response = self.http.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=20, **options)
        assert response.ok, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def address(self, wave: Wave) -> str:
        return f"{self.url}/webhooks/{self.vault.open(wave.token)}"

    def sign(self, wave: Wave, body: bytes) -> dict[str, str]:
        """The headers of a genuine delivery of now."""
        now = datetime.now(UTC).timestamp()
        return FORMS["timestamp_body_sha256"](self.vault.open(wave.secret), body, now, "")

    def deliver(self, wave: Wave, body: bytes, timeout: float = 20) -> requests.Response:
        return requests.post(self.address(wave), data=body, headers=self.sign(wave, body), timeout=timeout)

    def deliver_at_once(self, wave: Wave, bodies: list[bytes], at_once: int = 100) -> list[int]:
        """The status codes of deliveries sent all together."""
        with ThreadPoolExecutor(at_once) as senders:
            return list(senders.map(lambda body: self.deliver(wave, body).status_code, bodies))

    # Time and its end

    def pass_time(self, **spans: float) -> None:
        """Set every moment in the database back, as if so much time had gone by for all processes."""
        span = timedelta(**spans)
        with self.session() as session, writing(session):
            for table, names in MOMENTS.items():
                for row in session.scalars(select(table)):
                    for name in names:
                        if (at := getattr(row, name)) is not None:
                            setattr(row, name, at - span)

    def wait_until(self, found: Callable[[], Found], seconds: float = 30) -> Found:
        """What `found` answers as soon as it is true; asked gently, for the processes need the machine themselves."""
        deadline = time.monotonic() + seconds
        while not (answer := found()):
            assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
            time.sleep(PAUSE_SECONDS)
        return answer

    def check(self, over: bool = True) -> None:
        """The three checks, and that programs are told the same numbers where the web runs."""
        with self.session() as session:
            check(session, self.sandbox, datetime.now(UTC), over)
            if self.processes.get("web"):
                for campaign in session.scalars(select(Campaign).where(Campaign.state != CampaignState.DRAFT)):
                    assert self.show(campaign.id)["contacts"] == progress(session, campaign).counts


def send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
