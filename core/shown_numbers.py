"""How a number stands on a page: grouped as its country writes it, or masked."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

LAST_DIGITS_SHOWN = 2
IN_TEXT = re.compile(r"\+\d[\d ().-]{5,18}\d")


@lru_cache(maxsize=20_000)
def grouped(number: str) -> str:
    """+14155550123 → +1 415-555-0123; whatever is no number stays as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return number


def masked(number: str) -> str:
    """+14155550123 → +1 •••-•••-••23: the same one can be recognised, nobody can be called."""
    text = grouped(number)
    code, gap, rest = text.partition(" ")
    if not gap:
        code, rest = "", text
    keep_from = len(rest) - LAST_DIGITS_SHOWN
    hidden = "".join(
        "•" if character.isdigit() and place < keep_from else character for place, character in enumerate(rest)
    )
    return f"{code}{gap}{hidden}"


def masked_in(text: str) -> str:
    """A sentence with every number in it masked, as those of an alarm or of the provider may have."""
    return IN_TEXT.sub(lambda found: masked(found.group()), text)
