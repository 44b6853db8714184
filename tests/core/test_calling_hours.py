"""Waves keep to the calling hours: by the clocks of the people in them, for as long as they take, and once more at the claim."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phonenumbers import is_valid_number, parse
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA
from sqlalchemy import event, insert, select, update
from sqlalchemy.orm import Session

from core.clocks import Clocks, guessed_zones, hours_words, zones_of
from core.database import open_engine, writing
from core.errors import Invalid
from core.facts import AttemptStatus, CallFact, Sent
from core.hours import place
from core.ledger import apply_call
from core.models import Campaign, Contact, Wave
from core.waiting import waiting
from core.waves import lock_wave
from tests.core.cast import (
    answer,
    check_boxes,
    claimed,
    later,
    launched,
    launched_with,
    set_hours,
    states,
    tick,
    why,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday, 13:00 in Berlin, 07:00 in New York, 21:00 in Tokyo
OFFICE = {"hours_from": 9 * 60, "hours_to": 20 * 60, "zone": "Europe/Berlin"}
BY_NUMBER = OFFICE | {"hours_by": "number"}
BERLIN, NEW_YORK, TOKYO, NAIROBI = "+49302345678", "+12125550123", "+81312345678", "+254202345678"
NO_ANSWER = AttemptStatus.NO_ANSWER


def by_number(session, *numbers, now=NOON, **settings):
    return launched_with(session, now, [{"number": number} for number in numbers], **BY_NUMBER | settings)


def at(hour, minute=0, day=2):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def zones(session, campaign):
    """Those of each contact, in the list's order."""
    session.rollback()
    mine = select(Contact.clock).where(Contact.campaign_id == campaign.id).order_by(Contact.position)
    return [zones_of(campaign, clock) for clock in session.scalars(mine)]


def wave_of(session, campaign, now):
    """The wave that is cut and claimed and accepted now."""
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.ACCEPTED, now)
    return session.get_one(Wave, wave_id)


def report_of(session, wave, number, status, call_id, now=NOON):
    with writing(session):
        apply_call(session, lock_wave(session, wave.id), CallFact(status, number=number, call_id=call_id), now)


def test_without_hours_nobody_s_clock_is_looked_up(session):
    campaign = by_number(session, BERLIN, NEW_YORK, hours_from=None, hours_to=None)
    assert (zones(session, campaign), campaign.clocks) == ([["Europe/Berlin"]] * 2, [["Europe/Berlin"]])
    assert hours_words(campaign) == "At any time"


def test_each_number_has_the_clocks_of_the_places_it_may_be_in(session):
    campaign = by_number(session, BERLIN, NEW_YORK, "+79161234567", "+18005550199", "+88213300000")
    berlin, new_york, russia, toll_free, satellite = zones(session, campaign)
    assert (berlin, new_york, satellite) == (["Europe/Berlin"], ["America/New_York"], ["Europe/Berlin"])
    assert "Asia/Kamchatka" in russia
    assert "Pacific/Guam" in toll_free
    assert len(campaign.clocks) == 4
    assert hours_words(campaign) == "Mon–Fri 09:00–20:00, by each person's own clock, guessed from the number"


def test_a_row_s_own_zone_counts_and_one_without_goes_by_the_campaign_s(session):
    rows = [{"number": BERLIN, "time_zone": zone} for zone in ("Asia/Tokyo", None, "Mars/Base")]
    campaign = launched_with(session, NOON, rows, **OFFICE, hours_by="column")
    assert zones(session, campaign) == [["Asia/Tokyo"], ["Europe/Berlin"], ["Europe/Berlin"]]


def test_every_zone_of_libphonenumber_is_one_we_know():
    for zone in {zone for zones in TIMEZONE_DATA.values() for zone in zones}:
        place(zone)


@given(st.text(max_size=20))
def test_whatever_is_no_number_is_somewhere(number):
    assert guessed_zones(number)


valid_numbers = st.one_of(
    st.integers(2_000_000_000, 9_999_999_999).map(lambda digits: f"+1{digits}"),
    st.from_regex(r"\+(?:7|20|30|31|33|39|44|49|55|61|86|91|254|351|372)[1-9][0-9]{7,10}", fullmatch=True),
).filter(lambda number: is_valid_number(parse(number)))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(valid_numbers)
def test_what_is_not_asked_twice_is_what_would_have_been_answered(number):
    assert guessed_zones(number) == time_zones_for_number(parse(number))


