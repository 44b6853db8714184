"""`make bench-live`: how soon an event is on every open screen, and what the screens cost the receiving.

One web process serves the page's streams to many viewers while deliveries come in at a steady rate. Then as many deliveries as it
takes are sent, with the viewers there; the same was done before they came. The ratio of the two says what they cost.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median, quantiles

from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.cast import Person as Called
from bench.cast import deliveries, launch_campaign
from bench.load import load
from bench.pages import measure_pages
from bench.receive import ON_DISK, POSTGRESQL, SQLITE, database, prepare
from bench.servers import HOST, ROOT, Served, environment_of, gunicorn, private_redis
from blueprints.live_hub import MOST_OF_ONE_BROWSER, MOST_OF_ONE_OWNER
from core.database import open_engine, writing
from core.models import Campaign, Person
from core.sign_ins import Try, sign_in
from ops.postgresql import short_folder
from provider.vault import SecretVault

CONNECTIONS = 64
# Deliveries are sent in handfuls, so many a second.
HANDFULS = 20
SETTLE_SECONDS = 3.0


@dataclass
class Seen:
    """What the viewers of one run saw: for each event the time until each of them showed it, in seconds."""

    delays: list[float]
    have_last: int
    frames: float
    size: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument(
        "--viewers", type=int, nargs="+", default=[1000, 3000], help="of one campaign's page (%(default)s)"
    )
    parser.add_argument("--events", type=int, default=200, help="deliveries a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="for so long (%(default)s)")
    parser.add_argument("--burst", type=int, default=1500, help="deliveries of each measured burst (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of all of it (%(default)s)")
    parser.add_argument("--databases", nargs="+", choices=(SQLITE, POSTGRESQL), default=[SQLITE, POSTGRESQL])
    parser.add_argument(
        "--no-pages", dest="pages", action="store_false", help="leave the first pages of a full house out"
    )
    parser.set_defaults(workers=1)
    options = parser.parse_args(arguments)
    wrong = [
        problem
        for kind in options.databases
        for viewers in options.viewers
        for problem in measure(kind, viewers, options)
    ]
    if options.pages:
        for kind in options.databases:
            measure_pages(kind, options)
    print("\n".join(f"WRONG: {problem}" for problem in wrong))
    return 1 if wrong else 0


def measure(kind: str, viewers: int, options: argparse.Namespace) -> list[str]:
    """One line of figures for so many viewers; what is wrong with what they saw."""
    rounds: list[tuple[float, float, Seen, float]] = []
    for _ in range(options.rounds):
        with ExitStack() as held:
            folder = held.enter_context(short_folder(ON_DISK))
            url = held.enter_context(database(kind, folder))
            if url is None:
                return [f"no {kind} server was found; `make test` installs one where it can"]
            settings, environment = prepare(url, held.enter_context(private_redis(folder / "redis")), folder, options)
            engine = open_engine(url)
            held.callback(engine.dispose)
            session = held.enter_context(Session(engine))
            steady = options.events * options.seconds
            people = launch_campaign(
                session, steady + 2 * options.burst + 200, SecretVault(settings.secret_key), f"http://{HOST}"
            )
            campaign_id = session.scalar(select(Campaign.id))
            cookies = sign_ins(session, viewers)
            session.rollback()
            server = held.enter_context(gunicorn("wsgi:app", environment_of(environment | {"WEB_CONCURRENCY": "1"})))
            rounds.append(
                one_round(server, people, [f"{cookie} /campaigns/{campaign_id}/live" for cookie in cookies], options)
            )
    alone = median(one[0] for one in rounds)
    watched = median(one[1] for one in rounds)
    seen = [one[2] for one in rounds]
    p50, p99 = (median(quantiles(one.delays, n=100)[place] for one in seen) for place in (49, 98))
    missing = viewers * len(rounds) - sum(one.have_last for one in seen)
    print(
        f"{kind}, {viewers:,} viewers of one page on one process, {options.events} events a second for {options.seconds} s, "
        f"{options.rounds} rounds: event to viewer p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms; "
        f"{median(one.frames for one in seen):.1f} frames a second and viewer, {median(one.size for one in seen):,.0f} bytes each; "
        f"{median(one[3] for one in rounds):.2f} cores; received {alone:,.0f} a second alone, {watched:,.0f} with them, "
        f"ratio {watched / alone:.2f}; without the last state {missing}",
        flush=True,
    )
    return [f"{missing} viewers of {kind} do not have the last state"] if missing else []


def one_round(
    server: Served, people: list[Called], streams: list[str], options: argparse.Namespace
) -> tuple[float, float, Seen, float]:
    """Deliveries a second without viewers and with them, what those saw, and the cores that the process used meanwhile."""
    last = lambda some: list(deliveries(some, server.address))[-len(some) :]  # noqa: E731
    burst, rest = options.burst, people[200:]
    load(server.address, last(people[:200]), CONNECTIONS)
    alone = load(server.address, last(rest[:burst]), CONNECTIONS).per_second
    with viewers(server.address[1], streams) as told:
        began, cpu = time.monotonic(), server.cpu_seconds()
        sent_at = send_steadily(server, last(rest[burst : -burst or None]), options.events)
        time.sleep(SETTLE_SECONDS)
        cores = (server.cpu_seconds() - cpu) / (time.monotonic() - began)
        watched = load(server.address, last(rest[-burst:]), CONNECTIONS).per_second
        time.sleep(SETTLE_SECONDS)
        saw = told()
    return alone, watched, what_was_seen(saw, sent_at, 200 + burst, len(people), options.seconds), cores


def send_steadily(server: Served, requests: list[bytes], per_second: int) -> list[float]:
    """When each was answered: from then on it has to be on the screens. (Monotonic seconds, the same in all processes.)"""
    answered, handful, began = [], per_second // HANDFULS, time.monotonic()
    for place in range(0, len(requests), handful):
        time.sleep(max(0.0, began + place / per_second - time.monotonic()))
        some = requests[place : place + handful]
        load(server.address, some, len(some))
        answered += [time.monotonic()] * len(some)
    return answered


def what_was_seen(
    saw: list[dict[str, list[tuple[float, int]]]], sent_at: list[float], before: int, everybody: int, seconds: int
) -> Seen:
    """The delay of every tenth event on every screen: until the number shown counts it."""
    delays = []
    for one in saw:
        shown = [count for _, count in one["seen"]]
        for place in range(0, len(sent_at), 10):
            found = bisect_left(shown, before + place + 1)
            if found < len(shown):
                delays.append(max(0.0, one["seen"][found][0] - sent_at[place]))
    have_last = sum(bool(one["seen"]) and one["seen"][-1][1] == everybody for one in saw)
    frames = sum(one["frames"] for one in saw)
    size = sum(one["bytes"] for one in saw)
    return Seen(delays, have_last, frames / len(saw) / seconds, size / max(1, frames))


@contextmanager
def viewers(port: int, streams: list[str]) -> Iterator[object]:
    """A process that watches; the value is asked for what it saw."""
    command = [sys.executable, "-m", "bench.watch", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdin
        assert watcher.stdout
        watcher.stdin.write("\n".join([*streams, "", ""]))
        watcher.stdin.flush()
        assert watcher.stdout.readline() == "ready\n"

        def told() -> object:
            out, _ = watcher.communicate(timeout=120)
            return json.loads(out)

        yield told


def sign_ins(session: Session, viewers: int) -> list[str]:
    """A cookie for each stream: nobody holds more than a browser, or a person, may."""
    now, cookies = datetime.now(UTC), []
    browsers = MOST_OF_ONE_OWNER // MOST_OF_ONE_BROWSER
    with writing(session):
        for place in range(-(-viewers // MOST_OF_ONE_OWNER)):
            person = Person(email=f"viewer{place}@example.com", role="admin", created_at=now)
            session.add(person)
            session.flush()
            for _ in range(browsers):
                cookies += [sign_in(session, person, Try(0, person.email, ""), "bench", now)] * MOST_OF_ONE_BROWSER
    return cookies[:viewers]


if __name__ == "__main__":
    # As after Ctrl-C, what was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
