"""Reading: what the child makes of the cells of a file before anybody judges them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tables import csv_line
from jobs.file_formats import open_file
from jobs.reading import BlankRows, checked, has_header, headers

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    [
        "=cmd()",
        "+1",
        "-x;=y",
        "a\nb",
        'say "so"',
        "@x",
        "'quoted",
        "'=x",
        "1,5;2",
        "＝1",
        " =1",
        "a\t=b",
        "\u200b=1",
        "+49 151",
    ]
)
ROWS = st.lists(st.tuples(CELLS, CELLS).map(list), min_size=1, max_size=6)


def read(path, **asked):
    return list(checked(open_file(path, asked).rows))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("reading") / "list.csv"


@given(rows=ROWS, separator=st.sampled_from([",", ";", "\t", "|"]))
def test_what_is_exported_comes_in_again_as_it_was_kept(path, rows, separator):
    def write(cells):
        lines = "".join(csv_line(["x", *row], separator) for row in cells)
        path.write_text(lines, encoding="utf-8-sig", newline="")
        return [row[1:] for _, row in read(path, separator=separator)]

    kept = write(rows)
    assert write(kept) == kept


def test_cells_lose_what_nobody_sees_and_our_own_guard(path):
    path.write_text("\u00a0\u200b0151 1\u200b,'=1+1,'Twas,\ufeff x \n", encoding="utf-8")
    assert read(path, separator=",") == [(1, ["0151 1", "=1+1", "'Twas", "x"])]


def test_rows_keep_the_numbers_of_the_spreadsheet_and_empty_ones_between_are_counted(path):
    path.write_text("a,b\n,\n1,2\n\n , \n3,4\n,\n", encoding="utf-8")
    blank = BlankRows()
    assert [number for number, _ in blank.leave_out(iter(read(path, separator=",")))] == [1, 3, 6]
    assert blank.count == 3


def test_headers_are_made_unique_and_unnamed_columns_get_their_letters():
    assert headers(["Name", "", "Name"], 4) == ["Name", "Column B", "Name (C)", "Column D"]


@pytest.mark.parametrize(
    ("rows", "is_header"),
    [([["phone"], ["+14155552671"]], True), ([["+14155552671"], ["x"]], False), ([["phone"]], False)],
)
def test_a_first_row_without_a_number_is_the_header(rows, is_header):
    assert has_header(rows) is is_header
