"""The short way to a number and libphonenumber itself say the same, whatever they are asked."""

import random

import phonenumbers
import pytest
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from core.phone_patterns import is_valid, quick

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = list(PhoneNumberType.values())


def by_the_library(text, country):
    """The E.164 number, or None; and its country code and national number where it could be read at all."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None, None
    parts = str(number.country_code), phonenumbers.national_significant_number(number)
    if not phonenumbers.is_valid_number(number):
        return None, parts
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), parts


def some_number(chance):
    """A region, its country code, and a national number there: an example of any kind, with some of its digits changed."""
    while True:
        region = chance.choice(REGIONS)
        example = phonenumbers.example_number_for_type(region, chance.choice(KINDS))
        if example is not None:
            break
    digits = list(phonenumbers.national_significant_number(example))
    for _ in range(chance.choice((0, 1, 2, 3, 6))):
        digits[chance.randrange(len(digits))] = str(chance.randrange(10))
    if chance.random() < 0.1:
        digits.append(str(chance.randrange(10)))
    if chance.random() < 0.1:
        digits.pop()
    return region, str(example.country_code), "".join(digits)


def ways_to_write(code, national, prefix):
    first, rest = national[:3], national[3:]
    return (
        f"+{code}{national}", national, f"{prefix}{national}", f"{code}{national}", f"00{code}{national}",
        f"+{code}{prefix}{national}", f"+{code} ({first}) {rest}", f"{prefix}{first}-{rest}",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_twenty_thousand_numbers_of_all_regions_are_read_as_the_library_reads_them(seed):
    chance, asked, quickly, wrong = random.Random(seed), 0, 0, []
    while asked < 20_000:
        region, code, national = some_number(chance)
        prefix = PhoneMetadata.metadata_for_region(region).national_prefix or ""
        for text in ways_to_write(code, national, prefix):
            country = region if chance.random() < 0.7 else chance.choice(REGIONS)
            told, parts = by_the_library(text, country)
            asked += 1
            answer = quick(text, country)
            quickly += answer is not None
            if answer not in (None, told) or (parts and is_valid(*parts) != (told is not None)):
                wrong.append((text, country, told, answer))
    assert wrong == []
    assert quickly > asked / 3


@pytest.mark.parametrize(
    "text", ["", "+", "+1", "415", "tel:+14155552671", "+14155552671.0", "4155552671.00", "+1 415 555 2671 x5"]
)
def test_what_is_not_plainly_written_is_left_to_the_library(text):
    assert quick(text, "US") is None
