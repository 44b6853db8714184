"""Calling hours on the third step: typed, kept, told in words, and refused where no wave could keep to them."""

from datetime import UTC, datetime, timedelta

import pytest

from core import preview
from core.database import writing
from core.models import Campaign, ContactList
from tests.blueprints.test_compose import WHEN, fresh, path, seen
from tests.factories import make_campaign, make_list

OFFICE = {
    "hours": "within", "hours_days": ["0", "1", "2", "3", "4"], "hours_from": "09:00", "hours_to": "20:00", "hours_by": "number",
    "zone": "Europe/Berlin",
}  # fmt: skip
WORDS = "Mon–Fri 09:00–20:00, by each person&#39;s own clock, guessed from the number"


@pytest.fixture
def draft(session):
    with writing(session):
        campaign = make_campaign(session)
        make_list(session, campaign)
    return campaign


def save(client, draft, htmx=False, **typed):
    form = WHEN | OFFICE | typed | {"seen": seen(client, draft, "when")}
    return client.post(path(draft, "when"), data=form, headers={"HX-Request": "true"} if htmx else {})


def hours_of(session, draft):
    campaign = fresh(session).get_one(Campaign, draft.id)
    return campaign.hours_days, campaign.hours_from, campaign.hours_to, campaign.hours_by


def test_hours_are_kept_and_told_on_every_page(composer, session, draft):
    assert save(composer, draft).status_code == 303
    assert hours_of(session, draft) == ([0, 1, 2, 3, 4], 540, 1200, "number")
    page = composer.get(path(draft, "when")).text
    assert 'value="09:00"' in page
    assert 'name="hours_days" value="4" checked' in page
    assert 'name="hours_days" value="5" >' in page
    for step in ("what", "who", "when", "check"):
        assert WORDS in composer.get(path(draft, step)).text


def test_a_draft_without_hours_calls_at_any_time_and_offers_the_usual_ones(composer, session, draft):
    composer.post(path(draft, "when"), data=WHEN | {"seen": seen(composer, draft, "when")})
    assert hours_of(session, draft) == ([0, 1, 2, 3, 4], None, None, "campaign")
    page = composer.get(path(draft, "when")).text
    assert "As saved, people are called at any time of day and night." in page
    assert 'value="20:00"' in page


def test_midnight_is_the_end_of_the_day(composer, session, draft):
    save(composer, draft, hours_from="00:00", hours_to="00:00")
    assert hours_of(session, draft)[1:3] == (0, 1440)
    assert "Mon–Fri 00:00–24:00" in composer.get(path(draft, "check")).text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"hours_days": []}, "Choose at least one day."),
        ({"hours_days": ["9"]}, "a valid choice for this field"),
        ({"hours_from": "20:00"}, "The hours must end after they start."),
        ({"hours_to": "09:10"}, "Allow at least 15 minutes a day"),
        ({"hours_from": ""}, "Say a time, such as 09:00."),
        ({"hours_to": "noon"}, "Say a time, such as 09:00."),
        ({"retry_by": "provider", "retry_attempts": "1"}, "The provider chooses when to call again"),
        ({"hours_by": "moon"}, "Not a valid choice."),
    ],
)
def test_hours_that_cannot_be_kept_are_refused_at_their_field(composer, session, draft, typed, words):
    answer = save(composer, draft, **typed)
    assert answer.status_code == 422
    assert words in answer.text
    assert hours_of(session, draft)[1] is None


def test_whatever_stands_in_the_hours_does_not_matter_at_any_time(composer, session, draft):
    save(composer, draft)
    answer = save(composer, draft, hours="any", hours_from="nonsense", hours_to="", hours_days=[], retry_by="provider")
    assert answer.status_code == 303
    assert hours_of(session, draft) == ([0, 1, 2, 3, 4], None, None, "number")


def test_an_autosave_says_whether_it_is_inside_the_hours(composer, draft):
    now = datetime.now(UTC)
    today, other = str(now.weekday()), str((now.weekday() + 3) % 7)
    always = {"hours_from": "00:00", "hours_to": "00:00", "zone": "UTC", "htmx": True}
    assert "in UTC: inside the hours." in save(composer, draft, hours_days=[today], **always).text
    answer = save(composer, draft, hours_days=[other], **always)
    assert f"in UTC: outside the hours; next at 00:00 on {now + timedelta(days=3):%A}." in answer.text
    assert 'id="echo-hours" hx-swap-oob="true"' in answer.text


def test_two_tabs_do_not_overwrite_each_other_s_hours(composer, draft):
    token = seen(composer, draft, "when")
    save(composer, draft)
    answer = composer.post(
        path(draft, "when"), data=WHEN | OFFICE | {"hours_days": ["6"], "hours_to": "18:00", "seen": token}
    )
    assert answer.status_code == 422
    for words in ("<dd>Mon–Fri</dd>", "<dd>20:00</dd>", "Days of calling, saved there"):
        assert words in answer.text


def test_hours_that_another_tab_took_away_are_told_in_words(composer, draft):
    save(composer, draft)
    token = seen(composer, draft, "when")
    save(composer, draft, hours="any")
    answer = composer.post(path(draft, "when"), data=WHEN | OFFICE | {"seen": token})
    assert "<dd>at any time</dd>" in answer.text


def test_a_start_outside_the_hours_is_told_on_the_last_step(composer, draft):
    start = {"start": "later", "start_local": "2031-07-05T16:00"}  # a Saturday
    save(composer, draft, hours_by="campaign", **start)
    page = composer.get(path(draft, "check")).text
    assert "outside the calling hours in Europe/Berlin: nobody is called before 09:00 on Monday, 7 July." in page
    save(composer, draft, **start)
    assert "Whoever&#39;s own clock is inside them is called then" in composer.get(path(draft, "check")).text


def summary(start, people=10, **hours):
    usual = {"hours_days": [0, 1, 2, 3, 4], "hours_from": 540, "hours_to": 1200, "hours_by": "campaign"}
    campaign = Campaign(lines=1, retry_attempts=0, zone="Europe/Berlin", start_at=start, **usual | hours)
    return preview.summary_of(campaign, ContactList(counts={"ready": people}), start)


def test_the_expected_end_rests_at_night_and_over_the_weekend():
    friday = datetime(2026, 3, 27, 18, 50, tzinfo=UTC)  # 19:50 in Berlin, and the clocks change on Sunday
    told = summary(friday)
    assert (told.low, told.high) == (timedelta(minutes=7, seconds=30), timedelta(minutes=30))
    assert told.ends_from == friday + timedelta(minutes=7, seconds=30)
    assert told.ends_to == datetime(2026, 3, 30, 7, 20, tzinfo=UTC)


def test_by_clocks_of_their_own_the_earliest_end_is_where_the_world_opens_first():
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    told = summary(saturday, hours_by="number")
    assert told.ends_from == datetime(2026, 3, 29, 18, 15, tzinfo=UTC) + told.low  # Monday morning, 14 hours ahead
    assert told.ends_to is None


def test_an_end_beyond_a_year_is_not_guessed():
    assert (
        summary(datetime(2026, 3, 28, 12, tzinfo=UTC), people=1_000_000, hours_days=[0], hours_to=600).ends_from is None
    )
