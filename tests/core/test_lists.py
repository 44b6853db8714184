"""Lists: each row in one box, guesses of columns, claims of imports."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.columns import column_letter, guess_mapping, looks_like_number, variable_name
from core.judging import JudgedRow
from core.lists import SILENT_IMPORT, claim_import, still_claimed, waiting_lists, work_again
from core.models import ContactList, Row
from core.row_store import drop_rows, rows_page, store_rows
from core.tables import csv_line, safe_cell
from tests.factories import make_campaign, make_list


@pytest.mark.parametrize(
    ("headers", "rows", "number", "variables"),
    [
        (["Name", "Phone"], [["Ada", "+14155552671"]], 1, {"name": 0}),
        (["Kunde", "Rufnummer"], [["Ada", "0151 12345678"]], 1, {"kunde": 0}),
        (["Nom", "Téléphone"], [["Ada", "06 12 34 56 78"]], 1, {"nom": 0}),
        (["客户", "手机号"], [["甲", "13812345678"]], 1, {"客户": 0}),
        (["Order", "x"], [["2025-01-02", "+14155552671"]], 1, {"order": 0}),
        (["Customer no.", "Mobile phone"], [["10000001", "4155552671"]], 1, {"customer_no": 0}),
    ],
)
def test_the_number_column_is_found(headers, rows, number, variables):
    mapping = guess_mapping(headers, rows)
    assert (mapping["number"], mapping["variables"]) == (number, variables)


def test_no_column_with_numbers_is_no_guess():
    assert guess_mapping(["a", "b"], [["x", "y"]])["number"] is None


def test_caller_id_and_zone_are_found_and_variables_take_the_agents_spelling():
    headers = ["To number", "From number", "Time zone", "First Name"]
    mapping = guess_mapping(headers, [["+14155552671", "+14155552672", "Europe/Berlin", "Ada"]], ["firstName"])
    assert mapping == {"number": 0, "caller_id": 1, "time_zone": 2, "variables": {"firstName": 3}}


def test_our_own_reference_is_never_a_variable():
    assert (variable_name("callboard_ref"), variable_name(" Straße Nr. ")) == ("", "straße_nr")


def test_columns_are_lettered_as_in_spreadsheets():
    assert [column_letter(column) for column in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@pytest.mark.parametrize(
    ("text", "is_one"), [("+1 415 555 2671", True), ("2025-01-02", False), ("1,234.50", False), ("Ada", False)]
)
def test_what_looks_like_a_number(text, is_one):
    assert looks_like_number(text) is is_one


def test_one_claim_wins_and_a_silent_one_is_taken_over(session, now):
    contact_list = make_list(session, make_campaign(session), state="waiting", changed_at=now)
    later = now + SILENT_IMPORT + timedelta(seconds=1)
    assert waiting_lists(session, now) == [contact_list.id]
    assert claim_import(session, contact_list.id, "first", now)
    assert not claim_import(session, contact_list.id, "second", now)
    assert waiting_lists(session, now) == []
    assert waiting_lists(session, later) == [contact_list.id]
    assert claim_import(session, contact_list.id, "second", later)
    assert not still_claimed(session, contact_list.id, "first", later)


def test_a_change_takes_the_claim_away(session, now):
    contact_list = make_list(session, make_campaign(session), state="waiting", stored_as="x")
    claim_import(session, contact_list.id, "first", now)
    session.refresh(contact_list)
    work_again(contact_list, now)
    session.flush()
    assert not still_claimed(session, contact_list.id, "first", now)
    assert session.scalar(select(ContactList.state)) == "waiting"


def test_rows_are_read_a_page_at_a_time_by_box(session):
    contact_list = make_list(session, make_campaign(session), size=0)
    store_rows(
        session, contact_list.id, [JudgedRow(n, "[]", "ready" if n % 2 else "invalid", "") for n in range(2, 62)]
    )
    first, after = rows_page(session, contact_list.id, "invalid")
    second, end = rows_page(session, contact_list.id, "invalid", after or 0)
    assert [row.row_number for row in first + second] == list(range(2, 62, 2))
    assert (after, end) == (40, None)


def test_rows_are_dropped_in_pieces(session):
    contact_list = make_list(session, make_campaign(session), size=5)
    assert [drop_rows(session, contact_list.id, 3) for _ in range(3)] == [3, 2, 0]
    assert session.scalars(select(Row)).all() == []


@pytest.mark.parametrize(
    ("cell", "inert"),
    [
        ("=cmd()", "'=cmd()"), ("@SUM(A1)", "'@SUM(A1)"), ("+x", "'+x"), ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("\t=1", "\t'=1"), (" =1", " '=1"), ("＝1", "'＝1"), ("a;=1;-b", "a;'=1;'-b"), ("a\r\n=1", "a\r\n'=1"),
    ],
)  # fmt: skip
def test_a_formula_is_defused_wherever_a_spreadsheet_may_cut_the_line(cell, inert):
    assert safe_cell(cell) == inert


@pytest.mark.parametrize(
    "cell", ["+49 151 12345678", "-12.5", "Ada", "", "-", "0151/123", "home; +49 151 1; -5", "a=b", "x@y.example"]
)
def test_numbers_and_words_come_back_as_they_were(cell):
    assert safe_cell(cell) == cell


def test_a_line_of_csv_quotes_what_must_be():
    assert csv_line(["a,b", 'c"d', None, 7]) == '"a,b","c""d",,7\r\n'
