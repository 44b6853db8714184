"""The live pages: a snapshot on connect, then what changed, rendered once for all viewers."""

import json
import threading

import pytest
from sqlalchemy import event

from blueprints.database import db
from blueprints.live import NAME, Drawings
from blueprints.live_hub import BOARD, Hub, Watcher
from core.database import writing
from core.facts import AttemptStatus
from core.models import Person
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
            lines = dict(line.split(": ", 1) for line in block.strip().splitlines())
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
        targets = [fragment["target"] for fragment in message["fragments"]]
        assert targets == ["live-totals", "live-cards", f"campaign-{campaign.id}"]


def test_where_streams_fail_the_same_fragments_are_asked_for(viewer, session, now, campaign):
    accepted(session, campaign, now)
    assert "Handed over 3" in html(viewer.get(f"/campaigns/{campaign.id}/live.json").json)
    assert len(viewer.get("/live.json").json["fragments"]) == 3


def test_nobody_signed_in_gets_no_stream(client, campaign):
    assert client.get(f"/campaigns/{campaign.id}/live", headers={"Accept": "text/event-stream"}).status_code == 401


def test_a_stream_ends_when_the_sign_in_is_revoked(viewer, session, campaign, now, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.HEARTBEAT_SECONDS", 0.01)
    with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        with writing(session):
            sign_out_everywhere(session, 1, LAUNCHER, now)
        assert ("gone", {}) in list(stream)


def test_a_stream_ends_when_its_person_gets_another_role(viewer, session, campaign, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.HEARTBEAT_SECONDS", 0.01)
    with viewer.get("/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        with writing(session):
            session.get_one(Person, 1).role = "composer"
        assert ("gone", {}) in list(stream)


def test_a_busy_stream_ends_too_when_the_sign_in_is_revoked(app, viewer, session, campaign, now, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.HEARTBEAT_SECONDS", 0.01)
    with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as response:
        stream = events(response)
        next(stream)
        with writing(session):
            sign_out_everywhere(session, 1, LAUNCHER, now)
        names = []
        for name, _ in stream:
            names.append(name)
            app.extensions[NAME].changed(campaign.id)
        assert names[-1] == "gone"


def test_one_question_serves_all_who_watch(app, viewer, campaign):
    hub, watchers = app.extensions[NAME], {Watcher(("person", 1), (1, "viewer"))}
    watchers |= {Watcher(("person", 9), (place, "viewer")) for place in range(50, 300)}
    statements = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert hub._still_may(watchers) == {Watcher(("person", 1), (1, "viewer"))}
    assert len([one for one in statements if one.startswith("SELECT")]) == 1


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


def test_a_browser_holds_few_streams_and_is_told_to_ask_instead(app, viewer, campaign, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.MOST_OF_ONE_BROWSER", 1)
    with viewer.get("/live", buffered=False) as first:
        assert next(events(first))[0] == "snapshot"
        with viewer.get(f"/campaigns/{campaign.id}/live", buffered=False) as second:
            assert list(events(second)) == [("full", {})]
    with viewer.get("/live", buffered=False) as third:
        assert next(events(third))[0] == "snapshot"


ME = Watcher(("person", 1), (1, "viewer"))


@pytest.fixture
def hub(redis_url, monkeypatch):
    """A hub over a page that the test writes; it looks again only when it is told."""
    monkeypatch.setattr("blueprints.live_hub.LOOK_ANYWAY_SECONDS", 3600)
    monkeypatch.setattr("blueprints.live_hub.MOST_OF_ONE_BROWSER", 200)
    monkeypatch.setattr("blueprints.live_hub.MOST_OF_ONE_OWNER", 200)
    page = {"text": "first"}

    def render(topic, variant):
        if page["text"] is None:
            raise ValueError("broken")
        return {"one": f"{page['text']} {variant}", "two": "always the same"}

    hub = Hub(redis_url, render, lambda watchers: watchers)
    hub.page_text = page
    yield hub
    hub.close()


def heard(stream):
    """The next event that is no heartbeat, as (name, {target: html})."""
    for block in stream:
        lines = dict(line.split(": ", 1) for line in block.decode().strip().splitlines())
        if lines["event"] != "heartbeat":
            return lines["event"], {f["target"]: f["html"] for f in json.loads(lines["data"]).get("fragments", ())}
    return None


def watching(hub, topic=7, variant="full"):
    """The events of a new viewer, after the first page."""
    stream = hub.events(hub.join(topic, variant, ME))
    assert heard(stream)[0] == "snapshot"
    return stream


def change(hub, text, topic=7):
    hub.page_text["text"] = text
    hub.changed(topic)


def test_many_viewers_cost_one_rendering_each_variant(hub):
    streams = [watching(hub, variant=variant) for variant in ("full", "masked") for _ in range(50)]
    rendered = hub.renderings
    change(hub, "second")
    assert {heard(stream)[1]["one"] for stream in streams} == {"second full", "second masked"}
    assert hub.renderings == rendered + 2


def test_many_who_come_at_once_cost_one_rendering(hub):
    old, begun = hub._render, threading.Barrier(20)

    def slow(topic, variant):
        hub._end.wait(0.2)
        return old(topic, variant)

    def come():
        begun.wait()
        hub.join(7, "full", ME)

    hub._render = slow
    crowd = [threading.Thread(target=come) for _ in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len([viewer for viewer in hub._viewers if viewer.topic == 7]) == 20
    # One for all of them, and one that the hub looks at by itself as the first of them comes.
    assert hub.renderings <= 2


def test_only_what_changed_is_sent(hub):
    stream = watching(hub)
    change(hub, "second")
    assert heard(stream) == ("fragment", {"one": "second full"})


def test_a_slow_viewer_loses_versions_in_between_but_never_the_last(hub):
    slow, quick = watching(hub), watching(hub)
    for number in range(5):
        change(hub, str(number))
        assert heard(quick)[1] == {"one": f"{number} full"}
    assert heard(slow)[1] == {"one": "4 full"}
    change(hub, "last")
    assert heard(slow)[1] == {"one": "last full"}


def test_what_a_newcomer_sees_first_reaches_the_others_too(hub):
    stream = watching(hub)
    hub.page_text["text"] = "second"
    hub._rendered(7, "full")
    assert heard(stream)[1] == {"one": "second full"}


def test_a_lost_message_is_made_up_for(hub, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.LOOK_ANYWAY_SECONDS", 0.1)
    stream = watching(hub)
    hub.page_text["text"] = "second"
    assert heard(stream)[1] == {"one": "second full"}


def test_viewers_of_other_pages_are_left_alone(hub):
    here, _ = watching(hub, 7), watching(hub, 8)
    rendered = hub.renderings
    change(hub, "second")
    assert heard(here)[1] == {"one": "second full"}
    assert (hub.renderings, hub._pages[8, "full"].version) == (rendered + 1, 1)


def test_of_two_looks_at_once_the_later_one_counts(hub):
    """The first read the old numbers, and came to its end after the second."""
    old, second = hub._render, []

    def slow(topic, variant):
        told = old(topic, variant)
        if not second:
            second.append(True)
            hub.page_text["text"] = "second"
            hub._rendered(7, "full")
        return told

    hub._render = slow
    assert hub.page(7, "full").pieces["one"][0] == "second full"


def test_a_page_that_cannot_be_looked_at_says_that_it_is_old_until_it_is_not(hub, monkeypatch):
    monkeypatch.setattr("blueprints.live_hub.STALE_SECONDS", 0)
    monkeypatch.setattr("blueprints.live_hub.HEARTBEAT_SECONDS", 0.05)
    stream = watching(hub)
    change(hub, None)
    assert heard(stream) == ("stale", {})
    change(hub, "first")
    names = (block.split(b"\n")[0] for block in stream)
    assert next(name for name in names if name != b"event: stale") == b"event: heartbeat"


def test_a_page_that_cannot_be_rendered_does_not_stop_the_others(redis_url):
    def render(topic, variant):
        if topic == 7:
            raise ValueError("broken")
        return {"one": "fine"}

    hub = Hub(redis_url, render, lambda watchers: watchers)
    with pytest.raises(ValueError, match="broken"):
        hub.join(7, "full", ME)
    assert heard(hub.events(hub.join(BOARD, "full", ME))) == ("snapshot", {"one": "fine"})
    assert not [viewer for viewer in hub._viewers if viewer.topic == 7]
    hub.close()


def test_without_redis_a_page_says_that_it_only_looks(hub, monkeypatch):
    lonely = Hub("redis://127.0.0.1:1/0", hub._render, hub._still_may)
    stream = lonely.events(lonely.join(7, "full", ME))
    assert (next(stream).split(b"\n")[0], next(stream)) == (
        b"event: snapshot",
        b'event: heartbeat\ndata: {"slow": true}\n\n',
    )
    lonely.close()


def test_pictures_stay_for_a_while_and_are_then_drawn_anew(app, session, now, campaign, monkeypatch):
    drawings = Drawings()

    def drawn():
        with app.test_request_context():
            return drawings.of(campaign, "all")

    before = drawn()
    report(session, accepted(session, campaign, now), 0, AttemptStatus.ANSWERED, now)
    assert drawn() == before
    monkeypatch.setattr("blueprints.live.DRAWN_FOR_SECONDS", 0)
    assert drawn() != before


def test_those_who_ask_for_one_variant_keep_nobody_waiting_for_another(hub):
    """Asked again and again, one page is looked at all the time; the other has its own turn."""
    stream = watching(hub, variant="full")
    asked = threading.Event()

    def ask():
        while not asked.wait(0.01):
            hub._rendered(7, "masked")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        change(hub, "second")
        assert heard(stream)[1] == {"one": "second full"}
    finally:
        asked.set()
        asking.join()
