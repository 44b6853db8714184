"""The short way to a valid number: libphonenumber's own patterns, put together and asked directly.

The library takes a text apart in many small steps, each of which asks a pattern; for plainly written numbers most of the steps
decide nothing. `quick` answers for those, with what the library would answer, or None: then the library has to be asked.
tests/core/test_phone_patterns.py holds the two together, over numbers of every region.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_PLAIN = re.compile(r"\+?\(?[0-9][0-9 ().\-/]*")
_DECIMAL = re.compile(r"\+?[0-9]+\.0+")
_PUNCTUATION = str.maketrans("", "", " ().-/")
# In the order in which the library asks for them; a number of any of these kinds is valid.
_KINDS = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail", "fixed_line", "mobile",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Region:
    """One region's patterns. `kinds` has, for each possible length, the pattern of all valid numbers of that length."""

    general: re.Pattern[str]
    lengths: frozenset[int]
    kinds: dict[int, re.Pattern[str]]
    leading: re.Pattern[str] | None
    prefix: re.Pattern[str] | None
    prefix_is_plain: bool
    abroad: re.Pattern[str] | None
    code: str


def quick(text: str, country: str) -> str | None:
    """The E.164 number of a plainly written valid one (`country`: ISO code, for numbers without "+"); None says: ask the library."""
    if not _PLAIN.fullmatch(text) or _DECIMAL.fullmatch(text):
        return None
    digits = text.translate(_PUNCTUATION)
    if digits[0] == "+":
        return _international(digits[1:])
    return _national(digits, country)


def _international(digits: str) -> str | None:
    for length in (1, 2, 3):
        code = digits[:length]
        if code in _codes():
            rest = digits[length:]
            home = region_of(_codes()[code][0], code)
            # What looks like a national prefix behind the country code may be dropped, or may not: the library knows.
            if home.prefix is not None and home.prefix.match(rest):
                return None
            return f"+{digits}" if is_valid(code, rest) else None
    return None


def _national(digits: str, country: str) -> str | None:
    home = home_region(country)
    if home is None or (home.abroad is not None and home.abroad.match(digits)):
        return None
    if digits.startswith(home.code):
        return _with_code(digits, home)
    prefix = home.prefix.match(digits) if home.prefix is not None else None
    if prefix is not None:
        digits = digits[prefix.end() :]
        if not home.prefix_is_plain or len(digits) not in home.lengths or not home.general.fullmatch(digits):
            return None
    return f"+{home.code}{digits}" if is_valid(home.code, digits) else None


def _with_code(digits: str, home: Region) -> str | None:
    """A number with its country's code and no plus, where it cannot be one without the code."""
    rest = digits[len(home.code) :]
    main = region_of(_codes()[home.code][0], home.code)
    prefixed = any(region.prefix is not None and region.prefix.match(rest) for region in (home, main))
    if prefixed or home.general.fullmatch(digits) or not home.general.fullmatch(rest):
        return None
    return f"+{digits}" if is_valid(home.code, rest) else None


def is_valid(code: str, national: str) -> bool:
    """The library's `is_valid_number`: the first region of this country code that can have the number decides."""
    names = _codes()[code]
    for name in names:
        region = region_of(name, code)
        pattern = region.kinds.get(len(national))
        fits = pattern is not None and pattern.fullmatch(national) is not None
        if len(names) == 1 or region.leading is None:
            if fits:
                return True
        elif region.leading.match(national):
            return fits
    return False


@cache
def _codes() -> dict[str, tuple[str, ...]]:
    return {str(code): regions for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}


@cache
def home_region(country: str) -> Region | None:
    metadata = PhoneMetadata.metadata_for_region(country, None)
    return region_of(country, str(metadata.country_code)) if metadata is not None else None


@cache
def region_of(name: str, code: str) -> Region:
    metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(int(code), name)
    general = metadata.general_desc
    prefix = metadata.national_prefix_for_parsing
    return Region(
        general=re.compile(general.national_number_pattern),
        lengths=frozenset(general.possible_length),
        kinds={length: _all_kinds(metadata, length) for length in general.possible_length},
        leading=re.compile(metadata.leading_digits) if metadata.leading_digits else None,
        prefix=re.compile(prefix) if prefix else None,
        prefix_is_plain=not metadata.national_prefix_transform_rule,
        abroad=re.compile(metadata.international_prefix) if metadata.international_prefix else None,
        code=code,
    )


def _all_kinds(metadata: Any, length: int) -> re.Pattern[str]:
    patterns = []
    for kind in _KINDS:
        desc = getattr(metadata, kind)
        if desc is not None and desc.national_number_pattern and length in (desc.possible_length or (length,)):
            patterns.append(f"(?:{desc.national_number_pattern})")
    either = "|".join(dict.fromkeys(patterns)) or r"(?!)"
    return re.compile(rf"(?=(?:{metadata.general_desc.national_number_pattern})\Z)(?:{either})")
