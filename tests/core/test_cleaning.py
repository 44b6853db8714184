"""Cleaning: what one row says by itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cleaning import Cleaner, cells_json, filled_cells
from core.countries import country_code

MAPPING = {"number": 0, "caller_id": 1, "time_zone": 2, "country": 3, "variables": {}}


def cleaned(*cells, country="US"):
    return Cleaner(country, MAPPING).clean(2, list(cells))


def test_a_number_that_is_well_written_is_left_as_it_is():
    row = cleaned("(415) 555-2671")
    assert (row.number, row.reason, row.is_wrong) == ("+14155552671", "", False)


def test_a_caller_id_that_is_none_makes_the_row_wrong_with_the_reason():
    row = cleaned("+14155552671", "nobody")
    assert (row.is_wrong, row.reason) == (True, "Caller id: It is not a phone number.")


def test_an_unknown_time_zone_is_left_out_and_told():
    row = cleaned("+14155552671", "", "Mars/Base\u202e")
    assert (row.is_wrong, row.time_zone) == (False, None)
    assert "⟨right-to-left override⟩” is not known" in row.reason


@pytest.mark.parametrize("country", ["DE", "de", "Germany", "Deutschland", "Allemagne", "+49", "0049", "49"])
def test_a_column_of_countries_says_whose_numbers_they_are(country):
    assert cleaned("0151 12345678", "", "", country).number == "+4915112345678"


def test_a_country_that_nobody_knows_is_no_guess():
    row = cleaned("0151 12345678", "", "", "Atlantis")
    assert (row.is_wrong, row.reason) == (True, "The country “Atlantis” is not known, and the number has none.")
    assert cleaned("+4915112345678", "", "", "Atlantis").number == "+4915112345678"


def test_short_and_long_names_of_countries_are_known():
    assert [country_code(name) for name in ("USA", "UK", "España", "日本", "", "99999")] == [
        "US",
        "GB",
        "ES",
        "JP",
        None,
        None,
    ]


@given(st.lists(st.text() | st.sampled_from(['"', "\\", "\x1f", "a\x1fb", "=1", "é"]), max_size=6))
def test_cells_are_kept_as_json_that_gives_them_back(cells):
    assert json.loads(cells_json(cells)) == cells


def test_the_cells_of_a_program_are_json_too():
    assert json.loads(cells_json(["+1", None, {"a": 1}])) == ["+1", None, {"a": 1}]


def test_filled_cells_have_a_bit_each():
    assert [filled_cells(cells) for cells in (["a", "b"], ["", "b"], [], ["a", "", "c"])] == [3, 2, 0, 5]
