"""What was read from where: the same tables as the reading, so that the page never says something else than what was done."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.explain import explain
from provider.webhook import read

CALL = {"call_id": "c1", "to_number": "+14155550123", "status": "ended", "duration_seconds": 42}


def found(document, **more):
    events = explain(json.dumps(document).encode(), **more)
    return [{one.name: (one.place, one.value, one.meaning) for one in event} for event in events]


def test_each_thing_is_told_with_its_place_and_a_word_with_its_meaning():
    (event,) = found({"type": "call.completed", "data": {"call": CALL}, "context": {"callboard_ref": "r1"}})
    assert event["Number"] == ("data.call.to_number", "+14155550123", None)
    assert event["Status"] == ("data.call.status", "ended", "over")
    assert event["Event"] == ("type", "call.completed", "over")
    assert event["Our reference"][:2] == ("context.callboard_ref", "r1")


def test_a_word_that_nobody_knows_is_unknown_until_it_is_explained():
    document = {"data": CALL | {"status": "vaporized"}}
    assert found(document)[0]["Status"][2] == "unknown"
    assert found(document, extra_words={"vaporized": "busy"})[0]["Status"][2] == "busy"


def test_several_events_are_told_one_by_one():
    events = found({"events": [{"type": "call.ringing", "data": CALL}, {"type": "call.ended", "data": CALL}]})
    assert [event["Event"][1] for event in events if event] == ["call.ringing", "call.ended"]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"id": "c7", "to_number": "+14155550123"}, "id"),
        ({"id": "evt", "data": {"id": "c7", "to": "+14155550123"}}, "data.id"),
    ],
)
def test_a_bare_id_beside_the_number_is_the_call_s(document, place):
    assert found(document)[0]["Call"] == (place, "c7", None)


def test_what_the_campaign_says_of_itself_is_nothing_of_the_call():
    told = found({"data": CALL, "campaign": {"to_number": "+14155559999", "id": "p1", "calls_initiated": 3}})[0]
    assert (told["Number"][0], told["Calls begun"][0]) == ("data.to_number", "campaign.calls_initiated")


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 5000, b"7", b"\xff", b'"text"', b"[1, [2]]"])
def test_what_cannot_be_read_is_told_nothing_of(body):
    assert not any(explain(body))


NAMES = (
    "call_id", "to_number", "status", "outcome", "duration", "id", "event", "type", "data", "call", "campaign", "payload",
    "number",
)  # fmt: skip
names = st.sampled_from(NAMES)
values = st.recursive(
    st.sampled_from([None, "ended", "busy", "+14155550123", "c1", 42, -1, True, ""]),
    lambda inner: st.dictionaries(names, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(st.dictionaries(names, values, max_size=5))
def test_number_and_call_are_those_that_were_read(document):
    """Of a delivery that is one call."""
    calls = read(json.dumps(document).encode(), {}).calls
    told = found(document)
    if len(calls) == 1 and len(told) == 1:
        number, call = told[0].get("Number"), told[0].get("Call")
        assert (calls[0].number is None) == (number is None)
        assert calls[0].call_id == (call and call[1])
