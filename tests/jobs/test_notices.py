"""Notices go out by a real mail server and to a real chat server, once; what failed is tried again and said."""

import json
import threading
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from core import notices
from core.audit import Actor
from core.database import writing
from core.models import Notice
from jobs.notices import send_notice
from jobs.tick import tick_all
from provider.vault import SecretVault
from tests.conftest import SECRET_KEY
from tests.factories import make_person
from tests.jobs.test_mail import certificate, mail_server  # noqa: F401 (fixtures)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOW = datetime.now(UTC)


@pytest.fixture
def due(session):
    """The id of a notice for somebody, by mail or to a chat room at this address."""

    def make(chat=None, **person):
        with writing(session):
            ada = make_person(session, email="ada@example.com", **person).id
            wanted = notices.Wanted(True, False, None, False, chat is None, chat, "A room")
            notices.choose(session, ada, wanted, SecretVault(SECRET_KEY), Actor("Ada"), NOW)
            notices.try_ways(session, ada, NOW)
        return session.query(Notice).one().id

    return make


@pytest.fixture
def room():
    """The address of a chat room, and what was said in it; `status` is its answer."""

    class Room(BaseHTTPRequestHandler):
        heard: ClassVar[list] = []
        status, leads_to = 200, None

        def do_POST(self):
            self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(self.status)
            if self.leads_to:
                self.send_header("Location", self.leads_to)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Room) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Room.heard, Room.address = [], f"json://127.0.0.1:{server.server_port}/room"
        yield Room
        server.shutdown()


def state(session, notice_id):
    session.rollback()
    notice = session.get_one(Notice, notice_id, populate_existing=True)
    return notice.state, notice.tries, notice.problem


def test_a_notice_is_mailed_once(mail_server, session, due):  # noqa: F811
    mailbox = mail_server()
    notice = due()
    for _ in range(2):
        send_notice(notice)
    [(envelope, _)] = mailbox.letters
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert (letter["To"], letter["Subject"]) == ("ada@example.com", "A notice to try it out")
    assert "https://calls.example.com/account/notices" in letter.get_content()
    assert state(session, notice) == ("sent", 1, "")


def test_what_the_mail_server_refuses_is_tried_again(mail_server, session, due):  # noqa: F811
    mailbox = mail_server()
    mailbox.is_full = True
    notice = due()
    send_notice(notice)
    kind, tries, problem = state(session, notice)
    assert (kind, tries, "did not take it" in problem, "ada@" in problem) == ("waiting", 1, True, False)


def test_without_a_mail_server_that_is_said(job_runtime, session, due):
    notice = due()
    send_notice(notice)
    assert state(session, notice) == ("waiting", 1, "No mail server is set: SMTP_HOST.")


def test_a_chat_room_is_told(job_runtime, session, due, room):
    notice = due(room.address)
    send_notice(notice)
    assert [said["title"] for said in room.heard] == ["A notice to try it out"]
    assert state(session, notice) == ("sent", 1, "")


def test_a_chat_room_that_is_gone_is_said(job_runtime, session, due, room):
    room.status = 410
    notice = due(room.address)
    send_notice(notice)
    assert state(session, notice) == ("waiting", 1, "The chat service did not take it.")


def test_a_redirect_is_not_followed(job_runtime, session, due, room):
    room.status, room.leads_to = 307, room.address.replace("json://", "http://")
    notice = due(f"{room.address}?redirect=yes")
    send_notice(notice)
    assert (len(room.heard), state(session, notice)[0]) == (1, "waiting")


def test_a_room_sealed_with_a_lost_key_is_said(job_runtime, session, due):
    notice = due("json://127.0.0.1:1/room")
    with writing(session):
        choice = notices.choice_of(session, session.get_one(Notice, notice).person_id)
        choice.chat = SecretVault("another key that is long enough to be one").seal("json://127.0.0.1:1/room")
    send_notice(notice)
    assert "SECRET_KEY was changed" in state(session, notice)[2]


def test_whoever_left_is_told_nothing(mail_server, session, due):  # noqa: F811
    mailbox = mail_server()
    notice = due(is_active=False)
    send_notice(notice)
    assert (mailbox.letters, state(session, notice)[0]) == ([], "given_up")


def test_the_tick_rings_for_what_waits(job_runtime, session, due, settings, monkeypatch):
    rung = []
    monkeypatch.setattr("jobs.tick.ring", lambda url, name, row_id, **_: rung.append((name, row_id)))
    notice = due()
    tick_all()
    assert ("notice", notice) in rung