def test_a_zone_that_is_not_known_is_taken_for_the_campaign_s(monkeypatch):
    monkeypatch.setattr("core.clocks.time_zones_for_number", lambda _number: ("Asia/Tokyo", "Mars/Base"))
    clocks = Clocks(Campaign(**BY_NUMBER, hours_days=[0]))
    assert clocks.of("+79876543210", None) == 1
    assert clocks.zones[1] == ["Asia/Tokyo", "Europe/Berlin"]


def test_hours_that_cannot_be_kept_are_not_launched(session):
    with pytest.raises(Invalid, match="The provider chooses when"):
        launched(session, NOON, **OFFICE, retry_by="provider", retry_attempts=1)
    with pytest.raises(Invalid, match="at least one day"):
        launched(session, NOON, **OFFICE, hours_days=[])


def test_nobody_is_called_outside_the_hours_and_the_page_says_until_when(session):
    campaign = launched(session, at(21), **OFFICE)
    for moment in (at(21), at(21, 1), at(5, day=3)):
        assert tick(session, campaign, moment).submit == []
        assert why(session, campaign) == "Outside calling hours until 09:00 on Tuesday (Europe/Berlin)."
    assert len(tick(session, campaign, at(8, day=3)).submit) == 1


def test_the_list_is_taken_in_its_order_but_for_those_whose_hours_have_not_come(session):
    campaign = by_number(session, TOKYO, BERLIN, NEW_YORK, NAIROBI)
    wave = wave_of(session, campaign, NOON)
    assert states(session, campaign) == ["ready", "submitted", "ready", "submitted"]
    tick(session, campaign, NOON)
    told = "outside calling hours until 15:00 on Monday in Europe/Berlin; people are called by clocks of their own."
    assert why(session, campaign) == f"Wave 1 is calling; 2 of 5 lines are busy; whoever waits is {told}"
    for number in (BERLIN, NAIROBI):
        report_of(session, wave, number, AttemptStatus.ANSWERED, f"call-{number}")
    tick(session, campaign, NOON)
    assert why(session, campaign) == f"O{told[1:]}"
    check_boxes(session, campaign)
    assert wave_of(session, campaign, at(14)).request["targets"][0]["to_number"] == NEW_YORK


def test_many_clocks_are_read_in_the_order_of_the_list(session):
    numbers = [f"+4930234{place:04}" if place % 3 else f"+25420234{place:04}" for place in range(90)]
    campaign = by_number(session, TOKYO, *numbers, wave_size=60)
    (wave_id,) = tick(session, campaign, NOON).submit
    request = session.get_one(Wave, wave_id).request
    assert [target["to_number"] for target in request["targets"]] == numbers[:60]


def test_a_wave_is_made_smaller_to_end_inside_the_hours(session):
    """Ten minutes are left: a minute to be handed over, and four calls on each of two lines."""
    campaign = launched(session, at(18, 50), people=30, lines=2, **OFFICE)
    (wave_id,) = tick(session, campaign, at(18, 50)).submit
    assert session.get_one(Wave, wave_id).size == 8
    assert claimed(session, wave_id, at(18, 51)) is not None


def test_nobody_is_called_when_not_even_one_call_fits(session):
    campaign = launched(session, at(18, 58), **OFFICE)
    assert tick(session, campaign, at(18, 58)).submit == []
    assert why(session, campaign) == "Outside calling hours until 09:00 on Tuesday (Europe/Berlin)."


def test_those_whose_hours_last_go_before_those_whose_hours_end(session):
    """13:50 in Berlin; 15:50 in Nairobi, whose day ends at 16:00."""
    campaign = by_number(session, NAIROBI, *(f"+4930234{place:04}" for place in range(9)), lines=1, hours_to=16 * 60)
    (wave_id,) = tick(session, campaign, at(12, 50)).submit
    assert session.get_one(Wave, wave_id).size == 9
    assert states(session, campaign)[0] == "ready"


def test_those_whose_hours_end_go_in_a_smaller_wave_when_nobody_else_is_left(session):
    campaign = by_number(session, BERLIN, *(f"+25420234{place:04}" for place in range(9)), lines=1, hours_to=16 * 60)
    report_of(session, wave_of(session, campaign, at(12, 50)), BERLIN, AttemptStatus.ANSWERED, "a", at(12, 50))
    (wave_id,) = tick(session, campaign, at(12, 51)).submit
    assert session.get_one(Wave, wave_id).size == 4


@pytest.mark.parametrize("seconds", [0, 30, 60])
def test_a_wave_that_was_cut_is_not_void_again_without_a_reason(session, seconds):
    campaign = launched(session, at(18, 50), people=30, **OFFICE)
    (wave_id,) = tick(session, campaign, at(18, 50)).submit
    assert claimed(session, wave_id, later(at(18, 50), seconds=seconds)) is not None


