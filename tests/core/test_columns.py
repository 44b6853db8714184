"""The guess which column is what."""

from core.columns import guess_mapping


def test_a_number_that_a_spreadsheet_damaged_still_marks_the_column_of_numbers():
    mapping = guess_mapping(["Amount", "Contact"], [["12.50", "1,41556E+10"], ["9", "+14155550101"]])
    assert mapping["number"] == 1


def test_a_column_without_name_and_content_is_not_sent():
    rows = [["+14155550101", "Ada", ""], ["+14155550102", "Bea", ""]]
    mapping = guess_mapping(["Phone", "Column B", "Column C"], rows)
    assert mapping["variables"] == {"column_b": 1}
