"""The wall: above the list, on a whole screen, and by a link without a sign-in, where no phone number is shown."""

import json
import re

import pytest

from core.database import writing
from core.facts import AttemptStatus
from core.models import Campaign
from core.wall_links import revoke_link
from tests.blueprints.test_live import events
from tests.core.cast import LAUNCHER, accepted, launched, report

LINK = re.compile(r"/wall/on/([\w-]{40,})")


@pytest.fixture
def campaign(session, now):
    campaign = launched(session, now)
    report(session, accepted(session, campaign, now), 0, AttemptStatus.ANSWERED, now)
    with writing(session):
        mine = session.get_one(Campaign, campaign.id)
        mine.name, mine.why = "<i>Spring</i>", "Refused: +14155550100 is no number."
    return campaign


@pytest.fixture
def token(launcher):
    return LINK.search(launcher.post("/wall/links", data={"name": "Kitchen"}).text)[1]


def test_the_wall_stands_above_the_list_unless_something_is_looked_for(viewer, campaign):
    assert 'id="live-totals"' in viewer.get("/campaigns/").text
    for looked_for in ("?q=Spring", "?show=live", "?owner=x", "?from=2026-01-01"):
        page = viewer.get(f"/campaigns/{looked_for}").text
        assert ('id="live-totals"' in page, "data-live-url" in page) == (False, False)


def test_a_screen_shows_campaigns_without_a_sign_in_and_never_a_phone_number(client, campaign, token):
    page = client.get(f"/wall/on/{token}")
    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "strict-origin")
    for text in (page.text, json.dumps(client.get(f"/wall/on/{token}/live.json").json)):
        assert "&lt;i&gt;Spring&lt;/i&gt;" in text
        assert not re.search(r"5550100|555-0100", text)
        assert f"/campaigns/{campaign.id}" not in text


def test_a_word_means_the_same_in_the_totals_and_on_the_cards(viewer, session, now):
    campaign = launched(session, now)
    report(session, accepted(session, campaign, now), 0, AttemptStatus.DIALLING, now)
    page = viewer.get("/campaigns/").text
    said = re.findall(r"<dt>([^<]+)</dt>\s*<dd class=\"num\">([\d,]+)</dd>", page)
    assert [count for name, count in said if name == "In progress"] == ["1", "1"]
    assert dict(said)["Handed over"] == "2"


def test_a_viewer_sees_no_number_in_a_sentence_of_the_list(viewer, composer, campaign):
    assert "555-0100" not in viewer.get("/campaigns/").text.replace("+14155550100", "555-0100")
    assert "+14155550100" in composer.get("/campaigns/").text


def test_the_wall_of_whoever_is_signed_in_is_live(viewer, campaign):
    assert viewer.get("/wall").status_code == 200
    with viewer.get("/wall/live", buffered=False) as response:
        name, message = next(events(response))
    targets = [fragment["target"] for fragment in message["fragments"]]
    assert (name, targets) == ("snapshot", ["live-totals", "live-cards"])


def test_a_revoked_link_shows_nothing_and_its_stream_ends(client, session, now, campaign, token, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.HEARTBEAT_SECONDS", 0.01)
    with client.get(f"/wall/on/{token}/live", buffered=False) as response:
        stream = events(response)
        assert next(stream)[0] == "snapshot"
        with writing(session):
            revoke_link(session, 1, LAUNCHER, now)
        assert ("gone", {}) in list(stream)
    for path in ("", "/live", "/live.json"):
        assert client.get(f"/wall/on/{token}{path}").status_code == 404
    assert "This link is over" in client.get(f"/wall/on/{token}").text


def test_a_link_is_shown_once_and_its_last_use_is_seen(client, launcher, token):
    assert token not in launcher.get("/wall/links").text
    assert "never" in launcher.get("/wall/links").text
    client.get(f"/wall/on/{token}")
    assert ">never<" not in launcher.get("/wall/links").text


def test_a_link_needs_a_name(launcher):
    answer = launcher.post("/wall/links", data={"name": " "})
    assert (answer.status_code, "Say which screen it is for" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "is no day"), ("to=0001-01-01", "The year should be between"),
        ("from=2026-03-02&to=2026-03-01", "lies before the first"),
    ],
)  # fmt: skip
def test_what_is_no_day_is_said_at_its_field(viewer, campaign, query, words):
    answer = viewer.get(f"/campaigns/?{query}")
    assert (answer.status_code, words in answer.text) == (422, True)


def test_the_list_is_filtered_by_owner_and_day(viewer, session, now, campaign):
    with writing(session):
        session.get_one(Campaign, campaign.id).created_by = "Ada & Co"
    shown = f'id="campaign-{campaign.id}"'
    for query, is_shown in [
        ("owner=Ada+%26+Co", True), ("owner=Grace", False), ("from=2026-03-02&to=2026-03-02", True), ("from=2026-03-03", False),
        ("to=2026-03-01", False), ("from=2026-03-02&owner=Ada+%26+Co&q=spring&show=live", True),
    ]:  # fmt: skip
        assert (shown in viewer.get(f"/campaigns/?{query}").text) == is_shown


def test_the_charts_stand_in_tables_too(viewer, session, campaign):
    page = viewer.get(f"/campaigns/{campaign.id}?span=all").text
    assert "data-chart=" in page
    assert viewer.get(f"/campaigns/{campaign.id}?span=nonsense").status_code == 200
