"""Reading deliveries: any envelope, any alias, any poison, and never an exception."""

import json
from dataclasses import astuple
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import AttemptStatus, CallFact, CampaignFact
from provider.webhook import call_fact, campaign_fact, read

NUMBER = "+14155550123"
CALL = {"call_id": "c1", "to_number": NUMBER, "status": "ended", "duration_seconds": 42}


def reading(document, headers=None):
    return read(json.dumps(document).encode(), headers or {})


def the_call(document) -> CallFact:
    (call,) = reading(document).calls
    return call


@pytest.mark.parametrize(
    "document",
    [
        {"event": "call.completed", **CALL},
        {"event": "call.completed", "data": CALL},
        {"event_type": "call_completed", "payload": CALL},
        {"id": "evt_1", "type": "call.completed", "data": {"call": CALL}},
        {"message": {"type": "call.completed", "call": CALL}},
        {"event": {"type": "call.completed", "data": CALL}},
        {"kind": "call.completed", "call": CALL, "campaign": {"id": "p1", "status": "running", "total_targets": 3}},
        [{"event": "call.completed", "data": CALL}],
        {"event": "call.completed", "data": [CALL]},
        {"type": "batch", "events": [{"type": "call.completed", "data": CALL}]},
    ],
)
def test_a_call_is_found_in_each_envelope(document):
    call = the_call(document)
    assert (call.call_id, call.number, call.status, call.duration) == ("c1", NUMBER, AttemptStatus.ANSWERED, 42.0)
    assert reading(document).campaigns == ()


@pytest.mark.parametrize(
    "told",
    [
        {"event": "call.ringing"},
        {"event_type": "call.ringing"},
        {"type": "call.ringing"},
        {"message": {"type": "call.ringing"}},
        {"event": {"type": "call.ringing"}},
        {"kind": "call.ringing"},
    ],
)
def test_the_event_has_many_names(told):
    result = reading({**told, "call_id": "c1"})
    assert (result.event, result.calls[0].status) == ("call.ringing", AttemptStatus.DIALLING)


def test_the_event_may_stand_in_a_header():
    assert reading({"call_id": "c1"}, {"x-WEBHOOK-event": "call.busy"}).calls[0].status is AttemptStatus.BUSY


def nest(name, value):
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


ALIASES = [
    ("call_id", "callId call_id call.id call_sid id", "c1", "c1"),
    (
        "number",
        "to_number to phone_number phone customer_phone customer.number number toNumber user_phone_number",
        " +1 (415) 555-0123 ",
        NUMBER,
    ),
    (
        "ref",
        "context.callboard_ref metadata.callboard_ref variables.callboard_ref custom_args_values.callboard_ref"
        " dynamic_variables.callboard_ref",
        "ref-1",
        "ref-1",
    ),
    ("duration", "duration_seconds duration duration_sec call_duration durationSeconds", "90.5", 90.5),
    ("duration", "duration_ms durationMs", 90500, 90.5),
    ("duration", "call_duration_minutes", 1.5, 90.0),
    (
        "recording_url",
        "recording_url recordingUrl recording.url",
        "https://cdn.example/1.mp3",
        "https://cdn.example/1.mp3",
    ),
    ("summary", "summary ai_summary.summary analysis.summary", "They said yes.", "They said yes."),
    ("transcript", "transcript", "agent: hello", "agent: hello"),
    ("sentiment", "sentiment sentiment_score", 0.75, "0.75"),
    ("sentiment", "sentiment sentiment_score", "positive", "positive"),
    ("started_at", "started_at", "2025-08-16T13:20:00Z", datetime(2025, 8, 16, 13, 20, tzinfo=UTC)),
    ("ended_at", "ended_at", 1755350400, datetime(2025, 8, 16, 13, 20, tzinfo=UTC)),
    ("told_at", "created_at occurred_at timestamp", 1755350400000, datetime(2025, 8, 16, 13, 20, tzinfo=UTC)),
    ("direction", "direction", "outbound", "outbound"),
    ("from_number", "from_number from", "+1 415-555-0199", "+14155550199"),
]


@pytest.mark.parametrize(
    ("field", "alias", "told", "kept"),
    [(field, alias, told, kept) for field, names, told, kept in ALIASES for alias in names.split()],
)
def test_each_field_is_read_under_each_of_its_names(field, alias, told, kept):
    assert getattr(the_call({"event": "call.ended", "data": nest(alias, told)}), field) == kept


@pytest.mark.parametrize(
    "alias",
    [
        "disposition",
        "outcome",
        "call_outcome",
        "ended_reason",
        "endedReason",
        "end_reason",
        "hangup_reason",
        "hangup_cause",
        "disconnection_reason",
        "failure_reason",
        "error_message",
        "answered_by",
    ],
)
def test_an_outcome_is_read_under_each_of_its_names(alias):
    call = the_call({"call_id": "c1", "status": "ended", "duration": 9, alias: "Voicemail"})
    assert (call.status, call.word) == (AttemptStatus.VOICEMAIL, "Voicemail")


