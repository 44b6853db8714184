"""Rows of lists: written in batches, by the shortest way each database has; read in the file's order, a page at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from core.judging import JudgedRow
from core.models import Row
from core.states import CALLABLE_VERDICTS

# A batch is judged outside any transaction and written in one that stays far below 100 ms.
BATCH = 1000
PAGE = 20
_COLUMNS = "list_id, row_number, cells, verdict, reason, number, caller_id, time_zone"
_TABLE = Row.metadata.tables["row"]


def store_rows(session: Session, list_id: int, rows: Iterable[JudgedRow]) -> None:
    """Insert judged rows. Callers with many of them do it in batches, each in a transaction of its own."""
    values = [(list_id, *row) for row in rows]
    if not values:
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"INSERT INTO row ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
        return
    # COPY writes three times as many rows a second as an INSERT of many values.
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f"COPY row ({_COLUMNS}) FROM STDIN") as copy:
        for value in values:
            copy.write_row(value)


def rewrite_rows(session: Session, list_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Change stored rows: {"row_number": …, and the columns that change, the same ones in all of them}."""
    if not rows:
        return
    mine = _TABLE.c.list_id == bindparam("of_list"), _TABLE.c.row_number == bindparam("of_row")
    changed: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row_number"}
    values = [
        {"of_list": list_id, "of_row": row["row_number"], **{name: row[name] for name in changed}} for row in rows
    ]
    session.connection().execute(_TABLE.update().where(*mine).values(changed), values)


def drop_rows(session: Session, list_id: int, limit: int = 2 * BATCH) -> int:
    """Remove up to `limit` rows of a list; returns how many. Repeat, each in a transaction of its own, until 0."""
    some = select(Row.row_number).where(Row.list_id == list_id).limit(limit)
    dropped = session.execute(delete(Row).where(Row.list_id == list_id, Row.row_number.in_(some)))
    return int(dropped.rowcount)  # type: ignore[attr-defined]


def row_of(session: Session, list_id: int, row_number: int) -> Row | None:
    return session.get(Row, (list_id, row_number), populate_existing=True) if row_number < 2**31 else None


def rows_named(session: Session, list_id: int, numbers: Sequence[int]) -> Sequence[Row]:
    """These rows, by their numbers in the file."""
    return session.scalars(select(Row).where(Row.list_id == list_id, Row.row_number.in_(numbers))).all()


def rows_with_number(session: Session, list_id: int, number: str) -> Sequence[Row]:
    """Every row that says this number, in the file's order: a look at the whole list, some tenths of a second for a million rows."""
    query = select(Row).where(Row.list_id == list_id, Row.number == number).order_by(Row.row_number)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def all_rows(session: Session, list_id: int, *, problems: bool = False, verdict: str = "") -> Iterator[Sequence[Row]]:
    """Rows in the file's order, a batch at a time: all, those of one box, or every one that will not be called."""
    after = 0
    query = select(Row).where(Row.list_id == list_id).order_by(Row.row_number).limit(BATCH)
    if problems:
        query = query.where(Row.verdict.not_in(CALLABLE_VERDICTS))
    if verdict:
        query = query.where(Row.verdict == verdict)
    while rows := session.scalars(query.where(Row.row_number > after)).all():
        yield rows
        after = rows[-1].row_number
        for row in rows:
            session.expunge(row)


def callable_numbers(session: Session, list_id: int) -> Iterator[Sequence[str]]:
    """The numbers that a launch would call, a batch at a time; each is there once."""
    for verdict in CALLABLE_VERDICTS:
        after = 0
        query = select(Row.row_number, Row.number).where(Row.list_id == list_id, Row.verdict == verdict)
        while rows := session.execute(
            query.where(Row.row_number > after).order_by(Row.row_number).limit(10 * BATCH)
        ).all():
            yield [number for _, number in rows if number]
            after = rows[-1].row_number


def rows_page(
    session: Session, list_id: int, verdict: str | None = None, after: int = 0
) -> tuple[list[Row], int | None]:
    """A page of rows in the file's order, and the row number to continue after (None on the last page)."""
    query = select(Row).where(Row.list_id == list_id, Row.row_number > after).order_by(Row.row_number).limit(PAGE + 1)
    if verdict:
        query = query.where(Row.verdict == verdict)
    rows = list(session.scalars(query))
    return rows[:PAGE], rows[PAGE - 1].row_number if len(rows) > PAGE else None
