"""The guess which column is what."""

from core.columns import guess_mapping


def test_a_number_that_a_spreadsheet_damaged_still_marks_the_column_of_numbers():
    mapping = guess_mapping(["Amount", "Contact"], [["12.50", "1,41556E+10"], ["9", "+14155550101"]])
    assert mapping["number"] == 1
