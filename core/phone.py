"""A cell of a spreadsheet becomes a number in E.164, or a reason why it cannot.

What is valid is decided by libphonenumber alone (`parse`, and `is_valid_number` as core/phone_patterns.py asks it); we only undo,
beforehand, what spreadsheets and copying do to numbers, and say so.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from core.countries import COUNTRIES
from core.phone_patterns import home_region, is_valid, quick

LONGEST_CELL = 250  # libphonenumber refuses longer texts
# An 11-digit text is the shortest that we take for a number which lost its plus: shorter ones are more often a typing error.
SHORTEST_WITHOUT_PLUS = 11

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# phonenumbers' name for "no country": only numbers with a country code are understood.
NO_COUNTRY = "ZZ"

_SCIENTIFIC = re.compile(r"\+?(\d(?:[.,]\d+)?)[eE]\+?(\d{1,2})")
_DECIMAL_ZERO = re.compile(r"(\+?\d{5,})[.,]0+")
_TEL = re.compile(r"(?i)(?:tel|callto|sip)\s*:\s*")
_QUOTES = "'\"`´‘’“”"
_FORMATTING = re.compile(r"[\s().\-/]+")
_EASTERN_DIGIT = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`number` is E.164, or None. `reason` says what was repaired ("'0151… → +49151…") or what is wrong."""

    number: str | None
    repaired: bool = False
    reason: str = ""


class Damaged(Exception):
    """The digits are gone and cannot be guessed; the message says what happened to them."""


def clean(text: str, country: str) -> Cleaned:
    """The number in `text`; one without a country code is taken as written in `country` (ISO code, upper case)."""
    plain = text.strip(" \t\r\n")
    if not plain:
        return Cleaned(None, reason="The cell is empty.")
    if len(plain) > LONGEST_CELL:
        return Cleaned(None, reason="The cell is too long for a phone number.")
    if number := quick(plain, country):
        return Cleaned(number)
    try:
        mended = mend(plain)
    except Damaged as damage:
        return Cleaned(None, reason=str(damage))
    number, words = _parse(mended, country)
    if number is None:
        return Cleaned(None, reason=words)
    repaired = bool(words) or mended != plain
    return Cleaned(number, repaired, f"{visible(plain)} → {number}{words}" if repaired else "")


def clean_or_form(text: str, country: str) -> Cleaned:
    """As `clean`, but one in E.164 form is taken as it is written, though nobody has it: programs may have such numbers called."""
    cleaned = clean(text, country)
    plain = text.strip()
    return Cleaned(plain) if cleaned.number is None and E164.fullmatch(plain) else cleaned


def mend(text: str) -> str:
    """Undo what spreadsheets and copying did: invisible characters, quotes, "tel:", "1.5E+10", ".0", digits of other scripts."""
    text = "".join(" " if c.isspace() else c for c in text if unicodedata.category(c) not in ("Cf", "Cc"))
    if _EASTERN_DIGIT.search(text):
        text = "".join(_ascii(c) for c in text)
    text = _TEL.sub("", text.strip().strip(_QUOTES).strip(), count=1)
    if scientific := _SCIENTIFIC.fullmatch(text):
        return _written_out(text, scientific)
    if decimal := _DECIMAL_ZERO.fullmatch(text):
        return decimal[1]
    return text


def visible(text: str) -> str:
    """The text with its invisible characters shown by name, as in "⟨no-break space⟩0151"; short enough for a reason."""
    shown = "".join(f"⟨{_called(c)}⟩" if _is_hidden(c) else c for c in text)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _is_hidden(character: str) -> bool:
    return character != " " and unicodedata.category(character) in ("Cf", "Cc", "Zs", "Zl", "Zp")


def _called(character: str) -> str:
    return unicodedata.name(character, f"U+{ord(character):04X}").lower()