def test_hours_that_ended_since_the_cut_make_the_wave_void(session):
    campaign = launched(session, NOON, **OFFICE)
    (wave_id,) = tick(session, campaign, NOON).submit
    set_hours(session, campaign, to=13 * 60 + 1)
    assert claimed(session, wave_id, NOON) is None
    wave = session.get_one(Wave, wave_id)
    assert (wave.state, wave.words) == ("void", "Cut anew: it would last longer than somebody's calling hours.")
    assert tick(session, campaign, NOON).submit == []
    assert states(session, campaign) == ["ready"] * 3
    check_boxes(session, campaign)


def test_who_is_due_again_waits_for_the_hours_too(session):
    campaign = by_number(session, BERLIN, NAIROBI, retry_attempts=1, retry_gap_minutes=60)
    wave = wave_of(session, campaign, at(16))  # 17:00 in Berlin, 19:00 in Nairobi
    for number in (BERLIN, NAIROBI):
        report_of(session, wave, number, NO_ANSWER, f"call-{number}", at(16, 10))
    tick(session, campaign, at(16, 11))
    words = "the next try is due at 18:10 on Monday in Europe/Berlin; people are called by clocks of their own."
    assert why(session, campaign) == f"Everybody was tried; {words}"
    assert wave_of(session, campaign, at(17, 11)).size == 1
    assert states(session, campaign) == ["submitted", "no_answer"]
    assert waiting(session, campaign).due.keys() == {1}
    assert wave_of(session, campaign, at(6, day=3)).size == 1
    check_boxes(session, campaign)


def test_the_many_due_by_a_closed_clock_do_not_hide_the_one_of_an_open_one(session):
    campaign = by_number(session, NEW_YORK, BERLIN, retry_attempts=1)
    with writing(session):
        for contact in session.scalars(select(Contact)):
            contact.state, contact.due_at, contact.settled_at = "busy", NOON, NOON
    (wave_id,) = tick(session, campaign, NOON).submit
    assert [one["to_number"] for one in session.get_one(Wave, wave_id).request["targets"]] == [BERLIN]


def test_people_whom_no_hour_suits_are_left_out_and_the_campaign_ends(session):
    """A toll-free number may be answered anywhere between Guam and Newfoundland."""
    campaign = by_number(session, BERLIN, "+18005550199", hours_to=12 * 60, now=at(9))
    report_of(session, wave_of(session, campaign, at(9)), BERLIN, AttemptStatus.ANSWERED, "a", at(9))
    tick(session, campaign, at(9))
    tick(session, campaign, at(9))
    session.refresh(campaign)
    reason = session.scalars(select(Contact.reason).where(Contact.state == "excluded")).one()
    assert (campaign.state, campaign.left_out) == ("completed", 1)
    assert reason == "Its number may be in places where it is never inside the calling hours at the same time."
    check_boxes(session, campaign)


@pytest.mark.parametrize(
    ("before", "opens"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)),
    ],
)
def test_the_night_on_which_the_clocks_change_ends_when_the_clock_says_so(session, before, opens):
    campaign = launched(session, before, hours_days=[6], **OFFICE)
    assert tick(session, campaign, later(opens, seconds=-1)).submit == []
    assert len(tick(session, campaign, opens).submit) == 1


def test_no_look_at_a_long_list_walks_over_it(sqlite_url):
    """However many wait by clocks that are closed, SQLite takes few steps."""
    engine, thousands = open_engine(sqlite_url), []
    event.listen(engine, "checkout", lambda raw, *_: raw.set_progress_handler(lambda: thousands.append(1), 1000))
    with Session(engine, expire_on_commit=False) as session:
        campaign = by_number(session, BERLIN, NEW_YORK)
        far = {"campaign_id": campaign.id, "context": {}, "clock": 1, "state": "ready", "due_at": None}
        due = far | {"state": "busy", "due_at": NOON, "settled_at": NOON}
        with writing(session):
            session.execute(update(Contact).where(Contact.clock == 0).values(position=50_000))
            for start, kind in ((10, far), (20_010, due)):
                places = range(start, start + 20_000)
                session.execute(insert(Contact), [kind | {"position": at_, "number": f"+1{at_:010}"} for at_ in places])
        thousands.clear()
        (wave_id,) = tick(session, campaign, NOON).submit
        assert session.get_one(Wave, wave_id).size == 1
        assert len(thousands) < 20
    engine.dispose()
