"""How a number stands on a page: grouped as its country writes it, or masked."""

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

LAST_DIGITS_SHOWN = 2


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
