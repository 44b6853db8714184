"""A file of numbers that must not be called: which column is what, and what each row comes to."""

from datetime import UTC, datetime, timedelta

import pytest

from core.audit import Actor
from core.database import writing
from core.errors import Conflict
from core.lists import SILENT_IMPORT
from core.models import SuppressionImport
from core.suppression_imports import (
    PROBLEMS_KEPT,
    Columns,
    Judge,
    Judged,
    begin_import,
    cancel_import,
    claim_import,
    columns_of,
    judge_rows,
    read_end,
    store_rows,
    waiting_imports,
)
from core.suppressions import Entry

ADA = Actor("Ada")
NUMBER = "+14155552671"
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "columns"),
    [
        (["number", "reason", "expires_at"], Columns(0, 1, 2)),
        (["Gültig bis", "Rufnummer", "Grund"], Columns(1, 2, 0)),
        (["Téléphone", "Motif"], Columns(0, 1, None)),
        (["Column A", "Column B"], Columns(0, None, None)),
    ],
)
def test_columns_are_known_by_their_names_and_numbers_by_their_look(headers, columns):
    row = [NUMBER if place == columns.number else "text" for place in range(len(headers))]
    assert columns_of(headers, [row]) == columns


def test_a_file_without_numbers_has_no_columns():
    assert columns_of(["name"], [["Ada"]]) is None


@pytest.mark.parametrize(
    ("cell", "end"),
    [
        ("", None), ("2026-12-31", NEW_YEAR), ("31.12.2026", NEW_YEAR), ("2026-12-31 00:00:00", NEW_YEAR),
        ("2026-12-31T23:00:00-01:00", NEW_YEAR), ("2027-01-01T00:00:00+00:00", NEW_YEAR), ("2027-01-01T00:00:00Z", NEW_YEAR),
        ("2026-12-31 12:00:00", NEW_YEAR - timedelta(hours=12)),
    ],
)  # fmt: skip
def test_an_end_is_a_day_or_a_moment(cell, end):
    assert read_end(cell) == end


JUDGE = Judge(Columns(0, 1, 2), "US", "Bought list", None, datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    "cell", ["soon", "31/12/2026", "2026-02-30", "31.02.2026", "9999-12-31", "0001-01-01T00:00+14:00"]
)
def test_a_row_whose_end_is_no_day_is_left_out_with_its_reason(cell):
    judged = judge_rows(JUDGE, [(2, [NUMBER, "", cell])])
    assert judged.entries == []
    assert judged.problems[0][:2] == [2, cell]


def test_a_row_has_its_own_reason_or_the_form_s():
    judged = judge_rows(
        JUDGE, [(2, ["(415) 555-2671", "By letter"]), (3, ["14155552672", ""]), (4, ["12", "x"]), (5, [])]
    )
    assert judged.entries == [Entry(NUMBER, "By letter"), Entry("+14155552672", "Bought list")]
    assert [(row, cell) for row, cell, _ in judged.problems] == [(4, "12"), (5, "")]


def test_a_row_that_would_bar_nobody_is_left_out():
    assert judge_rows(JUDGE, [(2, [NUMBER, "", "2026-03-01"])]).problems == [
        [2, "2026-03-01", "This day is over, so the row would bar nobody."]
    ]


def test_the_form_s_end_counts_where_the_file_has_no_column_for_it():
    judge = Judge(Columns(0, None, None), "US", "", NEW_YEAR, JUDGE.now)
    assert judge.judge([NUMBER]) == Entry(NUMBER, "", NEW_YEAR)


@pytest.fixture
def begun(session, now):
    with writing(session):
        return begin_import(session, "a-file", "list.csv", "US", " By  law ", None, ADA, now)


def test_an_import_is_taken_once_and_again_when_its_process_is_silent(session, begun, now):
    with writing(session):
        assert waiting_imports(session, now) == [begun.id]
        assert claim_import(session, begun.id, "one", now)
        assert not claim_import(session, begun.id, "another", now)
    later = now + SILENT_IMPORT + timedelta(seconds=1)
    with writing(session):
        assert waiting_imports(session, later) == [begun.id]
        assert claim_import(session, begun.id, "another", later)
        assert not store_rows(session, begun.id, "one", Judged([Entry(NUMBER)], []), later)


def test_rows_and_their_counts_are_kept_together(session, begun, now):
    problems = [[row, "x", "It is not a phone number."] for row in range(2 * PROBLEMS_KEPT)]
    with writing(session):
        claim_import(session, begun.id, "one", now)
        store_rows(session, begun.id, "one", Judged([Entry(NUMBER), Entry(NUMBER)], problems), now)
    held = session.get_one(SuppressionImport, begun.id, populate_existing=True)
    assert (held.reason, held.rows_read, held.added, held.known, held.invalid) == ("By law", 42, 1, 1, 40)
    assert held.problems == problems[:PROBLEMS_KEPT]


def test_a_cancelled_import_is_nobody_s_and_cannot_be_cancelled_twice(session, begun, now):
    with writing(session):
        claim_import(session, begun.id, "one", now)
    with writing(session):
        assert cancel_import(session, begun.id, ADA, now) == "a-file"
        assert not store_rows(session, begun.id, "one", Judged([], []), now)
        assert waiting_imports(session, now + timedelta(days=1)) == []
    with pytest.raises(Conflict), writing(session):
        cancel_import(session, begun.id, ADA, now)
