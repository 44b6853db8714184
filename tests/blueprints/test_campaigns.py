"""The pages of a campaign: numbers that are the rows, and decisions that only a launcher may take."""

import pytest
from sqlalchemy import select

from core.database import writing
from core.facts import AttemptStatus, Sent
from core.models import Contact, Suppression, Wave
from core.schedule import SETTLE_TIME
from tests.core.cast import accepted, answer, claimed, later, launched, number, report, states, tick
from tests.factories import make_campaign

A = AttemptStatus


def text(response):
    assert response.status_code == 200
    return response.get_data(as_text=True)


@pytest.fixture
def campaign(session, now):
    return launched(session, now)


def test_the_list_shows_each_campaign_with_its_numbers(viewer, session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    page = text(viewer.get("/campaigns/"))
    assert "Spring" in page
    assert "Answered 1, Handed over 2" in page


def test_an_empty_list_teaches(viewer):
    assert "No campaigns yet" in text(viewer.get("/campaigns/"))


def test_the_list_is_searched_and_filtered_in_the_address(viewer, session, campaign):
    with writing(session):
        make_campaign(session, name="Winter draft")
    assert "Winter draft" in text(viewer.get("/campaigns/?show=drafts"))
    assert "Spring" not in text(viewer.get("/campaigns/?show=drafts"))
    assert "Winter draft" not in text(viewer.get("/campaigns/?q=spr"))
    assert "Spring" in text(viewer.get("/campaigns/?q=SPR&fragment=rows"))


def test_a_draft_opens_where_it_is_composed(composer, session):
    with writing(session):
        draft = make_campaign(session)
    assert composer.get(f"/campaigns/{draft.id}").location.endswith(f"/campaigns/{draft.id}/compose/what")


def test_the_page_says_why_and_its_boxes_are_the_rows(viewer, session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    report(session, wave, 1, A.DIALLING, now)
    tick(session, campaign, now)
    page = text(viewer.get(f"/campaigns/{campaign.id}"))
    assert "Wave 1 is calling; everybody was handed over." in page
    assert "Answered 1, Dialling 1, Handed over 1" in page


def test_viewers_see_masked_numbers_and_composers_whole_ones(viewer, composer, session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    paths = [f"/campaigns/{campaign.id}", f"/campaigns/{campaign.id}/waves/1", f"/campaigns/{campaign.id}/live.json"]
    for path in paths:
        page = text(viewer.get(path))
        assert number(0) not in page
        assert "555-0000" not in page
    assert "+1 415-555-0000" in text(composer.get(paths[0]))


def test_numbers_inside_sentences_are_masked_for_viewers_too(viewer, composer, session, now, campaign):
    wave = accepted(session, campaign, now)
    with writing(session):
        campaign.alarm = f"{number(0)} may be called twice."
        session.get_one(Wave, wave.id).words = f"{number(1)} is not a number."
    for path in (f"/campaigns/{campaign.id}", f"/campaigns/{campaign.id}/waves/1"):
        page = text(viewer.get(path))
        assert number(0) not in page
        assert number(1) not in page
    assert f"{number(0)} may be called twice." in text(composer.get(f"/campaigns/{campaign.id}"))


def test_people_are_filtered_by_state_in_the_address(composer, session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 1, A.BUSY, now)
    page = text(composer.get(f"/campaigns/{campaign.id}?state=busy"))
    assert "+1 415-555-0001" in page
    assert 'id="contact-1"' not in page


@pytest.mark.parametrize("query", ["?state=nonsense", "?after=x", "?after=-5", "?state=ready&after=99999999999"])
def test_rubbish_in_the_address_is_no_error(viewer, campaign, query):
    text(viewer.get(f"/campaigns/{campaign.id}{query}"))


def test_long_lists_are_read_a_page_at_a_time(composer, session, now):
    campaign = launched(session, now, people=60)
    first = text(composer.get(f"/campaigns/{campaign.id}"))
    assert "after=24" in first
    assert "+1 415-555-0059" in text(composer.get(f"/campaigns/{campaign.id}?after=49"))


def test_one_person_has_every_call_and_delivery(composer, session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now, summary="Said <b>yes</b>.", word="completed", duration=42.0)
    page = text(composer.get(f"/campaigns/{campaign.id}/contacts/1"))
    assert "Said &lt;b&gt;yes&lt;/b&gt;." in page
    assert composer.get(f"/campaigns/{campaign.id + 1}/contacts/1").status_code == 404


def test_the_wave_page_shows_the_frozen_request_without_address_or_secret(composer, session, now, campaign):
    accepted(session, campaign, now)
    page = text(composer.get(f"/campaigns/{campaign.id}/waves/1"))
    assert "callboard_ref" in page
    assert "webhook_secret" not in page


@pytest.fixture
def undecided(session, now, campaign):
    (wave_id,) = tick(session, campaign, now).submit
    answer(session, claimed(session, wave_id, now), Sent.UNKNOWN, now)
    tick(session, campaign, later(now + SETTLE_TIME, seconds=1))
    return f"/campaigns/{campaign.id}/waves/1"


def test_sending_again_wants_the_number_of_people(launcher, session, campaign, undecided):
    assert "Send 3 people again" in text(launcher.get(undecided))
    refused = launcher.post(f"{undecided}/send-again", data={"typed": "2"})
    assert (refused.status_code, "Type 3 to confirm" in refused.get_data(as_text=True)) == (422, True)
    assert launcher.post(f"{undecided}/send-again", data={"typed": "rubbish"}).status_code == 422
    assert states(session, campaign) == ["queued"] * 3
    assert launcher.post(f"{undecided}/send-again", data={"typed": "3"}).status_code == 303
    assert states(session, campaign) == ["ready"] * 3


def test_a_decision_is_taken_once(launcher, session, campaign, undecided):
    assert launcher.post(f"{undecided}/it-was-sent").status_code == 303
    assert launcher.post(f"{undecided}/it-was-sent").status_code == 409
    assert launcher.post(f"{undecided}/send-again", data={"typed": "3"}).status_code == 409
    assert states(session, campaign) == ["submitted"] * 3


def test_a_composer_may_not_decide(composer, session, undecided):
    assert "Send 3 people again" not in text(composer.get(undecided))
    assert composer.post(f"{undecided}/it-was-sent").status_code == 403
    assert session.scalars(select(Wave.state)).one() == "needs_person"


def test_a_refused_campaign_is_tried_again_by_a_person(launcher, session, now, campaign):
    for _ in range(2):
        (wave_id,) = tick(session, campaign, now).submit
        answer(session, claimed(session, wave_id, now), Sent.REFUSED, now)
    tick(session, campaign, now)
    page = f"/campaigns/{campaign.id}"
    assert "Somebody looks at its words" in text(launcher.get(page))
    assert launcher.post(f"{page}/try-again").status_code == 303
    assert launcher.post(f"{page}/try-again").status_code == 409
    assert len(tick(session, campaign, now).submit) == 1


def test_the_list_says_which_campaign_needs_somebody(viewer, undecided):
    assert "Attention" in text(viewer.get("/campaigns/"))


def test_a_scheduled_campaign_says_when_it_starts(viewer, session, now):
    campaign = launched(session, now, start_at=later(now, days=30), zone="Europe/Berlin")
    tick(session, campaign, now)
    assert "Starts 1 Apr 2026, 14:00 (Europe/Berlin)." in text(viewer.get(f"/campaigns/{campaign.id}"))


def test_what_is_pushed_carries_no_form_token_of_another_session(launcher, session, now, campaign):
    for _ in range(2):
        (wave_id,) = tick(session, campaign, now).submit
        answer(session, claimed(session, wave_id, now), Sent.REFUSED, now)
    pushed = text(launcher.get(f"/campaigns/{campaign.id}/live.json"))
    assert "try-again" in pushed
    assert "csrf_token" not in pushed
    assert "csrf_token" in text(launcher.get(f"/campaigns/{campaign.id}"))


def never(campaign, contact):
    return f"/campaigns/{campaign.id}/contacts/{contact.id}/never-call-again"


def test_one_click_puts_somebody_on_the_do_not_call_list_and_leads_back(composer, session, campaign):
    first, second, _ = session.scalars(select(Contact).where(Contact.campaign_id == campaign.id).order_by(Contact.id))
    table = f"/campaigns/{campaign.id}?state=ready"
    assert never(campaign, first) in text(composer.get(table))
    answer = composer.post(never(campaign, first), headers={"Referer": f"http://localhost{table}"})
    assert (answer.status_code, answer.location) == (303, table)
    page = text(composer.get(table))
    assert "+1 415-555-0000 is on the do-not-call list. Nobody calls this number again." in page
    assert (never(campaign, first) in page, never(campaign, second) in page) == (False, True)
    session.rollback()
    entry = session.scalars(select(Suppression)).one()
    assert (entry.number, entry.reason, entry.source) == (number(0), "Asked on campaign “Spring”", "person")


@pytest.mark.parametrize("referer", ["https://elsewhere.example/x", "", "http://localhost:80@elsewhere.example/"])
def test_somebody_s_own_page_is_where_a_click_from_nowhere_leads(composer, session, campaign, referer):
    contact = session.scalars(select(Contact).where(Contact.campaign_id == campaign.id)).first()
    person = f"/campaigns/{campaign.id}/contacts/{contact.id}"
    assert "Never call again" in text(composer.get(person))
    answer = composer.post(never(campaign, contact), headers={"Referer": referer})
    assert (answer.status_code, answer.location) == (303, person)
    assert "On the do-not-call list" in text(composer.get(person))


def test_a_viewer_sees_no_button_and_may_not_press_it(viewer, session, campaign):
    contact = session.scalars(select(Contact).where(Contact.campaign_id == campaign.id)).first()
    for page in (f"/campaigns/{campaign.id}", f"/campaigns/{campaign.id}/contacts/{contact.id}"):
        assert "Never call again" not in text(viewer.get(page))
    assert viewer.post(never(campaign, contact)).status_code == 403
    assert session.scalars(select(Suppression)).all() == []


def test_a_call_that_asked_off_says_so_on_the_person_s_page(viewer, session, now, campaign):
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now, word="dnc", do_not_call=True)
    contact = session.scalars(select(Contact).where(Contact.number == number(0))).one()
    assert "asked not to be called again" in text(viewer.get(f"/campaigns/{campaign.id}/contacts/{contact.id}"))
