"""What those see who watch while things go wrong: streams end with the server, and old numbers are never called live."""

import json
import re
from datetime import UTC, datetime

import pytest
import requests

from core.database import writing
from core.models import Person
from core.sign_ins import Try, sign_in, sign_out_everywhere
from tests.core.cast import LAUNCHER
from tests.faults.desk import ON_SQLITE
from tests.faults.test_deliveries import ended

VIEWERS = 200


class Watcher:
    """One open stream, read an event at a time."""

    def __init__(self, installation, path, cookie):
        headers = {"Cookie": f"callboard={cookie}"}
        self.answer = requests.get(f"{installation.url}{path}", headers=headers, stream=True, timeout=30)
        self.lines = self.answer.iter_lines(chunk_size=1)

    def next(self):
        """(name, data) of the next event; None when the stream is over."""
        name = None
        try:
            for line in self.lines:
                if line.startswith(b"event: "):
                    name = line[7:].decode()
                elif line.startswith(b"data: "):
                    return name, json.loads(line[6:])
        except requests.RequestException:
            pass
        return None

    def until(self, name):
        while (told := self.next()) is not None:
            if told[0] == name:
                return told[1]
        return None


@pytest.fixture
def cookies(desk):
    """`cookies(8)`: as many streams as one may hold with two sign-ins."""
    now = datetime.now(UTC)

    def make(streams):
        found = []
        with writing(desk.session):
            for place in range(-(-streams // 40)):
                person = Person(email=f"viewer{place}@example.com", role="viewer", created_at=now)
                desk.session.add(person)
                desk.session.flush()
                for _ in range(10):
                    found += [sign_in(desk.session, person, Try(0, person.email, ""), "a test", now)] * 4
        return found[:streams]

    return make


@ON_SQLITE
def test_a_deploy_ends_every_stream_at_once_and_they_come_back_with_the_right_numbers(
    desk, installation, sandbox, cookies
):
    """Fault 38: 200 viewers; the wave in flight is told of by webhooks before and after."""
    sandbox.misbehave("no_webhooks")
    installation.start("web")
    wave = desk.accepted(people=2)
    path, tokens = f"/campaigns/{wave.campaign_id}/live", cookies(VIEWERS)
    watchers = [Watcher(installation, path, token) for token in tokens]
    for watcher in watchers:
        assert watcher.next()[0] == "snapshot"
    old = installation.processes["web"].pop()
    old.terminate()
    for watcher in watchers:
        while watcher.next() is not None:
            pass
    assert old.wait() == 0
    installation.start("web")
    assert installation.deliver(wave, ended("+14155550000")).status_code == 204
    told = Watcher(installation, path, tokens[0]).until("snapshot")
    numbers = next(piece["html"] for piece in told["fragments"] if piece["target"] == "live-numbers")
    assert re.search(r'aria-label="Answered 1, ', numbers)


@ON_SQLITE
def test_while_redis_is_away_a_screen_says_that_it_reconnects_and_still_moves(desk, installation, sandbox, cookies):
    """Fault 8, as those see it who watch."""
    sandbox.misbehave("no_webhooks")
    installation.start("web")
    wave = desk.accepted(people=2)
    watcher = Watcher(installation, f"/campaigns/{wave.campaign_id}/live", cookies(1)[0])
    assert watcher.next()[0] == "snapshot"
    installation.kill("redis")
    while watcher.until("heartbeat") != {"slow": True}:
        pass
    assert installation.deliver(wave, ended("+14155550000")).status_code == 204
    moved = watcher.until("fragment")
    assert "Answered 1, " in json.dumps(moved)
    installation.start_redis()
    while watcher.until("heartbeat") != {"slow": False}:
        pass


@ON_SQLITE
def test_a_stream_of_a_revoked_sign_in_ends(desk, installation, sandbox, cookies):
    """Fault 40."""
    installation.start("web")
    wave = desk.accepted(people=2)
    (token,) = cookies(1)
    watcher = Watcher(installation, f"/campaigns/{wave.campaign_id}/live", token)
    assert watcher.next()[0] == "snapshot"
    with writing(desk.session):
        sign_out_everywhere(
            desk.session,
            desk.session.query(Person.id).order_by(Person.id.desc()).first()[0],
            LAUNCHER,
            datetime.now(UTC),
        )
    assert watcher.until("gone") == {}
    assert watcher.next() is None
