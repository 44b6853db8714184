"""Step 3 and 4 about the dispatch: latest start, who starts it, pace, priority, safety switch; typed, told, kept and launched."""

import html
import re

import pytest
from sqlalchemy import select

from core.models import AuditEntry, Campaign, Contact
from tests.factories import make_campaign, make_list

HTMX = {"HX-Request": "true"}
WHEN = {"start": "now", "zone": "UTC", "lines": "4", "retry_by": "us", "retry_attempts": "0"}
LATER = WHEN | {"start": "later", "start_local": "2031-07-01T16:00"}
BY_PROVIDER = LATER | {"start_by": "provider"}
TYPED = {
    "latest_local": "2031-07-01T18:00", "pace": "strict", "priority": "-1", "breaker_percent": "77", "breaker_calls": "88",
    "retry_gap": "55", "retry_gap_unit": "60",
}  # fmt: skip


@pytest.fixture
def draft(session):
    campaign = make_campaign(session)
    make_list(session, campaign)
    session.commit()
    return campaign


def path(campaign, step):
    return f"/campaigns/{campaign.id}/compose/{step}"


def hidden(page, name):
    return html.unescape(re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page)[1])


def save(client, campaign, form, **options):
    token = hidden(client.get(path(campaign, "when")).text, "seen")
    return client.post(path(campaign, "when"), data=form | {"seen": token}, **options)


def kept(session, campaign):
    session.rollback()
    return session.get_one(Campaign, campaign.id, populate_existing=True)


def launch(client, campaign):
    page = client.get(path(campaign, "check")).text
    form = {name: hidden(page, name) for name in ("campaign_version", "list_version", "facts")}
    return client.post(path(campaign, "launch"), data=form | {"confirmed": "y"})


def details(page, summary):
    """The tag of the folded part with this summary."""
    return re.search(rf"(<details[^>]*>)\s*<summary>{summary}", page)[1]


def shown(page, name):
    return re.search(rf'<input(?=[^>]* name="{name}")[^>]*>', page)[0]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"breaker_percent": "many"}, "Not a valid integer value."),
        ({"breaker_percent": "-1"}, "Between 1 and 100, or empty."),
        ({"breaker_percent": "0"}, "Between 1 and 100, or empty."),
        ({"breaker_percent": "9" * 5000}, "Not a valid integer value."),
        ({"breaker_calls": "-5"}, "Between 5 and 1,000."),
        ({"breaker_calls": "a\0b"}, "Not a valid integer value."),
        ({"retry_gap": "0"}, "Between 1 minute and 30 days."),
        ({"retry_gap": "9" * 40}, "Between 1 minute and 30 days."),
        ({"retry_gap": "43201", "retry_gap_unit": "1"}, "Between 1 minute and 30 days."),
        ({"retry_gap_unit": "years"}, "could not coerce"),
        ({"retry_gap_unit": "-60"}, "Not a valid choice."),
        ({"priority": "first"}, "could not coerce"),
        ({"latest_local": "9999-12-31T23:59"}, "The year should be between 2000 and 2200."),
        ({"latest_local": "2031-03-30T02:30", "zone": "Europe/Berlin"}, "The clocks in Europe/Berlin skip 02:30"),
        ({"retry_by": "nobody"}, "Not a valid choice."),
    ],
)  # fmt: skip
def test_rubbish_is_told_and_nothing_else_that_was_typed_is_lost(composer, session, draft, typed, words):
    answer = save(composer, draft, WHEN | TYPED | typed)
    assert answer.status_code == 422
    assert words in answer.text
    for name in {"latest_local", "breaker_percent", "breaker_calls", "retry_gap"} - set(typed):
        assert TYPED[name] in shown(answer.text, name)
    assert 'checked id="pace-1"' in answer.text
    assert kept(session, draft).pace == "flowing"


def test_absent_fields_change_nothing_about_the_safety_switch_and_an_empty_one_turns_it_off(composer, session, draft):
    assert save(composer, draft, WHEN).status_code == 303
    assert (kept(session, draft).breaker_percent, draft.breaker_calls) == (50, 20)
    save(composer, draft, WHEN | {"breaker_percent": " ", "breaker_calls": ""})
    assert (kept(session, draft).breaker_percent, draft.breaker_calls) == (None, 20)
    assert "None: it calls on however many calls fail." in composer.get(path(draft, "check")).text


@pytest.mark.parametrize(("unit", "minutes"), [("1", 7), ("60", 420), ("1440", 10_080)])
def test_a_gap_is_kept_in_minutes_and_shown_as_it_was_typed(composer, session, draft, unit, minutes):
    save(composer, draft, WHEN | {"retry_gap": "7", "retry_gap_unit": unit})
    assert kept(session, draft).retry_gap_minutes == minutes
    page = composer.get(path(draft, "when")).text
    assert 'value="7"' in shown(page, "retry_gap")
    assert re.search(rf'<option selected value="{unit}">', page)


