"""Which passwords may be set, by the rules of ASVS 5.0: long enough, not a common one, not made of what everybody knows."""

import re
from collections.abc import Callable, Iterable

from core.errors import Invalid

# ASVS asks for 8 and recommends 15; there is no second factor here, so rather more than the least.
SHORTEST = 12
LONGEST = 1024
OUR_NAME = "callboard"
# Of a known word this long nothing counts; beside such words so much must be left.
SHORTEST_WORD = 3
LEAST_BESIDE = 8


def check_password(password: str, known_words: Iterable[str], is_common: Callable[[str], bool]) -> None:
    """Invalid (field "password") says what is wrong. Any characters will do, in any mixture; nothing is cut off or altered.

    `known_words` are the person's name and address; `is_common` looks into lists of passwords that everybody tries first,
    and is only asked about passwords that are long enough.
    """
    if len(password) < SHORTEST:
        raise Invalid(f"Use at least {SHORTEST} characters. A few words in a row are easy to remember.", "password")
    if len(password) > LONGEST:
        raise Invalid(f"Use at most {LONGEST:,} characters.", "password")
    if is_common(password) or is_common(password.lower()):
        raise Invalid("This password is on the lists of common ones that are tried first. Choose another.", "password")
    if len(_without_words(password, known_words)) < LEAST_BESIDE:
        raise Invalid(
            "This password is mostly your name, your address or “Callboard”. Add words that nobody would guess.",
            "password",
        )


def _without_words(password: str, known_words: Iterable[str]) -> str:
    """What is left of a password once the words that everybody knows are taken out of it."""
    words = {word for text in (*known_words, OUR_NAME) for word in re.findall(r"\w+", text.casefold())}
    rest = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_WORD:
            rest = rest.replace(word, "")
    return rest