def _ascii(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    wide = unicodedata.normalize("NFKC", character)
    return wide if len(wide) == 1 and wide in "+-().:/ " else character


def _written_out(text: str, scientific: re.Match[str]) -> str:
    mantissa, exponent = scientific[1].replace(",", "."), int(scientific[2])
    digits = len(mantissa.replace(".", ""))
    if digits < 7 or exponent > 15:
        raise Damaged(f"The spreadsheet shortened this number to {text}; its last digits are lost.")
    whole = Decimal(mantissa).scaleb(exponent)
    # Rounded, its last digits became zeros, and would ring at a stranger's; one zero at the end may be a true one.
    if digits < exponent or whole != whole.to_integral_value():
        raise Damaged(f"The spreadsheet shortened this number to {text}; its last digits are lost.")
    return str(int(whole))


def _parse(text: str, country: str) -> tuple[str | None, str]:
    """The E.164 number and what had to be guessed (""), or None and what is wrong."""
    if number := quick(text, country):
        return number, ""
    if number := _without_plus(text, country):
        return number, ", the plus was missing"
    first, problem = _valid(text, country)
    if first is None:
        again = _with_plus(text)
        first = _valid(again, country)[0] if again else None
        if again is None or first is None:
            return None, problem
        if _one_digit_too_many(again[1:], country):
            return None, f"{problem} If the plus was lost, write {again}."
        words = ", the plus was missing"
    else:
        words = ""
    if first.extension:
        words += f", extension {first.extension} set aside"
    return phonenumbers.format_number(first, PhoneNumberFormat.E164), words


def _without_plus(text: str, country: str) -> str | None:
    """A number that begins with its country's code and is valid with a plus, though the library can also read it without.

    In countries with numbers of many lengths 4915112345678 could be a place with the code 04915; but people write the 0, and
    spreadsheets lose the plus.
    """
    digits, home = _FORMATTING.sub("", text), home_region(country)
    if home is None or home.prefix is None or not digits.isascii() or not digits.isdigit():
        return None
    if not digits.startswith(home.code) or home.prefix.match(digits) or len(digits) < SHORTEST_WITHOUT_PLUS:
        return None
    return f"+{digits}" if is_valid(home.code, digits[len(home.code) :]) else None


def _with_plus(text: str) -> str | None:
    digits = _FORMATTING.sub("", text)
    if not digits.isascii() or not digits.isdigit():
        return None
    if digits.startswith("00"):
        return "+" + digits[2:]
    return "+" + digits if len(digits) >= SHORTEST_WITHOUT_PLUS and digits[0] != "0" else None


def _one_digit_too_many(digits: str, country: str) -> bool:
    """Is a number of this country with a digit typed twice as likely as a lost plus? Guessing would ring at a stranger's."""
    return any(_valid(digits[:place] + digits[place + 1 :], country)[0] is not None for place in range(len(digits)))


def _valid(text: str, country: str) -> tuple[phonenumbers.PhoneNumber | None, str]:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException as error:
        return None, _unparsed(error, text)
    if is_valid(str(number.country_code), phonenumbers.national_significant_number(number)):
        return number, ""
    return None, _not_valid(number, country)


def _unparsed(error: NumberParseException, text: str) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return "It begins with a country code that does not exist."
    if error.error_type in (NumberParseException.TOO_SHORT_NSN, NumberParseException.TOO_SHORT_AFTER_IDD):
        return "It is too short for a phone number."
    if error.error_type == NumberParseException.TOO_LONG:
        return "It is too long for a phone number."
    return "It is not a phone number."


def _not_valid(number: phonenumbers.PhoneNumber, country: str) -> str:
    code = number.country_code or 0
    region = phonenumbers.region_code_for_country_code(code)
    # Several countries share a code: the chosen one is the likelier home of a number that none of them has.
    if country in phonenumbers.region_codes_for_country_code(code):
        region = country
    place = COUNTRIES.get(region, f"the country code +{code}")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return f"It is too short for {place}."
    if possible == ValidationResult.TOO_LONG:
        return f"It is too long for {place}."
    return f"No such number exists in {place}."