def test_the_latest_start_is_an_instant_of_the_same_zone_also_when_it_starts_at_once(composer, session, draft):
    form = WHEN | {"zone": "Europe/Berlin", "latest_local": "2031-07-01T16:00"}
    assert "= 1 Jul 2031, 14:00 UTC: if nobody" in save(composer, draft, form, headers=HTMX).text
    assert kept(session, draft).latest_start_at.isoformat() == "2031-07-01T14:00:00+00:00"
    assert 'value="2031-07-01T16:00"' in shown(composer.get(path(draft, "when")).text, "latest_local")


def test_what_is_rarely_used_is_folded_until_it_is_used_or_wrong(composer, draft):
    folded = ("Latest start, and who starts it", "Before or after other campaigns", "Another number, or none")
    page = composer.get(path(draft, "when")).text
    assert not [summary for summary in folded if "open" in details(page, summary)]
    wrong = save(composer, draft, WHEN | {"latest_local": "soon", "priority": "7", "breaker_percent": "-1"}).text
    assert not [summary for summary in folded if "open" not in details(wrong, summary)]
    save(composer, draft, LATER | TYPED)
    page = composer.get(path(draft, "when")).text
    assert not [summary for summary in folded if "open" not in details(page, summary)]


def test_a_list_of_several_waves_warns_at_once_and_is_not_launched_by_the_provider(launcher, session, draft):
    words = "The provider can start one wave only, which holds 2 people here, and there are 3."
    answer = save(launcher, draft, BY_PROVIDER | {"wave_size": "2"}, headers=HTMX)
    assert answer.status_code == 200
    assert words in answer.text.split('id="echo-starter"')[1].split("</div>")[0]
    assert words in launcher.get(path(draft, "check")).text
    form = {"campaign_version": draft.version + 1, "list_version": 1, "facts": "{}", "confirmed": "y"}
    assert launcher.post(path(draft, "launch"), data=form).status_code == 409
    assert kept(session, draft).state == "draft"
    assert session.scalars(select(Contact)).all() == []


def test_what_the_provider_starts_is_told_with_its_price_and_runs_from_the_launch_on(launcher, session, draft):
    save(launcher, draft, BY_PROVIDER)
    page = launcher.get(path(draft, "check")).text
    assert "It can then no longer be paused or stopped, and the do-not-call list is not looked at again." in page
    assert "&#34;schedule_at&#34;: &#34;2031-07-01T16:00:00+00:00&#34;" in page
    assert launch(launcher, draft).status_code == 303
    assert kept(session, draft).state == "running"


def test_what_we_start_later_is_scheduled_and_its_request_names_no_time(launcher, session, draft):
    save(launcher, draft, LATER)
    assert "&#34;schedule_at&#34;: null" in launcher.get(path(draft, "check")).text
    launch(launcher, draft)
    assert kept(session, draft).state == "scheduled"


def test_the_last_step_and_the_audit_log_tell_all_of_it(launcher, session, draft):
    save(launcher, draft, LATER | TYPED | {"retry_attempts": "2", "retry_outcomes": "busy", "zone": "Europe/Berlin"})
    page = launcher.get(path(draft, "check")).text
    for words in (
        "1 Jul 2031, 16:00 UTC</time>; later than that nobody is called", "after others where lines are scarce",
        "Each person gets up to 3 calls, at least 2 d 7 h apart, at any time of day and night; another one only after: busy.",
        "Stops if more than 77 % of the last 88 calls fail.",
    ):  # fmt: skip
        assert words in page
    launch(launcher, draft)
    told = session.scalars(select(AuditEntry.after).where(AuditEntry.act == "campaign.launch")).one()
    expected = {
        "latest_start_at": "2031-07-01T16:00:00+00:00", "start_by": "us", "pace": "strict", "priority": -1,
        "breaker_percent": 77, "breaker_calls": 88, "retry_gap_minutes": 3300, "retry_outcomes": ["busy"],
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected


def test_a_launch_after_another_tab_s_change_says_what_is_different(launcher, session, draft):
    page = launcher.get(path(draft, "check")).text
    form = {name: hidden(page, name) for name in ("campaign_version", "list_version", "facts")} | {"confirmed": "y"}
    save(launcher, draft, WHEN | {"pace": "strict", "breaker_percent": ""})
    answer = launcher.post(path(draft, "launch"), data=form)
    assert answer.status_code == 409
    assert "<dt>Pace</dt><dd><del>flowing, normal</del> → strict, normal</dd>" in answer.text
    assert "<dt>Safety switch</dt><dd><del>50 % of 20</del> → off</dd>" in answer.text


def test_two_tabs_do_not_overwrite_each_other_s_choices_and_read_them_in_words(composer, draft):
    token = hidden(composer.get(path(draft, "when")).text, "seen")
    save(composer, draft, BY_PROVIDER | {"priority": "1", "breaker_percent": "", "retry_gap": "3", "pace": "strict"})
    answer = composer.post(path(draft, "when"), data=WHEN | {"seen": token, "breaker_percent": "40"})
    assert answer.status_code == 422
    for words in (
        "Before others", "The provider: everybody is handed over", "when everybody in the last one is settled",
        "3 h", "none",
    ):  # fmt: skip
        assert f"<dd>{words}" in answer.text