def test_the_reference_may_stand_at_the_envelope():
    document = {"event": "call.ended", "metadata": {"callboard_ref": "r1"}, "data": {"call": {"id": "c1"}}}
    assert the_call(document).ref == "r1"


def test_an_id_of_the_envelope_is_not_the_call():
    assert the_call({"id": "evt_1", "event": "call.ended", "data": {"to": NUMBER}}).call_id is None


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("0171 555.01", "017155501"),
        (14155550123, "14155550123"),
        ("tel:+14155550123", NUMBER),
        ("anonymous caller", "anonymous caller"),
        ("", None),
        ([NUMBER], None),
    ],
)
def test_a_number_loses_its_punctuation_where_it_is_one(told, kept):
    assert call_fact({"call_id": "c1", "to_number": told}).number == kept


@pytest.mark.parametrize("told", [-1, True, "NaN", float("inf"), 10**400, 86_401, "1:30", [], None, "9" * 4000])
def test_a_duration_that_cannot_be_is_dropped(told):
    assert call_fact({"call_id": "c1", "duration": told}).duration is None


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("2025-08-16T13:20:00", datetime(2025, 8, 16, 13, 20, tzinfo=UTC)),
        ("2025-08-16T15:20:00+02:00", datetime(2025, 8, 16, 13, 20, tzinfo=UTC)),
        ("1755350400", datetime(2025, 8, 16, 13, 20, tzinfo=UTC)),
        (1755350400.5, datetime(2025, 8, 16, 13, 20, 0, 500000, tzinfo=UTC)),
        ("1999-12-31T23:59:59Z", None),
        ("2100-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        (10**17, None),
        (-1, None),
        (True, None),
        ("yesterday", None),
    ],
)
def test_a_time_is_utc_and_of_this_century(told, kept):
    assert call_fact({"started_at": told}).started_at == kept


@pytest.mark.parametrize(
    "told",
    [
        "http://a.example/1",
        "javascript:alert(1)",
        "https://",
        "https://a b",
        "https://[",
        "//a",
        "https://a/" + "x" * 2000,
    ],
)
def test_a_link_that_is_not_https_is_dropped(told):
    assert call_fact({"recording_url": told}).recording_url is None


def test_a_transcript_of_turns_is_one_line_each():
    turns = [{"role": "agent", "content": "Hi"}, {"speaker": "user", "text": "Yes?"}, {"message": "…"}, "Bye", 7, {}]
    assert call_fact({"transcript": turns}).transcript == "agent: Hi\nuser: Yes?\n…\nBye"


def test_a_documented_call_record_is_read_like_an_event():
    record = {
        "call_id": "5f0c", "agent_id": "a1", "tenant_id": "t1", "direction": "outbound", "from_number": "+14155550100",
        "to_number": NUMBER, "status": "failed", "started_at": "2025-08-16T13:20:00", "disposition": "no_answer",
        "duration_seconds": None, "recording_url": None, "sentiment_score": None, "ended_at": None,
    }  # fmt: skip
    call = call_fact(record)
    assert (call.status, call.word, call.number, call.duration) == (AttemptStatus.NO_ANSWER, "no_answer", NUMBER, None)


def test_a_list_of_events_is_several_facts():
    result = reading([{"event": "call.ringing", "call_id": "c1"}, 7, {"event": "call.busy", "call_id": "c2"}])
    assert [(call.call_id, call.status) for call in result.calls] == [("c1", "dialling"), ("c2", "busy")]


def test_a_call_that_holds_lists_is_one_call():
    assert the_call({**CALL, "items": [{"id": "step-1", "status": "completed"}]}).call_id == "c1"


def test_more_events_than_anybody_sends_are_not_read():
    result = reading([CALL] * 2001)
    assert result.calls == ()
    assert "2001 events" in result.problem


@pytest.mark.parametrize(
    "document", [{}, [], {"event": "ping"}, {"event": "test", "id": "x1"}, {"status": "ok", "id": 5}]
)
def test_what_is_about_no_call_says_nothing(document):
    result = reading(document)
    assert (result.calls, result.campaigns, result.problem) == ((), (), None)


def test_an_unknown_word_about_a_known_call_is_a_fact_that_moves_nothing():
    call = the_call({"event": "call.update", "call_id": "c1", "status": "Warbling"})
    assert (call.status, call.word, call.unknown_words) == (None, "Warbling", ("warbling",))


PROGRESS = {"campaign_id": "p1", "status": "running", "total_targets": 9, "calls_initiated": 4, "calls_completed": 3}


@pytest.mark.parametrize(
    "document",
    [
        {"event": "campaign.progress", "data": PROGRESS},
        {"event": "campaign.progress", "data": {"context": {"callboard_ref": "r"}, "number": 7, **PROGRESS}},
        PROGRESS,
        {"type": "progress", "campaign": {"id": "p1", **PROGRESS}},
    ],
)
def test_progress_of_a_campaign_is_a_campaign_fact(document):
    (fact,) = reading(document).campaigns
    assert (fact.provider_id, fact.status, fact.over, fact.total, fact.initiated, fact.completed, fact.failed) == (
        "p1", "running", False, 9, 4, 3, None,
    )  # fmt: skip
    assert reading(document).calls == ()


