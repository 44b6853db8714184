"""`make run`: everything Callboard needs on one machine, from one Procfile, until Ctrl-C."""

import errno
import fcntl
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import requests
from honcho.environ import parse_procfile

from config import Settings, load_or_exit, private_redis_socket, web_address
from ops.errors import CannotStart
from ops.prepare import prepare
from ops.processes import end_leftovers
from ops.redis import find_server, wait_until_up, write_configuration
from ops.supervisor import Supervisor

ROOT = Path(__file__).parent.parent
START_PATIENCE = 60.0
SANDBOX_PORTS = 100
# How many of each process run; what is not named here runs once.
COUNTED = ("submit", "outgoing")


def main() -> int:
    # Numbers, lists and keys lie in DATA_DIR: what we and our processes write there is for nobody else to read.
    os.umask(0o077)
    settings = load_or_exit()
    try:
        run(settings, ROOT / "Procfile", prepare)
    except CannotStart as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        # Ctrl-C before the first process was started: there is nothing to end.
        return 0
    return 0


def run(settings: Settings, procfile: Path, prepare: Callable[[Settings], str]) -> None:
    """Start the processes of `procfile`, say where Callboard is, and return after Ctrl-C with none of them left."""
    with only_run(settings.data_dir):
        run_name = str(settings.data_dir)
        leftovers = end_leftovers(run_name)
        check_port(settings)
        settings, commands, environment = plan(settings, procfile)
        supervisor = Supervisor(run_name, procfile.parent, environment)
        if leftovers:
            supervisor.say(f"ended {leftovers} processes of an earlier run that was killed")
        with supervisor.signals():
            if "redis" in commands:
                supervisor.start("redis", commands.pop("redis"))
            sign_in = prepare(settings)
            if "redis" in supervisor.processes:
                wait_until_up(settings.redis_url)
            for name, command in commands.items():
                supervisor.start(name, command)
            health = Health(f"{settings.local_url}/healthz")
            supervisor.wait_until(health.is_good, START_PATIENCE, health.missing)
            if not supervisor.stopping:
                print(ready_block(settings, sign_in), flush=True)  # noqa: T201
            supervisor.watch()


def plan(settings: Settings, procfile: Path) -> tuple[Settings, dict[str, str], dict[str, str]]:
    """The settings with the sandbox's real port, the commands by process name, and the environment they share."""
    commands = parse_procfile(procfile.read_text(encoding="utf-8")).processes
    environment = {
        **os.environ,
        "DATA_DIR": str(settings.data_dir),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    if os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE"):
        commands.pop("redis", None)
    elif "redis" in commands:
        server = find_server()
        configuration = write_configuration(settings.data_dir / "redis", private_redis_socket(settings.data_dir))
        environment |= {"REDIS_SERVER": str(server), "REDIS_CONFIGURATION": str(configuration)}
    if os.environ.get("PROVIDER_URL"):
        commands.pop("sandbox", None)
    elif "sandbox" in commands:
        settings = replace(settings, provider_url=web_address("127.0.0.1", sandbox_port(settings)))
        port = str(urlsplit(settings.provider_url).port)
        environment |= {"SANDBOX": "1", "PROVIDER_URL": settings.provider_url, "SANDBOX_PORT": port}
        environment["SANDBOX_SPEED"] = f"{settings.sandbox_speed:g}"
    return settings, numbered(commands, settings.workers), environment


def numbered(commands: dict[str, str], workers: int) -> dict[str, str]:
    """As many of the workers that wait for others as the settings ask for, numbered where there are several."""
    result = {}
    for name, command in commands.items():
        count = workers if name in COUNTED else 1
        for number in range(1, count + 1):
            result[name if count == 1 else f"{name}.{number}"] = command
    return result


@contextmanager
def only_run(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this run; the lock goes with the process, however it ends."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / "run.lock").open("a+", encoding="utf-8")
    except OSError as problem:
        raise CannotStart(f"DATA_DIR {data_dir} cannot be written: {problem.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Callboard is already running on {data_dir}: stop it first, or set DATA_DIR.") from None
        yield


def check_port(settings: Settings) -> None:
    problem = port_problem(settings.host, settings.port)
    if problem == errno.EADDRINUSE:
        raise CannotStart(
            f"Port {settings.port} is taken: stop what uses it, or choose another with PORT=8080 make run."
        )
    if problem:
        raise CannotStart(f"Callboard cannot listen on {settings.host} port {settings.port}: {os.strerror(problem)}.")


def sandbox_port(settings: Settings) -> int:
    """The sandbox's usual port, or the next free one."""
    usual = urlsplit(settings.provider_url).port or 0
    for port in range(usual, min(usual + SANDBOX_PORTS, 65536)):
        if port != settings.port and not port_problem("127.0.0.1", port):
            return port
    raise CannotStart(f"No port is free for the sandbox from {usual} on: set PORT to another number.")


def port_problem(host: str, port: int) -> int:
    """The error number of listening there, 0 when the port is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the web server does: connections that are just closing do not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as problem:
        return problem.errno or errno.EADDRNOTAVAIL
    return 0


class Health:
    """Asks /healthz whether everything is there, and keeps its last words."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.words = "the web does not answer."

    def is_good(self) -> bool:
        try:
            answer = self.session.get(self.url, timeout=2)
        except requests.RequestException:
            return False
        self.words = " ".join(answer.text.split())[:500]
        return answer.status_code == 200

    def missing(self) -> str:
        return self.words


def ready_block(settings: Settings, sign_in: str) -> str:
    """What the person who started Callboard needs to know, and nothing else."""
    provider = "Sandbox: no real calls are placed" if settings.is_sandbox else f"Provider: {settings.provider_url}"
    lines = [f"Callboard is ready: {settings.local_url}", sign_in, provider, "Stop with Ctrl-C"]
    rule = "-" * max(map(len, lines))
    return "\n".join(["", rule, *lines, rule])


if __name__ == "__main__":
    sys.exit(main())
