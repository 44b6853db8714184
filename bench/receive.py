"""`make bench-receive`: how many deliveries a second are verified, stored and applied, beside a view that does nothing.

Both are served by gunicorn as in production, with the same number of workers, in the same run, by turns, and asked by the same
client in this process. The ratio of the two says little of the machine and much of us.
"""

import argparse
import hashlib
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.cast import EVENTS, Person, body_of, deliveries, launch_campaign, problems
from bench.fill import fill
from bench.load import Load, load, post
from bench.memory import idle_memory
from bench.servers import HOST, Served, environment_of, gunicorn, private_redis
from config import Settings
from core.database import open_engine
from core.models import Delivery
from ops.database import upgrade_database
from ops.postgresql import private_postgresql, short_folder
from ops.test_tools import find_postgresql
from provider.vault import SecretVault

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# On a real disk: /tmp may be memory, where a commit costs nothing.
ON_DISK = "/var/tmp"
EMPTY_TIMES = 2
STRANGERS, KILLED, KILLS, KILL_SECONDS = 3000, 6000, 2, 3.0


@dataclass
class Side:
    """All rounds of one of the two views, and the processor time that its workers used in them."""

    name: str
    server: Served
    rounds: list[Load] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def ask(self, requests: Sequence[bytes], connections: int) -> Load:
        before = self.server.cpu_seconds()
        one = load(self.server.address, requests, connections)
        self.rounds.append(one)
        self.cpu_seconds += self.server.cpu_seconds() - before
        return one

    def forget(self) -> None:
        self.rounds, self.cpu_seconds = [], 0.0

    @property
    def per_second(self) -> float:
        return median(one.per_second for one in self.rounds)

    def row(self, beside: "Side") -> str:
        speeds = [one.per_second for one in self.rounds]
        latencies = [1000 * latency for one in self.rounds for latency in one.latencies]
        percentiles = quantiles(latencies, n=100)
        client = sum(one.cpu_seconds for one in self.rounds) / sum(one.seconds for one in self.rounds)
        return (
            f"  {self.name:<9} {self.per_second:7,.0f} {min(speeds):8,.0f} {max(speeds):8,.0f}"
            f" {self.per_second / beside.per_second:6.2f} {1000 * self.cpu_seconds / len(latencies):7.2f}"
            f" {percentiles[49]:7.0f} {percentiles[94]:6.0f} {percentiles[98]:6.0f} {client:7.2f}"
        )


TITLES = "              per s   lowest  highest  ratio  cpu ms  p50 ms    p95    p99  client"


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    ratios, wrong = [], []
    for kind in options.databases:
        ratio, found = measure(kind, options)
        ratios.append(f"ratio {kind} {ratio:.2f}" if ratio else f"ratio {kind} not measured")
        wrong += found
        if ratio and options.filled:
            filled, found = measure(kind, options, options.filled)
            ratios.append(
                f"ratio {kind} {filled:.2f} with {options.filled:,} of each row, {filled / ratio:.2f} of that without"
            )
            wrong += found
    if options.memory:
        print_memory()
    for problem in wrong:
        print(f"WRONG: {problem}")
    print("\n".join(["", *ratios]))
    return 1 if wrong else 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.receive", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each view, by turns (default %(default)s)")
    parser.add_argument("--people", type=int, default=400, help="called in each round, 3 events each (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=100, help="people called before anything counts (%(default)s)")
    parser.add_argument("--connections", type=int, default=64, help="kept open, one request in each (%(default)s)")
    parser.add_argument("--workers", type=int, help="of gunicorn (default: as in production)")
    parser.add_argument("--databases", nargs="+", choices=(SQLITE, POSTGRESQL), default=[SQLITE, POSTGRESQL])
    parser.add_argument("--filled", type=int, default=0, help="also with so many contacts and deliveries there before")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="leave the idle processes out")
    return parser.parse_args(arguments)


def measure(kind: str, options: argparse.Namespace, filled: int = 0) -> tuple[float | None, list[str]]:
    """The ratio on one kind of database, and what was wrong with what was kept; `filled` rows are in each table before."""
    with ExitStack() as held:
        folder = held.enter_context(short_folder(ON_DISK))
        url = held.enter_context(database(kind, folder))
        if url is None:
            return None, [f"no {kind} server was found; `make test` installs one where it can"]
        settings, environment = prepare(url, held.enter_context(private_redis(folder / "redis")), folder, options)
        engine = open_engine(url)
        held.callback(engine.dispose)
        session = held.enter_context(Session(engine))
        if filled:
            fill(engine, filled)
        everybody = launch_campaign(
            session,
            options.warm_up + options.rounds * options.people,
            SecretVault(settings.secret_key),
            f"http://{HOST}",
        )
        session.rollback()
        empty = Side("empty", held.enter_context(gunicorn("bench.empty:app", environment)))
        real = Side("received", held.enter_context(gunicorn("wsgi:app", environment)))
        sent = run_rounds(everybody, empty, real, options)
        print_sides(kind, settings, options, (empty, real), len(sent), filled)
        wrong = problems(session, sent, len(everybody), filled)
        wrong += strangers(real, empty, options.connections)
        return real.per_second / empty.per_second, wrong + killed(session, everybody, real, options.connections)