def test_a_campaign_event_that_names_a_call_is_a_call():
    assert the_call({"event": "campaign.call.completed", "data": {**PROGRESS, "status": "ended", "call_id": "c1"}}).ask


@pytest.mark.parametrize(
    ("status", "over"), [("completed", True), ("Stopped", True), ("in_progress", False), ("?", False)]
)
def test_a_campaign_is_over_where_its_status_says_so(status, over):
    assert campaign_fact({"campaign_id": "p1", "status": status}).over is over


def test_a_campaign_event_says_over_where_no_status_does():
    assert reading({"event": "campaign.completed", "campaign_id": "p1"}).campaigns[0].over


def test_the_answer_to_creating_a_campaign_is_read_with_the_references_of_its_targets():
    answer = {**PROGRESS, "name": "Spring", "calls_failed": 1, "targets": [{"context": {"callboard_ref": "r1"}}, None]}
    assert campaign_fact({"data": answer}) == CampaignFact("p1", "running", False, "Spring", 9, 4, 3, 1, ("r1",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'"text"',
        b"7",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 30_000,
        b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
        b'{"duration": ' + b"9" * 5000 + b"}",
        b'1755350400.{"call_id": "c1"}',
        b'{"call_id": "c1"}1755350400',
        b'{"call_id": "c1"}{"call_id": "c2"}',
    ],
)
def test_what_is_not_one_json_object_or_list_has_a_problem(body):
    result = read(body, {"X-Webhook-Event": "call.ended"})
    assert (result.calls, result.event) == ((), "call.ended")
    assert result.problem.endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b'{"call_id": "c1", "duration": NaN, "sentiment": -Infinity}',
        b'{"call_id": "c0", "call_id": "c1"}',
        json.dumps({"call_id": "c1"}).encode("utf-16"),
        json.dumps({"call_id": "c1"}).encode("utf-8-sig"),
        b'{"call_id": "c1", "duration": 1e999, "started_at": 1e308}',
        b'{"call_id": "c1", "a": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_poison_that_can_be_read_is_applied_without_its_poison(body):
    (call,) = read(body, {}).calls
    assert (call.call_id, call.duration, call.sentiment, call.started_at) == ("c1", None, None, None)


def test_text_that_a_database_refuses_is_replaced():
    call = the_call(
        {"call_id": "a\0b", "status": "x\ud800", "summary": "\0", "transcript": [{"role": "\udfff", "text": "\0"}]}
    )
    assert (call.call_id, call.word, call.summary, call.transcript) == (
        "a\ufffdb",
        "x\ufffd",
        "\ufffd",
        "\ufffd: \ufffd",
    )


def test_text_is_bounded():
    long = "x" * 300_000
    call = the_call({"call_id": long, "status": long, "summary": long, "transcript": [long] * 3, "to_number": long})
    assert [len(text) for text in (call.call_id, call.word, call.summary, call.transcript)] == [
        200,
        200,
        20_000,
        200_000,
    ]
    assert len(call.number) <= 200


KEYS = st.sampled_from(
    [
        "event",
        "type",
        "status",
        "call",
        "campaign",
        "data",
        "payload",
        "message",
        "events",
        "call_id",
        "id",
        "to_number",
        "disposition",
        "answered_by",
        "duration",
        "started_at",
        "recording_url",
        "summary",
        "transcript",
        "sentiment",
        "context",
        "callboard_ref",
        "targets",
        "next_action",
        "total",
        "text",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20)
TELLING = st.sampled_from(
    ["call.completed", "campaign.progress", "ended", "https://a.example", NUMBER, "2025-08-16", 1755350400]
)
DOCUMENTS = st.recursive(
    SCALARS | TELLING,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=8),
    max_leaves=30,
)


@pytest.mark.parametrize(
    "told", [{"outcome": "Do-Not-Call"}, {"call_status": "opted_out"}, {"disposition": "remove me"}]
)
def test_a_delivery_and_a_call_of_a_poll_alike_say_that_somebody_is_not_to_be_called_again(told):
    assert the_call({"event": "call.completed", "data": CALL | told}).do_not_call
    polled = call_fact({"id": "c1", "to_number": NUMBER} | told)
    assert (polled.do_not_call, polled.word) == (True, next(iter(told.values())))
    assert not the_call({"event": "call.completed", "data": CALL}).do_not_call


@given(st.binary(), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_any_bytes_are_read_or_have_a_problem(body, headers):
    assert read(body, headers).problem is None or read(body, headers).calls == ()


@given(DOCUMENTS)
def test_any_json_is_read_into_facts_that_every_database_can_store(document):
    result = reading(document)
    for fact in (*result.calls, *result.campaigns):
        text = json.dumps(astuple(fact), default=str, ensure_ascii=False)
        assert "\\u0000" not in text
        assert text.encode("utf-8")
