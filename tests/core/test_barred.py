"""Nobody barred is handed over: not by the launch, not by the cut, not by the claim, and not by a second try."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from core import approvals
from core.audit import Actor
from core.database import writing
from core.errors import Invalid
from core.facts import AttemptStatus
from core.models import Campaign, Contact, Reservation, Wave
from core.next_contacts import MOST_LOOKED_AT
from core.test_calls import place_test_call
from tests.core.cast import (
    accepted,
    check_boxes,
    claimed,
    later,
    launched,
    number,
    report,
    reserved,
    states,
    suppress,
    tick,
    why,
)
from tests.factories import make_campaign, make_list, make_person

ASKED = "On the do-not-call list since 2026-03-02: Asked us"


def reasons(session, campaign):
    session.rollback()
    mine = select(Contact.reason).where(Contact.campaign_id == campaign.id).order_by(Contact.position)
    return session.scalars(mine).all()


def state(session, campaign):
    session.rollback()
    return session.get_one(Campaign, campaign.id, populate_existing=True).state


def test_who_is_barred_by_the_launch_is_excluded_with_the_reason(session, now):
    suppress(session, now, number(1))
    campaign = launched(session, now)
    assert (states(session, campaign), reasons(session, campaign)) == (["ready", "excluded", "ready"], ["", ASKED, ""])
    assert campaign.excluded_at_launch == 1
    check_boxes(session, campaign)


def test_a_list_of_barred_people_is_not_launched(session, now):
    suppress(session, now, *map(number, range(3)))
    with pytest.raises(Invalid, match="Nobody on this list can be called"):
        launched(session, now)


def test_an_entry_that_has_expired_bars_nobody(session, now):
    suppress(session, now, number(0), until=later(now, hours=1))
    assert states(session, launched(session, later(now, hours=1))) == ["ready"] * 3


def test_who_is_barred_since_the_launch_is_excluded_at_the_cut_and_the_next_one_goes(session, now):
    campaign = launched(session, now, people=4, wave_size=2, lines=2)
    suppress(session, now, number(0), number(2))
    (wave_id,) = tick(session, campaign, now).submit
    assert states(session, campaign) == ["excluded", "queued", "excluded", "queued"]
    assert session.get_one(Wave, wave_id).size == 2
    assert reasons(session, campaign)[0] == ASKED
    check_boxes(session, campaign)


def test_when_everybody_is_barred_since_the_launch_the_campaign_ends_without_a_wave(session, now):
    campaign = launched(session, now)
    suppress(session, now, *map(number, range(3)))
    for _ in range(2):
        assert tick(session, campaign, now).submit == []
    assert (state(session, campaign), states(session, campaign)) == ("completed", ["excluded"] * 3)
    assert why(session, campaign) == "Everybody was called or accounted for."
    assert session.scalar(select(func.count()).select_from(Wave)) == 0
    check_boxes(session, campaign)


def test_many_barred_people_are_set_aside_a_few_thousand_at_a_time(session, now, monkeypatch):
    monkeypatch.setattr("core.next_contacts.MOST_LOOKED_AT", 40)
    monkeypatch.setattr("core.next_contacts.ASKED_AT_ONCE", 20)
    campaign = launched(session, now, people=100, wave_size=5)
    suppress(session, now, *map(number, range(99)))
    left = []
    while not (cut := tick(session, campaign, now).submit):
        left.append(states(session, campaign).count("excluded"))
        assert (
            why(session, campaign) == "People who must not be called are being left out; the reason stands beside each."
        )
        check_boxes(session, campaign)
    assert len(left) >= 1
    assert max(after - before for before, after in zip([0, *left], [*left, 99], strict=False)) <= 60 < MOST_LOOKED_AT
    assert session.get_one(Wave, cut[0]).size == 1


def test_who_is_barred_between_cut_and_claim_makes_the_wave_void_and_it_is_cut_without_them(session, now):
    campaign = launched(session, now)
    (first,) = tick(session, campaign, now).submit
    suppress(session, now, number(1))
    assert claimed(session, first, now) is None
    wave = session.get_one(Wave, first)
    assert (wave.state, wave.words) == ("void", "Cut anew: somebody in it must not be called any more.")
    assert reserved(session) == []
    (second,) = tick(session, campaign, now).submit
    held = claimed(session, second, now)
    assert [target["to_number"] for target in held.request["targets"]] == [number(0), number(2)]
    assert states(session, campaign) == ["queued", "excluded", "queued"]
    check_boxes(session, campaign)


def test_who_is_only_due_again_keeps_the_outcome_and_is_not_tried_again(session, now):
    campaign = launched(session, now, people=2, retry_attempts=1, retry_gap_minutes=30)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, AttemptStatus.NO_ANSWER, now)
    report(session, wave, 1, AttemptStatus.ANSWERED, now)
    suppress(session, now, number(0))
    assert tick(session, campaign, later(now, minutes=31)).submit == []
    tick(session, campaign, later(now, minutes=31))
    assert (state(session, campaign), states(session, campaign)) == ("completed", ["no_answer", "answered"])
    assert reasons(session, campaign)[0] == ASKED
    check_boxes(session, campaign)


def test_who_another_campaign_called_lately_is_left_out_where_that_is_asked_for(session, now):
    wave = accepted(session, launched(session, now, people=1), now)
    report(session, wave, 0, AttemptStatus.ANSWERED, now)
    careful = launched(session, later(now, days=1), people=2, recent_days=7)
    assert states(session, careful) == ["excluded", "ready"]
    assert reasons(session, careful)[0] == "Called on 2026-03-02 by “Spring”."
    assert states(session, launched(session, later(now, days=1), people=2)) == ["ready", "ready"]


def test_two_careful_campaigns_do_not_call_the_same_person_one_after_the_other(session, now):
    first, second = (launched(session, now, people=1, recent_days=7) for _ in range(2))
    wave = accepted(session, first, now)
    tick(session, second, now)
    assert states(session, second) == ["ready"]
    report(session, wave, 0, AttemptStatus.ANSWERED, now)
    tick(session, second, now)
    assert states(session, second) == ["excluded"]
    check_boxes(session, second)


def test_the_campaign_s_own_earlier_call_bars_nobody_from_its_second_try(session, now):
    campaign = launched(session, now, people=1, recent_days=7, retry_attempts=1, retry_gap_minutes=30)
    report(session, accepted(session, campaign, now), 0, AttemptStatus.NO_ANSWER, now)
    assert len(tick(session, campaign, later(now, minutes=31)).submit) == 1


def test_who_is_barred_as_the_second_try_is_about_to_go_keeps_the_outcome_of_the_first(session, now):
    campaign = launched(session, now, people=2, retry_attempts=1, retry_gap_minutes=30)
    wave = accepted(session, campaign, now)
    for place in (0, 1):
        report(session, wave, place, AttemptStatus.NO_ANSWER, now)
    at = later(now, minutes=31)
    (second,) = tick(session, campaign, at).submit
    suppress(session, now, number(0))
    assert claimed(session, second, at) is None
    (third,) = tick(session, campaign, at).submit
    assert states(session, campaign) == ["no_answer", "queued"]
    assert reasons(session, campaign)[0] == ASKED
    assert session.get_one(Wave, wave.id, populate_existing=True).counts == {"no_answer": 1}
    assert [one["to_number"] for one in claimed(session, third, at).request["targets"]] == [number(1)]
    check_boxes(session, campaign)


def test_somebody_left_out_of_a_later_wave_whom_an_earlier_one_reached_after_all_counts_as_reached(session, now):
    campaign = launched(session, now, people=1, retry_attempts=1, retry_gap_minutes=30)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, AttemptStatus.NO_ANSWER, now)
    (second,) = tick(session, campaign, later(now, minutes=31)).submit
    suppress(session, now, number(0))
    assert claimed(session, second, later(now, minutes=31)) is None
    tick(session, campaign, later(now, minutes=31))
    assert states(session, campaign) == ["no_answer"]
    report(session, wave, 0, AttemptStatus.ANSWERED, later(now, minutes=32))
    assert states(session, campaign) == ["answered"]
    check_boxes(session, campaign)


def test_a_test_call_to_a_barred_number_is_refused_at_the_phone(session, now):
    suppress(session, now, "+14155550123")
    draft = make_campaign(session, recent_days=7, hours_from=0, hours_to=15)
    session.commit()
    with pytest.raises(Invalid) as told, writing(session):
        place_test_call(session, draft.id, "+14155550123", None, Actor("Ada"), now)
    assert (told.value.field, str(told.value)) == ("phone", ASKED)


def test_a_test_call_keeps_to_no_hours_and_calls_who_was_called_lately(session, now):
    draft = make_campaign(session, recent_days=7, hours_from=0, hours_to=15)
    session.commit()
    for minutes in (0, 30):
        moment = now + timedelta(minutes=minutes)
        with writing(session):
            test = place_test_call(session, draft.id, "+14155550123", None, Actor("Ada"), moment)
        (wave_id,) = tick(session, test, moment).submit
        assert claimed(session, wave_id, moment) is not None
        with writing(session):
            session.get_one(Campaign, test.id).state = "completed"
            session.get_one(Wave, wave_id).state = "finished"
            session.execute(Reservation.__table__.delete())


def test_a_test_call_that_is_barred_after_it_was_cut_is_not_made(session, now):
    draft = make_campaign(session)
    session.commit()
    with writing(session):
        test = place_test_call(session, draft.id, "+14155550123", None, Actor("Ada"), now)
    (wave_id,) = tick(session, test, now).submit
    suppress(session, datetime(2026, 3, 2, tzinfo=UTC), "+14155550123")
    assert claimed(session, wave_id, now) is None
    tick(session, test, now)
    tick(session, test, now)
    assert (state(session, test), states(session, test)) == ("completed", ["excluded"])


def test_who_is_barred_between_asking_and_approving_is_just_left_out(session, now):
    with writing(session):
        campaign = make_campaign(session)
        make_list(session, campaign)
        substance = approvals.substance_of(session, campaign.id)
        versions = {"campaign_version": 1, "list_version": 1}
        asked = approvals.ask(session, campaign.id, substance, **versions, actor=Actor("Ada", person_id=None), now=now)
        grace = Actor("Grace", person_id=make_person(session).id)
    suppress(session, now, number(1))
    with writing(session):
        assert approvals.approve(session, campaign.id, asked.digest, grace, now).verdict == "approved"
    assert states(session, campaign) == ["ready", "excluded", "ready"]
    check_boxes(session, campaign)