def strangers(real: Side, empty: Side, connections: int) -> list[str]:
    """How many requests a second to addresses that nobody has are turned away."""
    unknown = [
        post(real.server.address, f"/webhooks/{secrets.token_urlsafe(32)}", {}, b"x" * 1024) for _ in range(STRANGERS)
    ]
    one = load(real.server.address, unknown, connections, endures=True)
    print(
        f"  {one.per_second:,.0f} a second to unknown addresses, {one.per_second / empty.per_second:.2f} of the empty view"
    )
    return [
        f"{count} unknown addresses were not answered 404" for count in [sum(s != 404 for s in one.statuses)] if count
    ]


def killed(session: Session, everybody: list[Person], real: Side, connections: int) -> list[str]:
    """Kill every worker in the middle of some thousand deliveries: whatever was answered 204 has to be there."""
    requests = list(deliveries(everybody[: KILLED // len(EVENTS)], real.server.address))
    stopped = threading.Event()

    def kill() -> None:
        for _ in range(KILLS):
            if not stopped.wait(KILL_SECONDS):
                real.server.kill_workers()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        one = load(real.server.address, requests, connections, endures=True)
    finally:
        stopped.set()
        killer.join()
    answered = {
        f"sha256:{hashlib.sha256(body_of(request)).hexdigest()}"
        for request, status in zip(requests, one.statuses, strict=True)
        if status == 204
    }
    session.rollback()
    lost = answered - set(session.scalars(select(Delivery.key)))
    cut_off = sum(not status for status in one.statuses)
    print(
        f"  workers killed -9 again and again: {len(answered):,} answered, {cut_off:,} cut off, {len(lost)} lost",
        flush=True,
    )
    return [f"{len(lost)} answered 204 and lost when workers were killed"] if lost else []


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str | None]:
    """The address of an empty database with its default durability; None where there is no server for it."""
    programs = find_postgresql()
    if kind == SQLITE:
        yield f"sqlite:///{folder / 'callboard.db'}"
    elif programs is None:
        yield None
    else:
        with private_postgresql(programs, place=ON_DISK) as url:
            yield url


def prepare(url: str, redis_url: str, folder: Path, options: argparse.Namespace) -> tuple[Settings, dict[str, str]]:
    """The settings that all processes of a measurement share, on a database with its tables."""
    given = {"DATABASE_URL": url, "REDIS_URL": redis_url, "DATA_DIR": folder, "LOG_LEVEL": "WARNING"}
    if options.workers:
        given["WEB_CONCURRENCY"] = options.workers
    environment = environment_of({**given, "SECRET_KEY": secrets.token_hex(32)})
    settings = Settings.from_environment(environment)
    upgrade_database(settings)
    return settings, environment


def run_rounds(everybody: list[Person], empty: Side, real: Side, options: argparse.Namespace) -> dict[str, int]:
    """Ask both sides by turns, after a warm-up of each; returns the status of each delivery by its body's hash."""
    sent: dict[str, int] = {}
    for number in range(options.rounds + 1):
        start = options.warm_up + (number - 1) * options.people if number else 0
        people = everybody[start : start + (options.people if number else options.warm_up)]
        requests = list(deliveries(people, real.server.address))
        empty.ask(requests * EMPTY_TIMES, options.connections)
        answered = real.ask(requests, options.connections)
        for request, status in zip(requests, answered.statuses, strict=True):
            sent[hashlib.sha256(body_of(request)).hexdigest()] = status
        if not number:
            empty.forget()
            real.forget()
    return sent


def print_sides(
    kind: str, settings: Settings, options: argparse.Namespace, sides: tuple[Side, Side], sent: int, filled: int
) -> None:
    there = f" with {filled:,} of each row there before" if filled else ""
    print(
        f"\n{kind}{there}: {settings.web_concurrency} gunicorn workers, {options.connections} connections, "
        f"{options.rounds} rounds of {options.people * len(EVENTS):,} deliveries"
    )
    print(TITLES)
    for side in sides:
        print(side.row(sides[0]))
    print(f"  {sent:,} deliveries sent, and each compared with its row and its contact", flush=True)


def print_memory() -> None:
    print("\nidle memory of `make run`, MB: resident (of that, its own)")
    found = idle_memory()
    for name, resident, own in found:
        print(f"  {name:<24} {resident:6.0f} ({own:.0f})")
    print(f"  {'all, shared parts once':<24} {sum(own for _, _, own in found):6.0f}", flush=True)


if __name__ == "__main__":
    # As after Ctrl-C, what was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
