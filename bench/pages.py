"""The first page of an installation in full swing, for `make bench-live`: 500 live campaigns, a million contacts."""

import argparse
import http.client
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import uuid4

from sqlalchemy import Engine, insert, text
from sqlalchemy.orm import Session

from bench.receive import ON_DISK, database, prepare
from bench.servers import HOST, gunicorn, private_redis
from core.database import open_engine, writing
from core.models import Agent, Campaign, Person, Wave
from core.sign_ins import Try, sign_in
from ops.postgresql import short_folder

CAMPAIGNS, CONTACTS = 500, 1_000_000
# Of each campaign so many were called before today, so many today, and so many are in the wave that calls now.
EARLIER, TODAY, NOW = 1400, 100, 100
TIMES = 15
_SERIES = {
    "sqlite": "WITH RECURSIVE series(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM series WHERE i < :rows - 1) ",
    "postgresql": "WITH series AS (SELECT generate_series(0, :rows - 1) AS i) ",
}
# Waves 3c+1, 3c+2 and 3c+3 are those of campaign c+1, in this order; whoever comes after them waits.
_CONTACTS = """INSERT INTO contact
    (campaign_id, position, number, clock, context, state, reason, wave_id, tries, attempts, settled_at)
    {series} SELECT i / :each + 1, i % :each, '+1202' || CAST(1000000 + i AS varchar), 0, '{{}}',
    CASE WHEN i % :each >= :open THEN 'ready' WHEN i % :each < :over THEN CASE i % 3 WHEN 0 THEN 'answered' ELSE 'busy' END
         WHEN i % 10 = 0 THEN 'dialling' ELSE 'submitted' END, '',
    CASE WHEN i % :each >= :open THEN NULL
         ELSE 3 * (i / :each) + CASE WHEN i % :each < :earlier THEN 1 WHEN i % :each < :over THEN 2 ELSE 3 END END,
    1, 1, CASE WHEN i % :each < :earlier THEN :before WHEN i % :each < :over THEN :now END FROM series"""


def measure_pages(kind: str, options: argparse.Namespace) -> None:
    """One line: what the server needs for the first page, and for that of one campaign."""
    with ExitStack() as held:
        folder = held.enter_context(short_folder(ON_DISK))
        url = held.enter_context(database(kind, folder))
        if url is None:
            return
        _, environment = prepare(url, held.enter_context(private_redis(folder / "redis")), folder, options)
        engine = open_engine(url)
        held.callback(engine.dispose)
        cookie = fill(engine)
        server = held.enter_context(gunicorn("wsgi:app", environment | {"WEB_CONCURRENCY": "1"}))
        paths = {path: seconds_of(server.address[1], path, cookie) for path in ("/campaigns/", "/campaigns/250")}
    told = ", ".join(f"{path} {1000 * seconds:.0f} ms" for path, seconds in paths.items())
    print(f"{kind}, {CAMPAIGNS} live campaigns, {CONTACTS:,} contacts: {told} (median of {TIMES})", flush=True)


def seconds_of(port: int, path: str, cookie: str) -> float:
    taken = []
    for _ in range(TIMES + 2):
        connection = http.client.HTTPConnection(HOST, port, timeout=60)
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": f"callboard={cookie}"})
        answer = connection.getresponse()
        answer.read()
        taken.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
        connection.close()
    return median(taken[2:])


def fill(engine: Engine) -> str:
    """Returns the cookie of somebody who may look."""
    now, kind, each = datetime.now(UTC), engine.dialect.name, CONTACTS // CAMPAIGNS
    before = now - timedelta(days=2)
    with Session(engine) as session, writing(session):
        agent = Agent(name="Renewals", uuid=str(uuid4()), created_at=now)
        person = Person(email="viewer@example.com", role="viewer", created_at=now)
        session.add_all([agent, person])
        session.flush()
        cookie = sign_in(session, person, Try(0, person.email, ""), "bench", now)
        campaign = {"agent_id": agent.id, "state": "running", "state_since": before, "created_at": before, "started_at": before,
                    "size": each, "why": "Wave 3 is calling; 5 of 5 lines are busy."}  # fmt: skip
        session.execute(
            insert(Campaign), [campaign | {"id": n + 1, "name": f"Campaign {n + 1}"} for n in range(CAMPAIGNS)]
        )
        _waves(session, now, before)
        given = {"rows": CONTACTS, "each": each, "open": EARLIER + TODAY + NOW, "over": EARLIER + TODAY, "earlier": EARLIER,
                 "before": before, "now": now}  # fmt: skip
        if kind == "sqlite":
            given |= {"before": before.replace(tzinfo=None), "now": now.replace(tzinfo=None)}
        session.execute(text(_CONTACTS.format(series=_SERIES[kind])), given)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return cookie


def _waves(session: Session, now: datetime, before: datetime) -> None:
    shapes = ((EARLIER, before, before), (TODAY, now, now), (NOW, now, None))
    for ordinal, (size, at, finished_at) in enumerate(shapes, 1):
        wave = {
            "ordinal": ordinal, "state": "finished" if finished_at else "accepted", "state_since": at, "size": size, "lines": 5,
            "name_sent": "", "request": {}, "token": "", "secret": "", "cut_at": at, "accepted_at": at, "last_event_at": at,
        }  # fmt: skip
        if finished_at:
            counts = {"answered": size // 3, "busy": size - size // 3}
            wave |= {"finished_at": at, "counts": counts, "calls_by_hour": {}}
        numbered = range(CAMPAIGNS)
        session.execute(
            insert(Wave),
            [wave | {"id": 3 * n + ordinal, "campaign_id": n + 1, "token_hash": f"{n}-{ordinal}"} for n in numbered],
        )
