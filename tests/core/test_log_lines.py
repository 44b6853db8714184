"""Lines of a log: readable, one a thing, and without secrets and full numbers."""

import logging
import re
import sys

import pytest

from core.log_lines import Line, without_secrets

HEX = "0123456789abcdef" * 4
BASE64 = "K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("GET /links/s3cret-Token_1", "GET /links/<token>"),
        ("POST /webhooks/s3cret?x=1", "POST /webhooks/<token>?x=1"),
        ("Authorization: Bearer cb_abc.def-123", "Authorization: Bearer <secret>"),
        ("{'Authorization': 'Basic YTpi'}", "{'Authorization': 'Basic <secret>'}"),
        ("Cookie: callboard=abc; x=y", "Cookie: <secret>"),
        ("sent __Host-callboard=abc-def_1; Path=/", "sent __Host-callboard=<secret>; Path=/"),
        ("key cb_0123456789abcdef is wrong", "key cb_<secret> is wrong"),
        ("{'webhook_secret': 'whsec_MfKQ9r8GKYqrTwjU'}", "{'webhook_secret': '<secret>'}"),
        ("whsec_MfKQ9r8GKYqrTwjU", "whsec_<secret>"),
        (f"webhook-signature: v1,{BASE64}", "webhook-signature: <secret>,<signature>"),
        (f"sha256={HEX}", "sha256=<signature>"),
        (f"t=1764000000,v1={HEX}", "t=<number …00>,v1=<signature>"),
        ("password=hunter2&next=/", "password=<secret>&next=/"),
        ('"access_token": "abc", "token_type": "bearer"', '"access_token": "<secret>", "token_type": "bearer"'),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln", "<token>"),
        ("/sign-in/done?code=abc&state=def", "/sign-in/done?code=<secret>&state=<secret>"),
        ("postgresql://ada:pass@db/callboard", "postgresql://ada:<secret>@db/callboard"),
        ("redis://:pass@cache:6379/0", "redis://:<secret>@cache:6379/0"),
        ("called +14155550123 again", "called <number …23> again"),
        ("called +1 (415) 555-0123.", "called <number …23>."),
        ("Key (number)=(+14155550123) already exists", "Key (number)=(<number …23>) already exists"),
        ("call 14155550123", "call <number …23>"),
    ],
)
def test_a_secret_or_a_number_is_left_out(said, written):
    assert without_secrets(said) == written


@pytest.mark.parametrize(
    "said",
    [
        "method=GET rule=/campaigns/<int:campaign_id> status=200 ms=12",
        "wave 17 of campaign 4 is accepted",
        "request 3fa85f64-5717-4562-b3fc-000012345678",
        "listening on http://127.0.0.1:8000",
        "2026-11-23 12:00:00.123",
        "the token was revoked; no signature matched",
    ],
)
def test_the_rest_stays_as_it_is(said):
    assert without_secrets(said) == said


def record(words, *args, **more):
    return logging.LogRecord("callboard", logging.WARNING, "", 0, words, args, more.get("exc_info"))


def test_a_line_is_key_and_value_and_one_line():
    line = Line("request=%(levelno)s ").format(record("Exception on %s", "/x\ntime=2026 level=INFO forged\x1b[0m"))
    assert "\n" not in line
    assert re.match(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=", line)
    assert line.endswith(
        r"level=WARNING logger=callboard request=30 Exception on /x\x0atime=2026 level=INFO forged\x1b[0m"
    )


def test_a_traceback_is_indented_and_holds_no_secret():
    try:
        raise ValueError("no\ntime=2026 for Bearer abcdef")
    except ValueError:
        lines = Line().format(record("It broke", exc_info=sys.exc_info())).splitlines()
    assert lines[0].endswith("It broke")
    assert lines[-1] == "    time=2026 for Bearer <secret>"
    assert all(line.startswith("    ") for line in lines[1:])
