"""The SQLite file: records are collected and written together, and nothing is told outside before it is written.

A webhook goes to the sender only after the commit that holds its call, so a process killed at any moment forgets only
what nobody was told. Readers write first what is collected, for the same reason.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import gevent
from gevent.event import Event

from sandbox.records import Call, Campaign, Contact, Delivery, Note, Post, Record, Request, Token

SCHEMA = """
CREATE TABLE IF NOT EXISTS campaigns (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, seed INTEGER, agent_id TEXT, name TEXT, created_at REAL,
    scheduled_at REAL, total INTEGER, lines INTEGER, retries INTEGER, notify BOOL, webhook_url TEXT, secret TEXT,
    context JSON, status TEXT, started_at REAL, finished_at REAL, initiated INTEGER, completed INTEGER, failed INTEGER,
    lines_busy_at_most INTEGER, answered_with INTEGER);
CREATE TABLE IF NOT EXISTS requests (campaign_id TEXT PRIMARY KEY, body JSON);
CREATE TABLE IF NOT EXISTS contacts (
    campaign_id TEXT, position INTEGER, to_number TEXT, from_number TEXT, context JSON, state TEXT, tries INTEGER,
    outcome TEXT, PRIMARY KEY (campaign_id, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    id TEXT PRIMARY KEY, campaign_id TEXT, position INTEGER, attempt INTEGER, agent_id TEXT, to_number TEXT,
    from_number TEXT, status TEXT, outcome TEXT, started_at REAL, ended_at REAL, duration INTEGER, silent BOOL,
    UNIQUE (campaign_id, position, attempt));
CREATE INDEX IF NOT EXISTS calls_of_an_agent ON calls (agent_id, started_at);
CREATE INDEX IF NOT EXISTS calls_to_a_number ON calls (to_number);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, campaign_id TEXT, call_id TEXT, event TEXT, event_id TEXT, body BLOB, form TEXT,
    created_at REAL, not_before REAL, held BOOL, forged BOOL, state TEXT, attempts JSON);
CREATE INDEX IF NOT EXISTS deliveries_to_make ON deliveries (id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_of_a_campaign ON deliveries (campaign_id, id);
CREATE TABLE IF NOT EXISTS posts (
    id INTEGER PRIMARY KEY, received_at REAL, name TEXT, targets INTEGER, accepted BOOL, status INTEGER,
    campaign_id TEXT, misbehaviour TEXT);
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, purpose TEXT, expires_at REAL, revoked BOOL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value JSON);
"""
TABLES: tuple[type[Record], ...] = (Campaign, Request, Contact, Call, Delivery, Post, Token, Note)
WRITE_EVERY = 0.01
BODIES_KEPT = 20_000

sqlite3.register_adapter(dict, json.dumps)
sqlite3.register_adapter(list, json.dumps)
sqlite3.register_converter("JSON", json.loads)
sqlite3.register_converter("BOOL", lambda raw: raw == b"1")

Kind = TypeVar("Kind", bound=Record)


@cache
def _insert(kind: type[Record]) -> tuple[str, Callable[[Record], tuple[Any, ...]]]:
    names = [column.name for column in fields(kind)]
    marks = ", ".join("?" * len(names))
    # The table's name is a constant of ours.
    return f"INSERT OR REPLACE INTO {kind.table} ({', '.join(names)}) VALUES ({marks})", attrgetter(*names)  # noqa: S608


class Store:
    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES)
        # A commit must outlive the process, not the power supply: NORMAL does that and costs no fsync.
        self.connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
        self.on_new_deliveries: Callable[[list[Delivery]], None] = lambda deliveries: None
        self._changed: dict[type[Record], dict[Any, Record]] = {kind: {} for kind in TABLES}
        self._new_deliveries: list[Delivery] = []
        self._something = Event()
        self._next: dict[type[Record], int] = {}
        self._bodies_dropped_to = 0

    def next_id(self, kind: type[Delivery] | type[Post] | type[Campaign]) -> int:
        if kind not in self._next:
            column = "seq" if kind is Campaign else "id"
            self._next[kind] = self.number(f"SELECT coalesce(max({column}), 0) FROM {kind.table}")  # noqa: S608
        self._next[kind] += 1
        return self._next[kind]

    def save(self, record: Record) -> None:
        self._changed[type(record)][record.key] = record
        self._something.set()

    def add_delivery(self, delivery: Delivery) -> None:
        self.save(delivery)
        self._new_deliveries.append(delivery)

    def write(self) -> None:
        """Commit all that was collected, then hand the new deliveries over."""
        self._something.clear()
        if any(self._changed.values()):
            self.connection.execute("BEGIN")
            for kind, changed in self._changed.items():
                if changed:
                    statement, row = _insert(kind)
                    self.connection.executemany(statement, map(row, changed.values()))
                    changed.clear()
            self._drop_old_bodies()
            self.connection.execute("COMMIT")
        if self._new_deliveries:
            new, self._new_deliveries = self._new_deliveries, []
            self.on_new_deliveries(new)

    def write_for_ever(self) -> None:
        while True:
            self._something.wait()
            gevent.sleep(WRITE_EVERY)
            self.write()

    def _drop_old_bodies(self) -> None:
        upto = self._next.get(Delivery, 0) - BODIES_KEPT
        if upto > self._bodies_dropped_to + 1000:
            self.connection.execute(
                "UPDATE deliveries SET body = NULL WHERE id > ? AND id <= ? AND state != 'pending'",
                (self._bodies_dropped_to, upto),
            )
            self._bodies_dropped_to = upto

    def all(self, kind: type[Kind], rest: str = "", *values: Any) -> list[Kind]:
        """Records chosen by `rest`, SQL of ours that follows the table's name."""
        return list(self.each(kind, rest, *values))

    def each(self, kind: type[Kind], rest: str = "", *values: Any) -> Iterator[Kind]:
        names = ", ".join(column.name for column in fields(kind))
        for row in self.rows(f"SELECT {names} FROM {kind.table} {rest}", *values):  # noqa: S608
            yield kind(*row)

    def first(self, kind: type[Kind], rest: str, *values: Any) -> Kind | None:
        return next(iter(self.all(kind, rest + " LIMIT 1", *values)), None)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        self.write()
        return self.connection.execute(query, values).fetchall()

    def number(self, query: str, *values: Any) -> int:
        return int(self.rows(query, *values)[0][0])

    def forget_everything(self) -> None:
        for changed in self._changed.values():
            changed.clear()
        self._new_deliveries.clear()
        self._next.clear()
        self._bodies_dropped_to = 0
        for kind in TABLES:
            self.connection.execute(f"DELETE FROM {kind.table}")  # noqa: S608

    def close(self) -> None:
        self.write()
        self.connection.close()
