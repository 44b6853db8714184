"""Numbers: what libphonenumber says, and what spreadsheets did to them undone and told."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.phone import clean


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+49 151 12345678", "US", "+4915112345678"),
        ("0151/12345678", "DE", "+4915112345678"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        (" 4155552671\t", "US", "+14155552671"),
    ],
)
def test_a_number_as_people_write_it_is_ready_as_it_is(text, country, number):
    cleaned = clean(text, country)
    assert (cleaned.number, cleaned.repaired, cleaned.reason) == (number, False, "")


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("4915112345678", "US", "+4915112345678"),
        ("0049 151 12345678", "US", "+4915112345678"),
        ("4.915112345678E+12", "US", "+4915112345678"),
        ("14155552671.0", "US", "+14155552671"),
        ("'+14155552671", "DE", "+14155552671"),
        ("\u00a0+1\u200b415 555 2671\u202c", "DE", "+14155552671"),
        ("+49151１２３４５６７８", "US", "+4915112345678"),
        ("٠١٥١١٢٣٤٥٦٧٨", "DE", "+4915112345678"),
        ("tel:+1-415-555-2671", "DE", "+14155552671"),
        ("+1 415 555 2671 ext. 55", "DE", "+14155552671"),
    ],
)
def test_damage_is_repaired_and_shown(text, country, number):
    cleaned = clean(text, country)
    assert (cleaned.number, cleaned.repaired) == (number, True)
    assert f" → {number}" in cleaned.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The cell is empty."),
        ("   ", "The cell is empty."),
        ("Ada", "It is not a phone number."),
        ("=cmd()", "It is not a phone number."),
        ("<script>alert(1)</script>", "It is not a phone number."),
        ("123", "It is too short for United States."),
        ("41555526711", "If the plus was lost, write +41555526711."),
        ("1" * 251, "The cell is too long for a phone number."),
        ("4.91512E+12", "its last digits are lost."),
        ("+999 123 456", "country code that does not exist"),
    ],
)
def test_what_cannot_be_called_says_why(text, words):
    cleaned = clean(text, "US")
    assert cleaned.number is None
    assert words in cleaned.reason


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.text("0123456789 -()+", max_size=20))
def test_a_text_without_damage_is_judged_as_libphonenumber_does(country, text):
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return
    if phonenumbers.is_valid_number(parsed):
        assert clean(text, country).number == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@given(st.text(max_size=300))
def test_no_text_raises_and_each_is_a_number_or_has_a_reason(text):
    cleaned = clean(text, "DE")
    assert (
        cleaned.reason if cleaned.number is None else phonenumbers.is_valid_number(phonenumbers.parse(cleaned.number))
    )
    assert len(cleaned.reason) <= 255


def test_every_region_gives_its_own_example_back():
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number(region)
        national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
        expected = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        assert clean(national, region).number == expected


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("4915112345679", "DE", "+4915112345679"),
        ("49 151 12345679", "DE", "+4915112345679"),
        ("04915112345679", "DE", "+494915112345679"),
        ("49151123456", "DE", "+4949151123456"),
    ],
)
def test_a_lost_plus_is_likelier_than_a_lost_zero_where_both_would_be_numbers(text, country, number):
    cleaned = clean(text, country)
    assert cleaned.number == number
    assert cleaned.repaired == (number == f"+{text.replace(' ', '')}")
