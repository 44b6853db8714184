"""The inbox: what arrived, by a filter in the address; a mended setting and an explained word, and what was kept is read again."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, update

from blueprints import webhooks
from core.database import writing
from core.models import Attempt, AuditEntry, Contact, Delivery, DeliveryWord, HeardWord, Replay
from jobs.replay import replay
from jobs.tick import tick_all
from tests.blueprints.sent import deliver, deliveries, event, signed
from tests.core.cast import check_boxes, launched, number, states

WITH_ADDRESS = SimpleNamespace(public_url="https://callboard.example", redis_url="")

pytestmark = pytest.mark.usefixtures("job_runtime")


@pytest.fixture
def now():
    """The webhook door goes by the real clock, and after hours of silence there would be no news of anybody."""
    return datetime.now(UTC)


@pytest.fixture
def admin(sign_in_as):
    return sign_in_as("admin")


@pytest.fixture
def no_cache(monkeypatch):
    """What was decided counts at once, not within seconds."""
    monkeypatch.setattr(webhooks, "RULES_SECONDS", -1.0)


def warbled(place=0):
    """A call of which only a word speaks that nobody knows."""
    return event(place, status="vaporized", duration_seconds=None).replace(b"call.completed", b"call.update")


def deliver_under(client, wave, header, body=None):
    """A delivery whose signature stands in a header that we do not know."""
    body = event() if body is None else body
    held = signed(wave, body)
    held[header], held["X-Acme-Timestamp"] = held.pop("X-Webhook-Signature"), held.pop("X-Webhook-Timestamp")
    return client.post(wave.address, data=body, headers=held, csrf=False)


def run_replays(session):
    session.rollback()
    for replay_id in session.scalars(select(Replay.id)).all():
        replay(replay_id)
    session.rollback()


def rows_of(page):
    return page.text.count('<th scope="row" class="main">')


@pytest.fixture
def three(client, wave):
    """One applied, one of nobody, one refused."""
    deliver(client, wave)
    deliver(
        client,
        wave,
        json.dumps({"event": "call.completed", "data": {"call_id": "x", "to_number": "+4915112345678"}}).encode(),
    )
    deliver(client, wave, event(1), secret="a guess")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 3),
        ({"verdict": "applied"}, 1),
        ({"verdict": "stale"}, 0),
        ({"number": "+1 415 555 0000"}, 1),
        ({"number": "+49 151 12345678"}, 1),
        ({"number": "+49 151 1"}, 0),
        ({"wave": "1", "campaign": "1"}, 3),
        ({"wave": "2", "campaign": "1"}, 0),
        ({"campaign": "2"}, 0),
        ({"from": "2020-01-01", "to": "2020-01-02"}, 0),
        ({"from": "2020-01-01T10:30"}, 3),
        ({"to": "2020-01-01"}, 0),
        ({"word": "nothing"}, 0),
    ],
)
def test_the_list_shows_what_the_address_asks_for(admin, three, asked, found):
    page = admin.get("/inbox/?" + urlencode(asked))
    assert (page.status_code, rows_of(page)) == (200, found)


@pytest.mark.parametrize(
    "asked",
    [
        "verdict=good",
        "campaign=x",
        "wave=1",
        "from=yesterday",
        "to=2026-99-01",
        "from=2026-02-02&to=2026-02-01",
        "from=0001-01-01",
        "to=9999-12-31",
        "to=9999-12-31T23:59:59-12:00",
    ],
)
def test_a_filter_that_cannot_be_understood_is_told_with_a_sentence(admin, three, asked):
    page = admin.get(f"/inbox/?{asked}")
    assert (page.status_code, rows_of(page)) == (422, 0)
    assert 'role="alert"' in page.text


def test_a_span_of_time_is_found_by_the_order_of_the_ids(admin, client, session, wave):
    for place in range(9):
        deliver(client, wave, event(0, turn=place))
    began = datetime(2026, 3, 1, tzinfo=UTC)
    with writing(session):
        for place, one in enumerate(deliveries(session)):
            session.execute(
                update(Delivery).where(Delivery.id == one.id).values(received_at=began + timedelta(hours=place))
            )
    assert rows_of(admin.get("/inbox/?from=2026-03-01T02:00&to=2026-03-01T05:00")) == 3


def test_others_see_neither_what_was_refused_nor_bodies_nor_whole_numbers(viewer, three, session):
    assert rows_of(viewer.get("/inbox/")) == 2
    applied, _, refused = deliveries(session)
    assert viewer.get(f"/inbox/{refused.id}").status_code == 404
    page = viewer.get(f"/inbox/{applied.id}")
    assert page.status_code == 200
    assert not any(words in page.text for words in ("duration_seconds", "555-0000", "5550000"))


def test_a_delivery_says_what_was_read_from_where_and_what_it_moved(admin, three, session):
    applied, unmatched, refused = (admin.get(f"/inbox/{one.id}").text for one in deliveries(session))
    for words in (
        "data.to_number",
        "data.duration_seconds",
        "over",
        "&#34;duration_seconds&#34;: 42",
        "X-Webhook-Timestamp",
    ):
        assert words in applied
    assert "state-answered" in applied
    assert "nobody of this wave has its number" in unmatched
    assert "its signature fits none of the forms" in refused


def test_pages_go_on_where_they_ended_with_the_filter(admin, client, wave):
    for place in range(30):
        deliver(client, wave, event(0, turn=place))
    first = admin.get("/inbox/?campaign=1")
    after = first.text.split("before=")[1].split('"')[0].split("&")[0]
    assert (rows_of(first), rows_of(admin.get(f"/inbox/?campaign=1&before={after}"))) == (25, 5)


def test_a_header_of_theirs_is_named_on_the_page_and_what_was_refused_is_verified_again(
    admin, client, session, campaign, wave, no_cache
):
    assert deliver_under(client, wave, "X-Acme-Signature").status_code == 401
    assert "its newest delivery was refused" in admin.get("/campaigns/").text
    page = admin.get("/inbox/connection").text
    assert "X-Acme-Signature" in page
    assert admin.post("/inbox/connection", data={"webhook_headers": "x-acme-signature"}).status_code == 303
    assert "1 delivery" in admin.get("/inbox/replays/new?verdict=bad_signature").text.replace("\n", " ")
    assert admin.post("/inbox/replays", data={"verdict": "bad_signature"}).location == "/inbox/replays"
    run_replays(session)
    (delivery,) = deliveries(session)
    assert (delivery.verdict, delivery.replayed_at is not None, "x-acme-signature" in delivery.form) == (
        "applied",
        True,
        True,
    )
    assert states(session, campaign) == ["answered", "submitted", "submitted"]
    check_boxes(session, campaign)
    assert "1" in admin.get("/inbox/replays").text
    assert deliver_under(client, wave, "X-Acme-Signature", event(1)).status_code == 204
    assert "its newest delivery was refused" not in admin.get("/campaigns/").text


def test_verified_again_it_counts_once_however_often(admin, client, session, campaign, wave, no_cache):
    deliver_under(client, wave, "X-Acme-Signature")
    admin.post("/inbox/connection", data={"webhook_headers": "x-acme-signature"})
    assert deliver_under(client, wave, "X-Acme-Signature").status_code == 204  # the provider's own retry was first
    refused, genuine = deliveries(session)
    for _ in range(2):
        admin.post(f"/inbox/{refused.id}/replay")
        admin.post(f"/inbox/{genuine.id}/replay")
    refused, genuine = deliveries(session)
    assert (refused.verdict, genuine.verdict) == ("repeat", "applied")
    assert len(session.scalars(select(Attempt)).all()) == 1
    check_boxes(session, campaign)


def test_one_delivery_that_is_still_not_genuine_moves_nothing(admin, client, session, campaign, wave):
    deliver(client, wave, secret="a guess")
    (delivery,) = deliveries(session)
    answer = admin.post(f"/inbox/{delivery.id}/replay")
    assert "refused as before" in admin.get(answer.location).text
    assert states(session, campaign) == ["submitted"] * 3


def test_a_replay_judges_the_time_when_it_came(admin, client, session, campaign, wave, no_cache):
    deliver_under(client, wave, "X-Acme-Signature")
    with writing(session):  # a day ago, with a timestamp of that day
        body = event()
        at = datetime.now(UTC) - timedelta(days=1)
        held = [[name, value] for name, value in signed(wave, body, at=at.timestamp()).items()]
        session.execute(update(Delivery).values(received_at=at, headers=held, body=body))
    (delivery,) = deliveries(session)
    admin.post(f"/inbox/{delivery.id}/replay")
    assert [one.verdict for one in deliveries(session)] == ["applied"]


def test_an_unknown_word_is_listed_explained_and_applied_by_replay(admin, client, session, campaign, wave, no_cache):
    for place in range(2):
        assert deliver(client, wave, warbled(place)).status_code == 204
    assert [one.verdict for one in deliveries(session)] == ["ignored"] * 2
    assert states(session, campaign) == ["submitted"] * 3
    page = admin.get("/inbox/words").text
    assert "<bdi>vaporized</bdi>" in page
    assert "Unknown words (1)" in page
    assert rows_of(admin.get("/inbox/?word=vaporized")) == 2
    assert admin.post("/inbox/words", data={"word": "vaporized", "meaning": "failed"}).status_code == 303
    run_replays(session)
    assert states(session, campaign) == ["failed", "failed", "submitted"]
    assert [one.verdict for one in deliveries(session)] == ["applied"] * 2
    assert session.scalars(select(DeliveryWord)).all() == []
    check_boxes(session, campaign)
    deliver(client, wave, warbled(2))
    assert states(session, campaign) == ["failed"] * 3
    assert (
        session.scalars(select(AuditEntry.summary).where(AuditEntry.act == "word.explain")).one().endswith("be made.")
    )


def test_what_came_while_a_word_was_explained_is_found_by_the_tick(admin, client, session, campaign, wave):
    """This process had asked for the words seconds before."""
    deliver(client, wave, warbled(0))
    admin.post("/inbox/words", data={"word": "vaporized", "meaning": "busy"})
    run_replays(session)
    deliver(client, wave, warbled(1))
    assert states(session, campaign)[:2] == ["busy", "submitted"]
    tick_all()
    run_replays(session)
    assert states(session, campaign)[:2] == ["busy", "busy"]
    tick_all()
    assert len(session.scalars(select(Replay)).all()) == 2


def test_a_meaning_that_is_none_of_ours_is_told_and_a_word_nobody_heard_is_not_found(admin, client, session, wave):
    deliver(client, wave, warbled(0))
    assert admin.post("/inbox/words", data={"word": "vaporized", "meaning": "gone"}).status_code == 422
    assert admin.post("/inbox/words", data={"word": "unheard", "meaning": "busy"}).status_code == 404
    session.rollback()
    assert session.scalars(select(HeardWord.meaning)).all() == [None]


def test_a_meaning_can_be_taken_back(admin, client, session, wave):
    deliver(client, wave, warbled(0))
    admin.post("/inbox/words", data={"word": "vaporized", "meaning": "busy"})
    admin.post("/inbox/words", data={"word": "vaporized", "meaning": "", "explained": "yes"})
    session.rollback()
    assert session.scalars(select(HeardWord.meaning)).all() == [None]


def test_a_replay_of_everything_moves_nothing_twice_and_goes_on_after_a_death(
    admin, client, session, campaign, wave, monkeypatch
):
    monkeypatch.setattr("core.replays.AT_ONCE", 2)
    for place in range(3):
        deliver(client, wave, event(place))
        deliver(client, wave, event(place, status="ringing", duration_seconds=None))
    before = [(one.verdict, one.note) for one in deliveries(session)]
    admin.post("/inbox/replays", data={})
    ours = deliveries(session)

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("jobs.replay.note_progress", dies)
        with pytest.raises(KeyboardInterrupt):
            run_replays(session)
    run_replays(session)
    found = session.scalars(select(Replay)).one()
    assert (found.seen, found.moved, found.finished_at is not None) == (len(ours), {}, True)
    assert [(one.verdict, one.note) for one in deliveries(session)] == before
    assert session.scalars(select(Contact.attempts).order_by(Contact.position)).all() == [1, 1, 1]
    check_boxes(session, campaign)


def test_a_delivery_that_cannot_be_applied_does_not_stop_the_others(
    admin, client, session, campaign, wave, monkeypatch
):
    for place in range(3):
        deliver(client, wave, event(place))
    first = deliveries(session)[0].id
    plain = replay.__globals__["apply_again"]

    def fails_for_one(session, kept, *given):
        if kept.id == first:
            raise ValueError("poison")
        return plain(session, kept, *given)

    monkeypatch.setattr("jobs.replay.apply_again", fails_for_one)
    admin.post("/inbox/replays", data={})
    run_replays(session)
    assert [one.replayed_at is not None for one in deliveries(session)] == [False, True, True]


def test_a_flood_of_forgeries_at_one_address_is_kept_up_to_a_cap(client, session, campaign, wave, monkeypatch):
    monkeypatch.setattr(webhooks, "REFUSED_A_MINUTE", 3)
    answers = [deliver(client, wave, event(0, turn=turn), secret="a guess").status_code for turn in range(9)]
    assert (answers, len(deliveries(session)) <= 6) == ([401] * 9, True)  # a minute may end in between
    assert deliver(client, wave).status_code == 204


def test_a_pinned_form_refuses_all_others(admin, client, session, campaign, wave, no_cache):
    deliver(client, wave)
    form = deliveries(session)[0].form
    admin.post("/inbox/connection", data={"webhook_form": "webhook-signature v1, base64 over id.timestamp.body"})
    assert deliver(client, wave, event(1)).status_code == 401
    admin.post("/inbox/connection", data={"webhook_form": form})
    assert deliver(client, wave, event(2)).status_code == 204


@pytest.mark.parametrize(
    ("field", "typed"),
    [("webhook_headers", "a b: c"), ("webhook_headers", "x" * 200), ("webhook_form", "everything"), ("refused_days", ""),
     ("refused_days", "0"), ("body_days", "ten"), ("body_days", "9" * 30)],
)  # fmt: skip
def test_what_cannot_be_set_is_told_at_its_field(admin, field, typed):
    answer = admin.post("/inbox/connection", data={field: typed})
    assert answer.status_code == 422
    assert f"{field}-errors" in answer.text


def test_without_redis_a_test_of_the_connection_says_so_and_the_next_one_may_follow(admin, monkeypatch):
    monkeypatch.setattr("blueprints.inbox.connection.ring", lambda *_: False)
    monkeypatch.setattr("blueprints.inbox.connection.settings", lambda: WITH_ADDRESS)
    for _ in range(2):
        assert admin.post("/inbox/connection/test").status_code == 303
    monkeypatch.undo()
    assert admin.get("/inbox/connection").text.count("is Redis running?") == 2


def test_the_numbers_of_another_campaign_stay_what_they_are(admin, client, session, campaign, wave, now):
    """A replay of one campaign does not look at others."""
    other = launched(session, now, first=10)
    deliver(client, wave)
    admin.post("/inbox/replays", data={"campaign": str(campaign.id)})
    run_replays(session)
    assert states(session, other) == ["ready"] * 3
    assert number(0) not in admin.get("/inbox/replays").text
