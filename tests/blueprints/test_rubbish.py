"""What nobody would type: numbers no column holds, NUL, half characters, days without end. No door breaks of it."""

import io
import tracemalloc

import pytest
from sqlalchemy import select

from blueprints.bodies_shown import SHOWN_OF_A_BODY, readable
from core.models import Agent, Campaign, ContactList
from tests.factories import make_campaign, make_list

UUID = "6f0d3b1e-1111-4222-8333-944455556666"
NUL = "a\0b"
WHEN = {"lines": "4", "retry_by": "us", "retry_attempts": "0", "start": "later"}


@pytest.fixture
def draft(session):
    campaign = make_campaign(session)
    make_list(session, campaign)
    session.commit()
    return campaign


@pytest.mark.parametrize("rubbish", ["9" * 5000, "9" * 30, str(2**63), "-9", "%00", "%ED%A0%80", "٣"])
def test_rubbish_in_an_address_is_no_error_of_ours(composer, draft, rubbish):
    campaign = f"/campaigns/{draft.id}"
    for path in (
        f"/campaigns/?before={rubbish}&q={rubbish}&show={rubbish}",
        f"{campaign}/contacts?campaign_id={rubbish}&after={rubbish}&state={rubbish}&endpoint={rubbish}&_anchor={rubbish}",
        f"{campaign}/compose/who?verdict={rubbish}&after={rubbish}&sample={rubbish}",
        f"/inbox/?verdict={rubbish}&campaign={rubbish}&before={rubbish}",
        f"/inbox/?number={rubbish}&word={rubbish}&before={rubbish}",
        f"/inbox/?from={rubbish}",
        f"/inbox/?to={rubbish}",
    ):
        assert composer.get(path).status_code in (200, 303, 422), path


def test_the_address_of_a_table_leads_nowhere_else(composer, draft):
    path = f"/campaigns/{draft.id}"
    elsewhere = composer.get(f"{path}/contacts?_external=1&_scheme=javascript&state=busy&after=3")
    assert elsewhere.location == f"{path}?state=busy&after=3"


def test_a_draft_that_cannot_be_is_taken_for_none(composer, session):
    form = {"name": "Spring", "agent": "", "draft": "9" * 30}
    assert composer.post("/campaigns/new", data=form).status_code == 303
    assert session.scalars(select(Campaign.name)).all() == ["Spring"]


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "9999-12-31T23:59"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Adak"])
def test_a_year_beyond_reason_is_told_at_its_field(composer, draft, start, zone):
    answer = composer.post(f"/campaigns/{draft.id}/compose/when", data=WHEN | {"start_local": start, "zone": zone})
    assert answer.status_code == 422
    assert "The year should be between 2000 and 2200." in answer.text


def test_nul_is_left_out_of_what_is_kept(composer, client, session, draft):
    assert client.post("/sign-in", data={"email": f"{NUL}@example.com", "password": NUL}).status_code == 422
    assert composer.post("/agents/new", data={"name": NUL, "uuid": UUID}).status_code == 303
    form = {"file": (io.BytesIO(b"+14155552671\n"), f"{NUL}.csv"), "country": "US"}
    assert composer.post(f"/campaigns/{draft.id}/compose/who", data=form).status_code == 303
    session.rollback()
    session.expire_all()
    assert session.scalar(select(Agent.name).where(Agent.uuid == UUID)) == "ab"
    assert session.scalars(select(ContactList.filename)).one() == "ab.csv"


def test_half_a_character_in_a_body_can_be_shown():
    readable(b'{"summary": "\\ud83d"}').encode()


def test_a_deep_body_is_laid_out_no_further_than_it_is_shown():
    body = b"[" * 800 + b"1," * 100_000 + b"1" + b"]" * 800
    tracemalloc.start()
    try:
        assert len(readable(body)) == SHOWN_OF_A_BODY
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024**2
    finally:
        tracemalloc.stop()
