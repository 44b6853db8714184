"""What is told to whom: once, in the transaction of the change, in the words of the API; and nothing where nobody listens."""

import json

from sqlalchemy import event, select

from core.campaign_words import campaign_answer_with_contacts
from core.database import writing
from core.facts import AttemptStatus
from core.messages import EVENTS, PROGRESS, progress_due, tell_progress
from core.models import Campaign, Endpoint, Message, Wave
from core.moves import move_campaign
from core.states import CampaignState
from tests.core.cast import VAULT, accepted, later, launched, number, report, states, tick
from tests.factories import make_campaign, make_endpoint

A, S = AttemptStatus, CampaignState


def told(session, campaign, kind=""):
    """The bodies of this campaign's messages of a kind, in their order."""
    session.rollback()
    mine = select(Message.body).join(Endpoint).where(Endpoint.campaign_id == campaign.id).order_by(Message.id)
    return [body for body in map(json.loads, session.scalars(mine)) if body["type"].startswith(kind)]


def events(session, campaign):
    return [body["type"] for body in told(session, campaign)]


def calls(session, campaign):
    return [body["data"] for body in told(session, campaign, "call.")]


def listened(session, now, people=2, wants=("campaign", "call"), **settings):
    """A running campaign that somebody listens to; its launch is older than that."""
    campaign = launched(session, now, people, **settings)
    with writing(session):
        make_endpoint(session, campaign, events=list(wants))
    return campaign


def look(session, now):
    """What the tick does for those whose numbers may have changed."""
    for endpoint_id in progress_due(session, now):
        with writing(session):
            tell_progress(session, endpoint_id, now)


def delivered(session):
    with writing(session):
        for message in session.scalars(select(Message)):
            message.state = "delivered"


def test_every_move_of_a_campaign_has_a_name(session, now):
    with writing(session):
        campaign = make_campaign(session)
        make_endpoint(session, campaign, events=["campaign"])
    ways = [S.AWAITING_APPROVAL, S.DRAFT, S.SCHEDULED, S.RUNNING, S.PAUSED, S.RUNNING, S.STOPPING, S.STOPPED]
    for minute, to in enumerate(ways):
        with writing(session):
            move_campaign(session, session.get_one(Campaign, campaign.id), to, later(now, minutes=minute))
    names = ["awaiting_approval", "taken_back", "scheduled", "started", "paused", "resumed", "stopping", "stopped"]
    assert events(session, campaign) == [f"campaign.{name}" for name in names]
    assert set(events(session, campaign)) < set(EVENTS)


def test_what_is_told_is_what_the_api_shows(session, now):
    campaign = listened(session, now)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    report(session, wave, 1, A.NO_ANSWER, now)
    tick(session, campaign, now)
    (body,) = told(session, campaign, "campaign.")
    assert (body["type"], body["timestamp"]) == ("campaign.completed", now.isoformat())
    assert body["data"] == campaign_answer_with_contacts(session, session.get_one(Campaign, campaign.id))
    assert (body["data"]["calls_completed"], body["data"]["calls_failed"]) == (1, 1)


def test_what_is_rolled_back_is_not_told(session, now):
    campaign = listened(session, now)
    move_campaign(session, session.get_one(Campaign, campaign.id), S.PAUSED, now)
    session.rollback()
    assert events(session, campaign) == []


def test_a_settled_call_is_told_once_however_often_it_is_reported(session, now):
    campaign = listened(session, now)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.DIALLING, now)
    assert calls(session, campaign) == []
    for _ in range(3):
        report(session, wave, 0, A.ANSWERED, now, duration=41.5, recording_url="https://r.example/1", ended_at=now)
    (call,) = calls(session, campaign)
    assert (call["campaign_id"], call["to_number"], call["state"]) == (str(campaign.id), number(0), "answered")
    (attempt,) = call["attempts"]
    assert (attempt["call_id"], attempt["status"], attempt["duration"]) == ("call-0", "answered", 41.5)
    assert (attempt["recording_url"], attempt["ended_at"]) == ("https://r.example/1", now.isoformat())


def end_by_silence(session, campaign, now):
    """The provider is asked once more, says nothing, and everybody left is given up."""
    for minutes in (120, 131):
        tick(session, campaign, later(now, minutes=minutes))


