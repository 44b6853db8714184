"""`make bench-submit`: what one worker needs for a wave beside its POST, and whether it grows with the waves already sent.

100,000 people in flowing waves of 1000 go to a provider that takes everything at once. Measured is what jobs.tick and jobs.submit do
for each wave, from the look at the campaign to the record of the answer, on one worker: cut, claim, the mark outside the database,
record; without the time of the POST itself. Between two waves everybody in the last one is settled, which is not measured here.
The ratio is to the bare rows: whom a wave holds, reserved, kept and moved on in two transactions, on the same database.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median, quantiles
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

import jobs.runtime
from bench.cast import _row
from bench.receive import ON_DISK, POSTGRESQL, SQLITE
from bench.servers import HOST, free_port, private_redis
from core.audit import Actor
from core.database import open_engine, writing
from core.launch import launch
from core.ledger import mark_submitted
from core.models import Agent, Campaign, Contact, ContactList, Row, Wave
from core.wave_rows import add_targets, queue_contacts, reserve
from core.waves import finish_if_settled, lock_wave
from jobs.submit import submit
from jobs.tick import tick
from ops.database import upgrade_database
from ops.postgresql import private_postgresql, short_folder
from ops.test_tools import find_postgresql
from provider.client import Provider

WAVE = 1000
ENDS = 10
AIM_MILLISECONDS = 50


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-submit", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", nargs="+", choices=(SQLITE, POSTGRESQL), default=[SQLITE, POSTGRESQL])
    options = parser.parse_args(arguments)
    lines = []
    for kind in options.databases:
        if kind == POSTGRESQL and find_postgresql() is None:
            lines.append(f"{kind}: not measured, there is no PostgreSQL here")
            continue
        lines.append(row(kind, [measure(kind, options.people) for _ in range(options.rounds)]))
    print(
        "\n".join(
            ["", f"milliseconds for a wave of {WAVE:,} beside its POST, medians of {options.rounds} rounds", *lines]
        )
    )
    return 0


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds of each wave, and of the bare rows of some others."""

    waves: list[float]
    bare: list[float]


def row(kind: str, rounds: Sequence[Round]) -> str:
    """All waves, the first and the last ten of each round, how the two compare, and how all compare to the bare rows."""
    first, last = (median(median(one.waves[part]) for one in rounds) for part in (slice(ENDS), slice(-ENDS, None)))
    p95 = quantiles([spent for one in rounds for spent in one.waves], n=20)[18]
    bare = median(median(one.bare) for one in rounds)
    ratio = median(median(one.waves) / median(one.bare) for one in rounds)
    return (
        f"{kind:<10} median {median(median(one.waves) for one in rounds):5.1f} (at most {AIM_MILLISECONDS})   p95 {p95:5.1f}   "
        f"last ten to first ten {last / first:4.2f}   bare rows {bare:5.1f}   ratio {ratio:4.2f}"
    )


def measure(kind: str, people: int) -> Round:
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder(ON_DISK))
        url = f"sqlite:///{folder / 'callboard.db'}"
        if kind == POSTGRESQL:
            url = stack.enter_context(private_postgresql(find_postgresql(), place=ON_DISK))
        redis_url = stack.enter_context(private_redis(folder))
        port = stack.enter_context(instant_provider())
        stack.enter_context(environment({
            "DATABASE_URL": url, "REDIS_URL": redis_url, "DATA_DIR": str(folder), "PROVIDER_URL": f"http://{HOST}:{port}",
            "PROVIDER_TOKEN": "a-token-for-the-benchmark", "SECRET_KEY": "k" * 40, "ALLOW_PRIVATE_ADDRESSES": "1",
            "LOG_LEVEL": "ERROR", "PUBLIC_URL": "https://callboard.example",
        }))  # fmt: skip
        upgrade_database(jobs.runtime.settings())
        engine = open_engine(url)
        stack.callback(engine.dispose)
        session = stack.enter_context(Session(engine, expire_on_commit=False))
        campaign_id = launched(session, people + ENDS * WAVE)
        gc.freeze()  # as a worker does
        return Round(list(waves(session, campaign_id, -(-people // WAVE))), list(bare_rows(session, campaign_id)))


def bare_rows(session: Session, campaign_id: int) -> Iterator[float]:
    """The same writing for those who are left, with nothing asked, sent or explained."""
    ready = select(Contact.id).where(Contact.campaign_id == campaign_id, Contact.state == "ready")
    newest = select(Wave).where(Wave.campaign_id == campaign_id).order_by(Wave.id.desc()).limit(1)
    for turn in range(ENDS):
        ids = session.scalars(ready.order_by(Contact.position).limit(WAVE)).all()
        refs = [(contact_id, f"{turn}-{place:04x}") for place, contact_id in enumerate(ids)]
        began = time.perf_counter()
        with writing(session):
            wave = session.scalars(newest).one()
            reserve(session, wave, ids)
            add_targets(session, wave, refs)
            queue_contacts(session, wave, ids)
        with writing(session):
            mark_submitted(session, wave)
        yield 1000 * (time.perf_counter() - began)


def waves(session: Session, campaign_id: int, count: int) -> Iterator[float]:
    posts: list[float] = []
    plain = Provider.create_campaign

    def timed(*given: object, **named: object) -> object:
        began = time.perf_counter()
        try:
            return plain(*given, **named)
        finally:
            posts.append(time.perf_counter() - began)

    Provider.create_campaign = timed
    try:
        for _ in range(count):
            began = time.perf_counter()
            tick(campaign_id)
            session.rollback()
            wave_id = session.scalars(select(Wave.id).where(Wave.state == "planned")).one()
            session.rollback()
            submit(wave_id)
            yield 1000 * (time.perf_counter() - began - posts.pop())
            settle(session, wave_id)
    finally:
        Provider.create_campaign = plain


def settle(session: Session, wave_id: int) -> None:
    """Everybody in it answered."""
    now = datetime.now(UTC)
    with writing(session):
        wave = lock_wave(session, wave_id)
        assert wave is not None
        assert wave.state == "accepted", wave.words
        session.execute(update(Contact).where(Contact.wave_id == wave_id).values(state="answered", settled_at=now))
        finish_if_settled(session, wave, now)


def launched(session: Session, people: int) -> int:
    now = datetime.now(UTC)
    with writing(session):
        agent = Agent(name="Renewals", uuid=str(uuid4()), created_at=now)
        campaign = Campaign(name="Spring", agent=agent, state_since=now, created_at=now, lines=10, wave_size=WAVE)
        session.add(campaign)
        session.flush()
        contact_list = ContactList(campaign_id=campaign.id, state="ready", changed_at=now, mapping={})
        session.add(contact_list)
        session.flush()
        session.execute(insert(Row), [_row(contact_list.id, place) for place in range(people)])
        launch(session, campaign.id, campaign_version=1, list_version=1, actor=Actor("The benchmark"), now=now)
    return campaign.id


@contextmanager
def instant_provider() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.instant", str(port)])
    try:
        time.sleep(1.0)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """These settings for the jobs of this process, which are told of them by the environment."""
    cached = (jobs.runtime.settings, jobs.runtime.engine, jobs.runtime.vault)
    held = dict(os.environ)
    os.environ.update(values)
    for one in cached:
        one.cache_clear()
    try:
        yield
    finally:
        jobs.runtime.engine().dispose()
        os.environ.clear()
        os.environ.update(held)


if __name__ == "__main__":
    sys.exit(main())
