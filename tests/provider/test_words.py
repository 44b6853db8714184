"""What the provider's words come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import AttemptStatus
from provider.words import DO_NOT_CALL, TABLE, campaign_is_over, normal, status_of


@pytest.mark.parametrize("word", ["no_answer", "No Answer", " NO-ANSWER ", "no - answer"])
def test_spelling_does_not_matter(word):
    assert normal(word) == "no_answer"
    assert status_of("ended", [word]).status is AttemptStatus.NO_ANSWER


@pytest.mark.parametrize(
    ("word", "status"),
    [
        (word, status)
        for status, listed in TABLE.items()
        if isinstance(status, AttemptStatus)
        for word in listed.split()
    ],
)
def test_each_status_word_of_the_table_has_its_status_and_is_known(word, status):
    assert (status_of(word).status, status_of(word).unknown_words) == (status, ())


@pytest.mark.parametrize("word", TABLE["over"].split())
def test_each_word_for_over_asks_how_the_call_ended(word):
    verdict = status_of(word)
    assert (verdict.status, verdict.ask) == (AttemptStatus.UNCLEAR, True)


CASES = [
    ("an outcome word beats a status word", "no_answer", {"status": "failed", "outcomes": ["no_answer"]}),
    ("an outcome word beats one that says it goes on", "busy", {"status": "ringing", "outcomes": ["user_busy"]}),
    ("over, and answered as the outcome", "answered", {"status": "ended", "outcomes": ["answered"]}),
    ("the best outcome field comes first", "busy", {"status": "ended", "outcomes": ["busy", "failed"]}),
    ("an outcome word that only says over", "voicemail", {"status": "ended", "outcomes": ["completed", "voicemail"]}),
    ("over with a duration", "answered", {"status": "completed", "duration": 0.5}),
    (
        "over with a duration and a contrary word",
        "voicemail",
        {"status": "ended", "outcomes": ["voicemail"], "duration": 9},
    ),
    (
        "over, an unknown outcome and a duration",
        "answered",
        {"status": "ended", "outcomes": ["interested"], "duration": 42},
    ),
    ("over, and a human", "answered", {"status": "ended", "answered_by": "human"}),
    ("over, and a machine", "voicemail", {"status": "ended", "answered_by": "machine_end_beep", "duration": 12}),
    (
        "answered, but by a machine",
        "voicemail",
        {"status": "ended", "outcomes": ["answered"], "answered_by": "machine"},
    ),
    ("a machine while the call goes on", "voicemail", {"status": "in-progress", "answered_by": "voicemail"}),
    ("a human while the call goes on", "dialling", {"status": "in-progress", "answered_by": "human"}),
    ("answered while the call goes on", "dialling", {"status": "in_progress", "outcomes": ["answered"]}),
    ("a duration so far", "dialling", {"status": "answered", "duration": 5}),
    ("answered with an end time", "answered", {"status": "answered", "ended": True}),
    ("answered in an event that says over", "answered", {"status": "answered", "event": "call.completed"}),
    ("the provider's cancelled", "failed", {"status": "ended", "outcomes": ["cancelled"]}),
    ("failed with a duration", "failed", {"status": "failed", "duration": 3}),
    ("an event in place of a status", "dialling", {"event": "call.ringing"}),
    ("an event with an outcome", "no_answer", {"event": "CallNoAnswer", "status": "ended"}),
    ("an event about another thing", None, {"event": "tool_call.completed"}),
    ("an event about a part of a call", None, {"event": "call.recording.failed"}),
    ("an unknown word", None, {"status": "interested"}),
    ("nothing", None, {}),
    ("retry alone", "dialling", {"status": "retry"}),
    ("a retry after no answer", "no_answer", {"status": "no_answer", "next_action": "retry"}),
    ("a retry after a call that was open", "unclear", {"status": "ended", "duration": 8, "next_action": "retry"}),
]


@pytest.mark.parametrize(("status", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_several_words_come_to_one_status(status, told):
    assert status_of(**told).status == status


@pytest.mark.parametrize(
    "event", ["call.completed", "call_completed", "call-ended", "CallEnded", "completed", "CALL ENDED"]
)
def test_an_event_that_says_over_without_more_is_asked_about(event):
    verdict = status_of(event=event)
    assert (verdict.status, verdict.ask, verdict.word) == (AttemptStatus.UNCLEAR, True, event)


def test_the_word_that_decided_is_kept_as_it_was_told():
    assert status_of("ended", ["Interested", "User-Busy"]).word == "User-Busy"
    assert status_of("Ended", ["Cancelled"], duration=3).word == "Cancelled"


def test_unknown_words_are_told_in_their_normal_spelling_each_once():
    verdict = status_of("ended", ["Very Interested", "very-interested"], answered_by="a parrot", duration=42)
    assert verdict.unknown_words == ("very_interested", "a_parrot")


def test_an_unknown_outcome_alone_leaves_an_ended_call_unclear():
    verdict = status_of("ended", ["interested"])
    assert (verdict.status, verdict.ask, verdict.unknown_words) == (AttemptStatus.UNCLEAR, True, ("interested",))


def test_an_event_is_an_unknown_word_only_where_it_stands_for_the_status():
    assert status_of(event="call.warbled").unknown_words == ("call_warbled",)
    assert status_of("ringing", event="call.warbled").unknown_words == ()


def test_a_sentence_is_not_a_word_to_be_mapped():
    assert (
        status_of("failed", ["The callee could not be reached because the carrier refused the call"]).unknown_words
        == ()
    )


@pytest.mark.parametrize("word", ["unknown", "None", "null", "N/A"])
def test_a_word_that_says_nothing_is_no_unknown_word(word):
    assert status_of("ended", [word], answered_by=word, duration=42).unknown_words == ()


@pytest.mark.parametrize(
    "told", [{"status": "no_answer", "next_action": "retry"}, {"status": "busy", "outcomes": ["retry"]}]
)
def test_a_retry_that_follows_is_told(told):
    assert status_of(**told).retry_follows


@pytest.mark.parametrize(
    "told", [{"status": "Not-Home"}, {"status": "ended", "outcomes": ["not home"]}, {"event": "not.home"}]
)
def test_a_word_that_a_person_mapped_counts_like_ours(told):
    verdict = status_of(**told, extra_words={"not_home": AttemptStatus.NO_ANSWER})
    assert (verdict.status, verdict.unknown_words) == (AttemptStatus.NO_ANSWER, ())


@pytest.mark.parametrize(
    ("status", "event", "over"),
    [
        ("Completed", None, True),
        ("cancelled", None, True),
        ("expired", None, True),
        ("running", "campaign.completed", False),
        ("something new", None, False),
        (None, "campaign.completed", True),
        (None, "CampaignFinished", True),
        (None, "campaign.call_completed", False),
        (None, None, False),
    ],
)
def test_a_campaign_is_over_by_its_words(status, event, over):
    assert campaign_is_over(status, event) is over


@pytest.mark.parametrize("word", DO_NOT_CALL.split())
def test_each_word_for_not_to_be_called_again_is_known_and_says_so(word):
    verdict = status_of("completed", [word.replace("_", "-").title()])
    assert (verdict.status, verdict.do_not_call, verdict.unknown_words) == (AttemptStatus.ANSWERED, True, ())


ASKED_OFF = [
    ("over, and nothing else", "answered", {"status": "ended", "outcomes": ["opted_out"]}),
    ("the word alone", "answered", {"status": "do_not_call"}),
    ("an event that is the word", "answered", {"event": "call.opted_out"}),
    ("the provider's own list", "failed", {"status": "failed", "outcomes": ["dnc"]}),
    ("said to a machine", "voicemail", {"status": "ended", "outcomes": ["dnc"], "answered_by": "machine"}),
    ("behind a word for how it ended", "declined", {"status": "ended", "outcomes": ["user_rejected", "dnc"]}),
    ("in the middle of a call", "dialling", {"status": "in_progress", "outcomes": ["stop calling"]}),
    (
        "and yet a retry is to follow",
        "answered",
        {"status": "ended", "outcomes": ["remove me"], "next_action": "retry"},
    ),
]


@pytest.mark.parametrize(("status", "told"), [case[1:] for case in ASKED_OFF], ids=[case[0] for case in ASKED_OFF])
def test_how_a_call_ended_follows_from_the_other_words(status, told):
    verdict = status_of(**told)
    assert (verdict.status, verdict.do_not_call, verdict.ask) == (status, True, False)


def test_the_word_that_asks_not_to_be_called_again_is_the_one_that_is_kept():
    assert status_of("failed", ["DNC"]).word == "DNC"
    assert not status_of("failed", ["declined"]).do_not_call


WORD = st.text(max_size=20) | st.sampled_from(f"{' '.join(TABLE.values())} {DO_NOT_CALL}".split())


@given(WORD | st.none(), st.lists(WORD), st.floats() | st.none(), WORD | st.none(), WORD | st.none(), st.booleans())
def test_any_words_come_to_a_verdict_and_only_the_unclear_is_asked_about(
    status, outcomes, duration, answered_by, event, ended
):
    verdict = status_of(status, outcomes, duration=duration, answered_by=answered_by, event=event, ended=ended)
    assert verdict.ask is (verdict.status is AttemptStatus.UNCLEAR)
