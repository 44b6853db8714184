"""The live pages: a snapshot on connect, then what changed, rendered once for all viewers."""

import json
import threading

import pytest

from blueprints.live import NAME
from blueprints.live_hub import BOARD, Hub
from core.database import writing
from core.facts import AttemptStatus
from core.sign_ins import sign_out_everywhere
from jobs.queue import announce
from tests.core.cast import LAUNCHER, accepted, launched, report


def events(response):
    """The stream's events as (name, data), one at a time."""
    buffer = ""
    for piece in response.response:
        buffer += piece.decode() if isinstance(piece, bytes) else piece
        while "\n\n" in buffer:
            block, buffer = buffer.split("\n\n", 1)
            lines = dict(line.split(": ", 1) for line in block.splitlines())
            yield lines["event"], json.loads(lines["data"])


def html(message):
    return "".join(fragment["html"] for fragment in message["fragments"])


@pytest.fixture
def campaign(session, now):
    return launched(session, now)


def test_a_stream_begins_with_the_whole_page_and_then_brings_what_changed(
    app, viewer, session, now, campaign, settings
):
    wave = accepted(session, campaign, now)
    with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as response:
        assert response.mimetype == "text/event-stream"
        stream = events(response)
        name, message = next(stream)
        assert (name, "Handed over 3" in html(message)) == ("snapshot", True)
        report(session, wave, 0, AttemptStatus.ANSWERED, now)
        announce(settings.redis_url, campaign.id)
        name, message = next(stream)
        assert (name, "Answered 1, Handed over 2" in html(message)) == ("fragment", True)
    assert not app.extensions[NAME]._viewers


def test_the_board_is_live_too(viewer, session, now, campaign):
    with viewer.get("/live", buffered=False) as response:
        _, message = next(events(response))
        assert [fragment["target"] for fragment in message["fragments"]] == [f"campaign-{campaign.id}"]


def test_where_streams_fail_the_same_fragments_are_asked_for(viewer, session, now, campaign):
    accepted(session, campaign, now)
    assert "Handed over 3" in html(viewer.get(f"/campaigns/{campaign.id}/live.json").json)
    assert len(viewer.get("/live.json").json["fragments"]) == 1


def test_nobody_signed_in_gets_no_stream(client, campaign):
    assert client.get(f"/campaigns/{campaign.id}/live", headers={"Accept": "text/event-stream"}).status_code == 401


def test_a_stream_ends_when_the_sign_in_is_revoked(viewer, session, campaign, now, monkeypatch):
    monkeypatch.setattr("blueprints.live.HEARTBEAT_SECONDS", 0.01)
    with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        with writing(session):
            sign_out_everywhere(session, 1, LAUNCHER, now)
        assert ("gone", {}) in list(stream)


def test_streams_end_when_the_process_stops(app, viewer, campaign):
    with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        app.extensions[NAME].close()
        assert list(stream) == []


def test_a_stream_that_nobody_reads_is_left(app, viewer, campaign):
    for method in (viewer.head, viewer.get):
        method("/live", buffered=False).close()
    assert not app.extensions[NAME]._viewers


@pytest.fixture
def hub(redis_url):
    """A hub over a page that the test writes."""
    page = {"text": "first"}
    hub = Hub(redis_url, lambda topic, variant: f"{page['text']} {variant}")
    hub.page = page
    yield hub
    hub.close()


def test_many_viewers_cost_one_rendering_each_variant(hub):
    viewers = [hub.join(7, variant) for variant in ("full", "masked") for _ in range(50)]
    hub.page["text"] = "second"
    hub.changed(7)
    assert {viewer.next(10) for viewer in viewers} == {"second full", "second masked"}
    assert hub.renderings == 2


def test_a_slow_viewer_loses_frames_in_between_but_never_the_last(hub):
    viewer = hub.join(7, "full")
    for number in range(100):
        viewer.give(str(number))
    assert (viewer.next(1), viewer.inbox.empty()) == ("99", True)


def test_what_a_newcomer_sees_first_reaches_the_others_too(hub):
    viewer = hub.join(7, "full")
    assert viewer.next(10) == "first full"
    hub.page["text"] = "second"
    hub._rendered(7, "full")
    hub.changed(7)
    assert viewer.next(10) == "second full"


def test_a_lost_message_is_made_up_for(hub, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.LOOK_ANYWAY_SECONDS", 0.1)
    viewer = hub.join(7, "full")
    assert viewer.next(10) == "first full"
    hub.page["text"] = "second"
    assert viewer.next(10) == "second full"


def test_viewers_of_other_pages_are_left_alone(hub):
    here, elsewhere = hub.join(7, "full"), hub.join(8, "full")
    assert (here.next(10), elsewhere.next(10)) == ("first full", "first full")
    hub.page["text"] = "second"
    hub.changed(7)
    assert here.next(10) == "second full"


def test_a_page_that_cannot_be_rendered_does_not_stop_the_others(redis_url):
    def render(topic, variant):
        if topic == 7:
            raise ValueError("broken")
        return "fine"

    hub = Hub(redis_url, render)
    hub.join(7, "full")
    assert hub.join(BOARD, "full").next(10) == "fine"
    hub.close()
    assert threading.active_count() < 50


def test_an_older_frame_read_after_the_first_page_is_put_right(hub, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.LOOK_ANYWAY_SECONDS", 3600)
    viewer = hub.join(7, "full")
    viewer.give("older")
    hub.page["text"] = "second"
    assert hub.first_for(viewer) == "second full"
    assert viewer.next(10) == "older"
    hub.changed(7)
    assert viewer.next(10) == "second full"


def test_a_busy_stream_ends_too_when_the_sign_in_is_revoked(app, viewer, session, campaign, now, monkeypatch):
    monkeypatch.setattr("blueprints.live.HEARTBEAT_SECONDS", 0.01)
    with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        with writing(session):
            sign_out_everywhere(session, 1, LAUNCHER, now)
        (watcher,) = app.extensions[NAME]._viewers
        monkeypatch.setattr(watcher, "next", lambda seconds: "{}")
        assert any(name == "gone" for name, _ in (next(stream) for _ in range(10_000)))
