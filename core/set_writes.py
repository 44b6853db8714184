"""Many rows of one table in one statement: set-wise on PostgreSQL, where each statement costs, by a prepared one on SQLite."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Executable, Table, bindparam, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert

from core.database import Base

Rows = Sequence[Mapping[str, Any]]


def insert_rows(session: Session, table: str, rows: Rows, *, or_leave: tuple[str, ...] = ()) -> None:
    """All have the same columns. Where the columns `or_leave` hold what is there already, the row there stays."""
    if rows:
        names = tuple(rows[0])
        _run(session, _insert, table, names, or_leave, rows)


def update_rows(session: Session, table: str, names: tuple[str, ...], rows: Rows) -> None:
    """Set these columns of the rows with these ids, sorted by id: in one order for everybody."""
    if rows:
        kept = [{name: row[name] for name in ("id", *names)} for row in sorted(rows, key=lambda row: row["id"])]
        _run(session, _update, table, names, (), kept)


def _run(session: Session, build: Any, table: str, names: tuple[str, ...], keys: tuple[str, ...], rows: Rows) -> None:
    connection = session.connection()
    kind = connection.dialect.name
    statement = build(kind, table, names, keys)
    if kind == "sqlite":
        connection.execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])
        return
    columns = Base.metadata.tables[table].c
    arrays = {name: [_sent(columns[name].type, row[name]) for row in rows] for name in rows[0]}
    connection.execute(statement, arrays)


def _sent(kind: Any, value: Any) -> Any:
    """As an element of an array, whose elements are all of one kind."""
    if isinstance(kind, JSON) and value is not None:
        return json.dumps(value)
    return str(value) if isinstance(value, str) else value


@lru_cache
def _insert(kind: str, name: str, names: tuple[str, ...], keys: tuple[str, ...]) -> Executable:
    table = Base.metadata.tables[name]
    if kind == "sqlite":
        statement: Insert = sqlite.insert(table).values({one: bindparam(f"new_{one}") for one in names})
        return statement.on_conflict_do_nothing(index_elements=keys) if keys else statement  # type: ignore[attr-defined]
    conflict = f" ON CONFLICT ({', '.join(keys)}) DO NOTHING" if keys else ""
    columns = ", ".join(names)
    return text(f"INSERT INTO {name} ({columns}) SELECT * FROM {_arrays(table, names)}{conflict}")  # noqa: S608 (our own names)


@lru_cache
def _update(kind: str, name: str, names: tuple[str, ...], keys: tuple[str, ...]) -> Executable:
    table = Base.metadata.tables[name]
    if kind == "sqlite":
        return table.update().where(table.c.id == bindparam("new_id")).values({n: bindparam(f"new_{n}") for n in names})
    values = ", ".join(f"{one} = told.{one}" for one in names)
    told = _arrays(table, ("id", *names))
    return text(f"UPDATE {name} SET {values} FROM {told} WHERE {name}.id = told.id")  # noqa: S608 (our own names)


def _arrays(table: Table, names: tuple[str, ...]) -> str:
    """A table of the values, each column as one array."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    given = ", ".join(f"CAST(:{one} AS {table.c[one].type.compile(dialect)}[])" for one in names)
    return f"unnest({given}) AS told ({', '.join(names)})"
