"""`make bench-receive`: how many deliveries a second are verified, stored and applied, beside a view that does nothing.

Both are served by gunicorn as in production, with the same number of workers, in the same run, by turns, and asked by the same
client in this process. The ratio of the two says little of the machine and much of us.
"""

import argparse
import hashlib
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy.orm import Session

from bench.cast import EVENTS, Person, body_of, deliveries, launch_campaign, problems
from bench.load import Load, load
from bench.memory import idle_memory
from bench.servers import HOST, environment_of, gunicorn, private_redis
from config import Settings
from core.database import open_engine
from ops.database import upgrade_database
from ops.postgresql import private_postgresql, short_folder
from ops.test_tools import find_postgresql
from provider.vault import SecretVault

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# On a real disk: /tmp may be memory, where a commit costs nothing.
ON_DISK = "/var/tmp"
WARM_UP_PEOPLE = 100
EMPTY_TIMES = 2


@dataclass
class Side:
    """All rounds of one of the two views."""

    name: str
    rounds: list[Load] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return median(one.per_second for one in self.rounds)

    def row(self, beside: "Side") -> str:
        speeds = [one.per_second for one in self.rounds]
        latencies = quantiles([1000 * latency for one in self.rounds for latency in one.latencies], n=100)
        client = sum(one.cpu_seconds for one in self.rounds) / sum(one.seconds for one in self.rounds)
        return (
            f"  {self.name:<10} {self.per_second:8,.0f} {min(speeds):8,.0f} {max(speeds):8,.0f}"
            f" {self.per_second / beside.per_second:6.2f} {latencies[49]:8.0f} {latencies[94]:6.0f} {latencies[98]:6.0f}"
            f" {client:8.2f}"
        )


TITLES = "             per s   lowest  highest  ratio   p50 ms    p95    p99   client"


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    ratios, wrong = [], []
    for kind in options.databases:
        ratio, found = measure(kind, options)
        ratios.append(f"ratio {kind} {ratio:.2f}" if ratio else f"ratio {kind} not measured")
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
    parser.add_argument("--people", type=int, default=1000, help="called in each round, 3 events each (%(default)s)")
    parser.add_argument("--connections", type=int, default=64, help="kept open, one request in each (%(default)s)")
    parser.add_argument("--workers", type=int, help="of gunicorn (default: as in production)")
    parser.add_argument("--databases", nargs="+", choices=(SQLITE, POSTGRESQL), default=[SQLITE, POSTGRESQL])
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="leave the idle processes out")
    return parser.parse_args(arguments)


def measure(kind: str, options: argparse.Namespace) -> tuple[float | None, list[str]]:
    """The ratio on one kind of database, and what was wrong with what was kept."""
    with ExitStack() as held:
        folder = held.enter_context(short_folder(ON_DISK))
        url = held.enter_context(database(kind, folder))
        if url is None:
            return None, [f"no {kind} server was found; `make test` installs one where it can"]
        settings, environment = prepare(url, held.enter_context(private_redis(folder / "redis")), folder, options)
        engine = open_engine(url)
        held.callback(engine.dispose)
        session = held.enter_context(Session(engine))
        everybody = launch_campaign(
            session,
            WARM_UP_PEOPLE + options.rounds * options.people,
            SecretVault(settings.secret_key),
            f"http://{HOST}",
        )
        session.rollback()
        empty = held.enter_context(gunicorn("bench.empty:app", environment))
        real = held.enter_context(gunicorn("wsgi:app", environment))
        sides, sent = run_rounds(everybody, empty, real, options)
        print_sides(kind, settings, options, sides, len(sent))
        return sides[1].per_second / sides[0].per_second, problems(session, sent, len(everybody))


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


def run_rounds(
    everybody: list[Person], empty: tuple[str, int], real: tuple[str, int], options: argparse.Namespace
) -> tuple[tuple[Side, Side], dict[str, int]]:
    """Both sides' rounds, by turns, after a warm-up of each; and the status of each delivery by its body's hash."""
    sides = Side("empty"), Side("received")
    sent: dict[str, int] = {}
    for number in range(options.rounds + 1):
        start = WARM_UP_PEOPLE + (number - 1) * options.people if number else 0
        people = everybody[start : start + (options.people if number else WARM_UP_PEOPLE)]
        requests = list(deliveries(people, real))
        loads = load(empty, requests * EMPTY_TIMES, options.connections), load(real, requests, options.connections)
        for request, status in zip(requests, loads[1].statuses, strict=True):
            sent[hashlib.sha256(body_of(request)).hexdigest()] = status
        if number:
            for side, one in zip(sides, loads, strict=True):
                side.rounds.append(one)
    return sides, sent


def print_sides(
    kind: str, settings: Settings, options: argparse.Namespace, sides: tuple[Side, Side], sent: int
) -> None:
    print(
        f"\n{kind}: {settings.web_concurrency} gunicorn workers, {options.connections} connections, "
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
    sys.exit(main())