def test_a_correction_is_told_too(session, now):
    """No news became an answer, and a summary came behind it; the numbers that were final are told anew."""
    campaign = listened(session, now, people=1)
    wave = accepted(session, campaign, now)
    end_by_silence(session, campaign, now)
    delivered(session)
    assert states(session, campaign) == ["no_news"]
    report(session, wave, 0, A.ANSWERED, later(now, hours=3))
    report(session, wave, 0, A.ANSWERED, later(now, hours=3), summary="She renews.")
    assert [call["state"] for call in calls(session, campaign)] == ["no_news", "answered", "answered"]
    assert calls(session, campaign)[-1]["attempts"][0]["summary"] == "She renews."
    look(session, later(now, hours=3))
    assert events(session, campaign)[-1] == PROGRESS
    assert told(session, campaign)[-1]["data"]["calls_completed"] == 1
    assert progress_due(session, later(now, days=1)) == []


def test_a_try_of_ours_after_the_first_is_told_as_well(session, now):
    campaign = listened(session, now, people=1, retry_attempts=1, retry_gap_minutes=5)
    report(session, accepted(session, campaign, now), 0, A.NO_ANSWER, now)
    second = accepted(session, campaign, later(now, minutes=6))
    report(session, second, 0, A.ANSWERED, later(now, minutes=7), call_id="call-again")
    first, last = calls(session, campaign)
    assert (first["state"], first["again_at"]) == ("no_answer", later(now, minutes=5).isoformat())
    assert (last["state"], last["again_at"], len(last["attempts"])) == ("answered", None, 2)


def test_calls_are_told_only_to_those_who_asked(session, now):
    campaign = listened(session, now, wants=["campaign"])
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    assert (wave.tells_calls, events(session, campaign)) == (False, [])


def test_nothing_is_told_to_an_address_that_is_gone(session, now):
    campaign = listened(session, now)
    with writing(session):
        session.scalars(select(Endpoint)).one().disabled_at = now
    report(session, accepted(session, campaign, now), 0, A.ANSWERED, now)
    tick(session, campaign, later(now, hours=2))
    assert events(session, campaign) == []


def test_a_report_costs_nothing_more_where_nobody_listens(session, now, engine):
    campaign = launched(session, now)
    wave = accepted(session, campaign, now)
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    report(session, wave, 0, A.ANSWERED, now)
    assert asked
    assert not [statement for statement in asked if "endpoint" in statement or "message" in statement]


def test_numbers_are_told_when_they_changed_every_half_minute_at_most(session, now):
    campaign = listened(session, now, people=3)
    with writing(session):
        session.scalars(select(Endpoint)).one().progress_at = now
    wave = accepted(session, campaign, now)
    for second, seen in ((0, 1), (10, 1), (31, 2), (62, 2)):
        look(session, later(now, seconds=second))
        delivered(session)
        assert events(session, campaign).count(PROGRESS) == seen
        if second < 31:
            report(session, wave, second // 10, A.ANSWERED, now)


def test_numbers_wait_while_older_ones_do(session, now):
    """A server that is away is not told of each half minute when it is back."""
    campaign = listened(session, now, people=3, wants=["campaign"])
    with writing(session):
        session.scalars(select(Endpoint)).one().progress_at = now
    wave = accepted(session, campaign, now)
    for minute in range(3):
        look(session, later(now, minutes=minute))
        report(session, wave, minute, A.ANSWERED, now)
    assert events(session, campaign) == [PROGRESS]
    delivered(session)
    look(session, later(now, minutes=3))
    assert told(session, campaign)[-1]["data"]["calls_completed"] == 3


def test_no_message_holds_a_token_or_secret_of_ours(session, now):
    campaign = listened(session, now)
    wave = accepted(session, campaign, now)
    report(session, wave, 0, A.ANSWERED, now)
    end_by_silence(session, campaign, now)
    bodies = json.dumps(told(session, campaign))
    assert "campaign.completed" in bodies
    kept = session.get_one(Wave, wave.id)
    assert not [
        hidden for hidden in (VAULT.open(kept.token), VAULT.open(kept.secret), kept.token_hash) if hidden in bodies
    ]
