"""Requests that want to exhaust the web process, and strings that want to be run by a browser."""

import json
import socket
from contextlib import ExitStack, closing, suppress
from itertools import chain, repeat

import pytest
from sqlalchemy import func, select

from core.database import writing
from core.models import Attempt, Campaign, Contact, Delivery
from tests.faults.desk import ON_SQLITE
from tests.faults.test_deliveries import ended

MEBIBYTE = 1024 * 1024
GROWTH = 30 * MEBIBYTE
HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</pre></details><script>alert(2)</script>",
    "javascript:alert(3)", "{{ 7 * 7 }}", "=cmd|' /C calc'!A0",
    "\u202egnp.exe", "line\r\nSet-Cookie: a=b", "'; DROP TABLE contact; --",
)  # fmt: skip


@pytest.fixture
def wave(desk, sandbox):
    """An accepted wave of somebody about whom the provider tells nothing by itself."""
    sandbox.misbehave("no_webhooks")
    return desk.accepted(people=1)


def head(installation, wave, *headers):
    path = installation.address(wave).removeprefix(installation.url)
    lines = (f"POST {path} HTTP/1.1", "Host: callboard", "Content-Type: application/json", *headers, "", "")
    return "\r\n".join(lines).encode()


def connect(installation):
    connection = socket.create_connection(("127.0.0.1", installation.port), timeout=20)
    return closing(connection)


def status(connection):
    """The status code that comes back, or None where the server hangs up."""
    try:
        answer = connection.recv(65536)
    except ConnectionError:
        return None
    return int(answer.split()[1]) if answer else None


def pour(connection, pieces):
    """Send until the server has had enough."""
    with suppress(ConnectionError, TimeoutError):
        for piece in pieces:
            connection.sendall(piece)


def memory(installation):
    return sum(child.memory_info().rss for child in installation.children("web"))


def kept(desk):
    desk.session.rollback()
    return desk.session.scalar(select(func.count()).select_from(Delivery))


@ON_SQLITE
def test_bodies_and_headers_without_measure_are_refused_and_others_go_on(desk, installation, wave):
    """Fault 33: 1 GB declared, a chunked body without end, 64 kB of header, cut bodies; memory stays flat."""
    installation.start("web")
    assert installation.deliver(wave, b"{}").status_code == 204
    before = memory(installation)
    chunked, chunk = "Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n"
    attacks = {
        "1 GB declared": (f"Content-Length: {1024**3}", [], {413}),
        "chunks without end": (chunked, repeat(chunk, 16384), {413, None}),
        "a header of 64 kB": (f"X-Signature: {'a' * 65536}", [], {400, 431}),
        "cut": ("Content-Length: 1000", [b'{"event":'], {400, None}),
        "cut in a chunk": (chunked, [b'ff\r\n{"event":'], {400, None}),
        "cut between chunks": (chunked, [b"2\r\n{}\r\n"], {400, None}),
        "no chunk": (chunked, [b"zz\r\n{}\r\n0\r\n\r\n"], {400}),
    }
    for name, (header, pieces, answers) in attacks.items():
        with connect(installation) as connection:
            pour(connection, chain([head(installation, wave, header)], pieces))
            if name.startswith("cut"):
                connection.shutdown(socket.SHUT_WR)
            assert status(connection) in answers, name
    assert kept(desk) == 1
    assert memory(installation) - before < GROWTH


@ON_SQLITE
def test_fifty_bodies_that_drip_hold_up_nobody(desk, installation, wave):
    """Fault 33: slow bodies; a delivery and a page go by them, and nothing of them is kept."""
    installation.start("web")
    with ExitStack() as slow:
        for _ in range(50):
            connection = slow.enter_context(connect(installation))
            connection.sendall(head(installation, wave, "Content-Length: 1000") + b"{")
        assert installation.deliver(wave, ended("+14155550000")).status_code == 204
        assert installation.show(wave.campaign_id)["contacts"]["answered"] == 1
    assert installation.deliver(wave, b"{}").status_code == 204
    assert kept(desk) == 2


def hostile(string):
    """A delivery in which every text is this one."""
    said = dict.fromkeys(
        ("recording_url", "summary", "transcript", "disposition", "hangup_reason", "sentiment", "from_number"), string
    )
    data = {"call_id": string, "to_number": "+14155550000", "status": "ended", "context": {string: string}} | said
    return json.dumps({"event": string, "data": data}).encode()


def test_hostile_strings_are_inert_on_pages_and_in_live_frames(desk, sign_in_here, sandbox):
    """Fault 35: scripts, javascript: links, newlines and marks, in every string from outside."""
    admin = sign_in_here("admin")
    sandbox.misbehave("no_webhooks")
    campaign = desk.launch(people=1, context={HOSTILE[0]: HOSTILE[1]})
    with writing(desk.session):
        desk.session.get_one(Campaign, campaign.id).name = HOSTILE[0] + HOSTILE[1]
        desk.session.scalars(select(Contact)).one().context = dict.fromkeys(HOSTILE, HOSTILE[0])
    wave = desk.submit(campaign)
    for string in HOSTILE:
        assert desk.deliver(wave, hostile(string), **{"X-Webhook-Event": "x<script>"}) == 204
    assert desk.deliver(wave, ended("+14155550000", recording_url="javascript:alert(3)", summary=HOSTILE[2])) == 204
    contact_id = desk.session.scalar(select(Contact.id))
    of_campaign = f"/campaigns/{wave.campaign_id}"
    pages = [
        "/campaigns/", of_campaign, f"{of_campaign}/contacts/{contact_id}", f"{of_campaign}/waves/1", "/inbox/",
        *(f"/inbox/{delivery_id}" for delivery_id in desk.session.scalars(select(Delivery.id))),
    ]  # fmt: skip
    desk.session.rollback()
    frames = [admin.get(path).json["fragments"] for path in ("/live.json", f"{of_campaign}/live.json")]
    texts = {path: page_of(admin, path) for path in pages} | {f["target"]: f["html"] for one in frames for f in one}
    for where, text in texts.items():
        for mark in ("<script>alert", '<script>"', "<img src=x", 'href="javascript:', "x<script>", ">49<"):
            assert mark not in text, f"{mark} on {where}"
    assert desk.session.scalars(select(Attempt.recording_url).where(Attempt.recording_url.is_not(None))).all() == []


def page_of(browser, path):
    response = browser.get(path)
    assert response.status_code == 200, path
    assert "Set-Cookie: a=b" not in str(response.headers)
    return response.text


def test_hostile_strings_come_back_from_the_api_as_they_were(desk, installation):
    """Fault 35: JSON needs no cleaning, and keeps what it was given."""
    installation.start("web")
    for string in HOSTILE:
        assert installation.show(installation.create(["+14155550000"], string))["name"] == string
