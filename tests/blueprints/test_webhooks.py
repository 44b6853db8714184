"""The webhook door: what is genuine is kept once and applied, and every answer is the right word to the sender's retry machine."""

import json
import time
from io import BytesIO

import pytest
from sqlalchemy import select

from blueprints import committer
from core.database import writing
from core.models import Attempt, Contact, Wave
from provider.vault import SecretVault
from tests.blueprints.sent import deliver, deliveries, event, signed
from tests.core.cast import check_boxes, number, states, tick


def test_a_genuine_event_is_kept_applied_and_answered_204(client, session, campaign, wave):
    assert deliver(client, wave).status_code == 204
    (delivery,) = deliveries(session)
    assert (delivery.verdict, delivery.status, delivery.number) == ("applied", "answered", number(0))
    assert "timestamp.body" in delivery.form
    assert states(session, campaign) == ["answered", "submitted", "submitted"]
    check_boxes(session, campaign)


def test_the_same_delivery_again_is_204_and_changes_nothing(client, session, campaign, wave):
    body = event()
    headers = signed(wave, body)
    answers = [client.post(wave.address, data=body, headers=headers, csrf=False).status_code for _ in range(3)]
    assert (answers, len(deliveries(session)), len(session.scalars(select(Attempt)).all())) == ([204] * 3, 1, 1)


def test_another_body_that_says_the_same_is_a_repeat(client, session, wave):
    deliver(client, wave)
    deliver(client, wave, event(extra="new bytes"))
    assert [delivery.verdict for delivery in deliveries(session)] == ["applied", "repeat"]


def test_a_wrong_signature_is_401_kept_and_moves_nothing(client, session, campaign, wave):
    assert deliver(client, wave, secret="a guess").status_code == 401
    (delivery,) = deliveries(session)
    assert (delivery.verdict, "X-Webhook-Signature" in delivery.note) == ("bad_signature", True)
    assert states(session, campaign) == ["submitted"] * 3


def test_a_forgery_does_not_take_the_key_of_the_genuine_delivery(client, session, campaign, wave):
    deliver(client, wave, secret="a guess")
    assert deliver(client, wave).status_code == 204
    assert states(session, campaign)[0] == "answered"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_right_signature_with_a_wrong_time_is_401_and_the_provider_is_asked_at_once(
    client, session, campaign, wave, seconds
):
    assert deliver(client, wave, at=time.time() + seconds).status_code == 401
    assert [delivery.verdict for delivery in deliveries(session)] == ["stale"]
    assert session.scalars(select(Wave.next_poll_at)).one() is not None
    assert states(session, campaign) == ["submitted"] * 3


def test_a_stale_delivery_does_not_stop_its_own_retry(client, session, campaign, wave):
    deliver(client, wave, at=time.time() - 400)
    deliver(client, wave)
    assert states(session, campaign)[0] == "answered"


def test_an_unknown_token_is_404_and_nothing_is_written(client, session, wave):
    assert client.post("/webhooks/nobody", data=b"{}", csrf=False).status_code == 404
    assert deliveries(session) == []


def test_a_body_declared_too_big_is_413_before_anything_is_read(client, session, settings, wave):
    stream = BytesIO(b"x" * 100)
    declared = {"CONTENT_LENGTH": str(settings.webhook_max_bytes + 1), "wsgi.input": stream}
    answer = client.post(wave.address, environ_overrides=declared, csrf=False)
    assert (answer.status_code, stream.tell(), deliveries(session)) == (413, 0, [])


def test_a_body_without_a_length_is_413_one_byte_after_the_cap(client, session, settings, wave):
    stream = BytesIO(b"x" * (settings.webhook_max_bytes + 10))
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = client.post(wave.address, input_stream=stream, environ_overrides=environ, csrf=False)
    assert (answer.status_code, stream.tell()) == (413, settings.webhook_max_bytes + 1)
    assert deliveries(session) == []


def test_a_body_cut_off_before_its_end_is_400_and_not_kept(client, session, wave):
    body = event()
    cut = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body[:-5])}
    answer = client.post(wave.address, headers=signed(wave, body), environ_overrides=cut, csrf=False)
    assert (answer.status_code, deliveries(session)) == (400, [])


def test_a_genuine_body_that_cannot_be_read_is_kept_and_204(client, session, campaign, wave):
    assert deliver(client, wave, b"[" * 30_000).status_code == 204
    assert [delivery.verdict for delivery in deliveries(session)] == ["unreadable"]


def test_somebody_who_is_not_in_the_wave_is_unmatched(client, session, campaign, wave):
    assert deliver(client, wave, event(place=99)).status_code == 204
    assert [delivery.verdict for delivery in deliveries(session)] == ["unmatched"]


def test_a_number_without_its_plus_is_matched(client, session, campaign, wave):
    deliver(client, wave, event(to_number=number(1).removeprefix("+"), call_id="c"))
    assert states(session, campaign)[1] == "answered"


def test_the_echoed_reference_beats_the_number(client, session, campaign, wave):
    ref = wave.request["targets"][2]["context"]["callboard_ref"]
    deliver(client, wave, event(place=0, context={"callboard_ref": ref}))
    assert states(session, campaign) == ["submitted", "submitted", "answered"]


def test_several_events_in_one_delivery_are_all_applied(client, session, campaign, wave):
    body = json.dumps([json.loads(event(place)) for place in range(3)]).encode()
    assert deliver(client, wave, body).status_code == 204
    assert states(session, campaign) == ["answered"] * 3
    assert session.get_one(Wave, wave.id).state == "finished"


def test_counters_of_the_provider_move_no_contact(client, session, campaign, wave):
    body = json.dumps({"event": "campaign.progress", "data": {"campaign_id": "p", "calls_initiated": 2}}).encode()
    deliver(client, wave, body)
    assert states(session, campaign) == ["submitted"] * 3
    assert session.scalars(select(Wave.provider_initiated)).one() == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_cannot_be_kept_is_503_with_a_time_to_come_back(client, session, wave, monkeypatch):
    monkeypatch.setattr(committer, "WRITE_SECONDS", 0.05)
    with writing(session):
        answer = deliver(client, wave)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert deliveries(session) == []
    assert deliver(client, wave).status_code == 204


def test_a_late_event_of_a_finished_campaign_is_counted_once(client, session, campaign, wave, now):
    for place in range(3):
        deliver(client, wave, event(place, status="no_answer"))
    tick(session, campaign, now)
    deliver(client, wave, event(1))
    assert [delivery.verdict for delivery in deliveries(session)][-1] == "late"
    assert states(session, campaign) == ["no_answer", "answered", "no_answer"]
    assert session.scalars(select(Contact.attempts)).all() == [1, 1, 1]
    check_boxes(session, campaign)


def test_a_secret_sealed_with_a_key_that_is_gone_is_503_until_the_key_is_back(client, session, settings, wave):
    with writing(session):
        sealed, wave.secret = wave.secret, SecretVault("a key that nobody has any more, for this test").seal(wave.key)
    assert deliver(client, wave).status_code == 503
    with writing(session):
        session.get_one(Wave, wave.id).secret = sealed
    assert deliver(client, wave).status_code == 204
