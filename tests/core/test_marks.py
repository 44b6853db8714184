"""The high-water mark: either place outside that agrees is enough, and whoever is ahead, or nobody, stops everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.database import writing
from core.decisions import try_again
from core.marks import Finding, KnownSubmission, Mark, ensure_mark, judge, next_mark
from core.models import Campaign, Setting
from core.provider_binding import bind, notice_provider, rebind, why_not_ours
from core.restoring import hold_what_was_found, lost_submissions
from tests.core.cast import LAUNCHER, accepted, check_boxes, claimed, launched, number, states, tick, why

OURS, THEIRS = "ours", "theirs"
MARKS = st.none() | st.builds(Mark, st.sampled_from([OURS, THEIRS]), st.integers(0, 5))


@given(MARKS, MARKS, st.integers(0, 5))
def test_the_rule_of_the_two_places(in_redis, in_file, here):
    finding = judge(Mark(OURS, here), [in_redis, in_file])
    same = [mark.number for mark in (in_redis, in_file) if mark and mark.installation == OURS]
    if any(number > here for number in same):
        assert finding == Finding.AHEAD
    elif same or here == 0:
        assert finding == Finding.FINE
    else:
        assert finding == Finding.STRANGE


def test_each_claim_counts_one_more(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    with writing(session):
        before = ensure_mark(session)
    held = claimed(session, wave_id, now)
    assert (held.mark.installation, held.mark.number) == (before.installation, before.number + 1)


def test_a_database_of_an_older_version_counts_what_it_knows_of(session, now):
    campaign = launched(session, now)
    accepted(session, campaign, now)
    with writing(session):
        session.delete(session.get_one(Setting, "submissions"))
    with writing(session):
        assert ensure_mark(session).number == 1


@pytest.fixture
def put_back(session, now):
    """A database that does not know of one submission of two of its three people."""
    campaign = launched(session, now)
    with writing(session):
        ours = next_mark(session)
    lost = [KnownSubmission(2, now, campaign.id, "Spring", 1, (number(0), number(1)))]
    with writing(session):
        hold_what_was_found(session, Finding.AHEAD, ours, 2, lost, now)
    return campaign


def test_what_is_found_holds_everything_once_and_says_why(session, now, put_back):
    assert tick(session, put_back, now).submit == []
    assert why(session, put_back).startswith("This database is older than the submissions that were made from here")
    with writing(session):
        hold_what_was_found(session, Finding.AHEAD, Mark("x", 1), 2, [], now)
    assert len(lost_submissions(session)) == 1


def test_whoever_was_handed_over_since_is_left_out_when_the_campaign_goes_on(session, now, put_back):
    with writing(session):
        try_again(session, put_back.id, LAUNCHER, now)
    assert states(session, put_back) == ["excluded", "excluded", "ready"]
    wave = accepted(session, put_back, now)
    assert [target["to_number"] for target in wave.request["targets"]] == [number(2)]
    check_boxes(session, put_back)


def test_another_provider_than_the_one_that_was_submitted_to_keeps_everything_back(session, now):
    campaign = launched(session, now)
    with writing(session):
        notice_provider(session, "https://real.example")
    (wave_id,) = tick(session, campaign, now).submit
    with writing(session):
        bind(session)
        notice_provider(session, "sandbox")
    assert claimed(session, wave_id, now) is None
    tick(session, campaign, now)
    assert "belongs to the provider https://real.example, and the settings name the sandbox" in why(session, campaign)
    with writing(session):
        rebind(session, LAUNCHER, now)
        assert why_not_ours(session) is None
    assert session.get_one(Campaign, campaign.id).hold is None
