"""Complaints in every documented shape become words and fields; nothing in them can raise."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.facts import FieldError
from provider.errors import LONGEST_MESSAGE, LONGEST_WORDS, MOST_ERRORS, read_errors
from tests.provider.documents import BODIES, DOCUMENTS

NUMBER = FieldError(("body", "targets", 3, "to_number"), "not E.164")


def reading(document):
    return read_errors(json.dumps(document).encode())


def test_the_documented_list_names_each_field():
    listed = [{"loc": ["body", "targets", 3, "to_number"], "msg": "not E.164", "type": "value_error", "input": "x"}]
    assert reading({"detail": listed}) == ("targets.3.to_number: not E.164", (NUMBER,))


@pytest.mark.parametrize(
    "document",
    [
        {"detail": "No such agent"},
        {"detail": {"message": "No such agent", "code": "agent_missing"}},
        {"detail": ["No such agent"]},
        {"message": "No such agent"},
        {"error": "No such agent"},
        {"error": {"message": "No such agent"}},
        {"detail": [], "message": "No such agent"},
        {"detail": None, "error": {"description": "No such agent"}},
        [{"msg": "No such agent"}],
        "No such agent",
    ],
)
def test_a_sentence_is_found_wherever_it_stands(document):
    assert reading(document)[0] == "No such agent"


@pytest.mark.parametrize("told", ["targets[3].to_number", "targets.3.to_number"])
def test_a_place_in_one_string_is_taken_apart(told):
    (error,) = reading({"detail": [{"loc": told, "msg": "bad"}]})[1]
    assert error.loc == ("targets", 3, "to_number")


def test_an_object_of_fields_names_each_field():
    errors = reading({"errors": {"name": ["too long", "not nice"], "agent_id": "unknown"}})[1]
    assert errors == (
        FieldError(("name",), "too long"),
        FieldError(("name",), "not nice"),
        FieldError(("agent_id",), "unknown"),
    )


def test_many_complaints_are_counted_in_the_sentence_and_all_kept():
    words, errors = reading({"detail": [{"loc": ["body", each], "msg": "bad"} for each in range(10)]})
    assert words == "0: bad; 1: bad; 2: bad; and 7 more"
    assert len(errors) == 10


def test_a_page_of_html_is_no_sentence_and_plain_text_is_one():
    assert read_errors(b"<html><body>Bad Gateway</body></html>") == ("", ())
    assert read_errors(b"no healthy upstream\r\n") == ("no healthy upstream", ())


def test_what_cannot_be_stored_or_printed_is_left_out():
    assert reading({"detail": "a\x00b\ud800c\r\nd\u2028e"})[0] == "a b c d e"


@given(BODIES | DOCUMENTS.map(lambda document: json.dumps({"detail": document}).encode()))
@example(b"[" * 100_000)
@example(b'{"detail": [{"loc": [' + b"9" * 4000 + b'], "msg": "m"}]}')
@example(b'{"detail": ' + b"9" * 5000 + b"}")
@example(b'{"detail": ["' + b"x" * 100_000 + b'"]}')
@example(b'\xff\xfe{\x00"\x00')
def test_no_body_raises_and_everything_is_bounded(body):
    words, errors = read_errors(body)
    assert len(words) <= LONGEST_WORDS
    assert len(errors) <= MOST_ERRORS
    assert all(0 < len(error.message) <= LONGEST_MESSAGE and len(error.loc) <= 16 for error in errors)
    (words + "".join(error.message + "".join(map(str, error.loc)) for error in errors)).encode()


@given(st.lists(st.text() | st.integers() | st.booleans() | st.none()), st.text(min_size=1))
def test_any_place_is_readable(loc, message):
    words, errors = reading({"detail": [{"loc": loc, "msg": "x" + message}]})
    assert words
    assert all(isinstance(part, str | int) for part in errors[0].loc)
