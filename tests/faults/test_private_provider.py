"""The provider's host resolves to a private or link-local address (fault 48): refused before any request leaves."""

import socket
from datetime import UTC, datetime

import pytest

import jobs.runtime
from core.models import ProviderState, Wave
from core.provider_state import trouble
from jobs.ask import ask
from jobs.provider import open_provider, try_provider
from jobs.submit import submit
from tests.core.cast import accepted, check_boxes, launched, states, tick
from tests.faults.desk import ON_SQLITE
from tests.provider.stub import Stub, answer

pytestmark = [ON_SQLITE, pytest.mark.usefixtures("job_runtime")]

KEYS = [{"PROVIDER_TOKEN": "key-of-ours"}, {"PROVIDER_USERNAME": "ada", "PROVIDER_PASSWORD": "sesame-1"}]
FORBIDDEN = ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:192.168.1.1"]


@pytest.fixture(params=KEYS, ids=["token", "password"])
def inside(request, monkeypatch):
    """`inside(address)`: the provider's name, under which somebody listens, resolves to this address."""
    with Stub(answer(200, {"id": "1", "access_token": "a" * 20, "calls": []})) as stub:
        settings = {"PROVIDER_URL": f"http://provider.example:{stub.port}", "ALLOW_PRIVATE_ADDRESSES": "false"}
        for name, value in (settings | request.param).items():
            monkeypatch.setenv(name, value)
        jobs.runtime.settings.cache_clear()
        dialled, connect = [], socket.socket.connect

        def watched(connection, address):
            if address[1] == stub.port:
                dialled.append(address)
            return connect(connection, address)

        monkeypatch.setattr(socket.socket, "connect", watched)

        def resolve(address):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found = [(family, socket.SOCK_STREAM, 6, "", (address, stub.port))]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

        yield resolve
        assert (dialled, stub.connections) == ([], 0)


def test_nothing_is_submitted_there_nobody_is_called_and_the_page_says_why(session, inside):
    inside("10.0.0.7")
    moment = datetime.now(UTC)
    campaign = launched(session, moment)
    (wave_id,) = tick(session, campaign, moment).submit
    submit(wave_id)
    session.rollback()
    assert session.get_one(Wave, wave_id, populate_existing=True).state == "planned"
    assert states(session, campaign) == ["queued"] * 3
    assert "private network (provider.example)" in (trouble(session, datetime.now(UTC)) or "")
    check_boxes(session, campaign)


def test_nothing_is_asked_there(session, inside):
    inside("169.254.169.254")
    wave = accepted(session, launched(session, datetime.now(UTC)), datetime.now(UTC))
    ask(wave.id)
    session.rollback()
    assert "private network" in session.get_one(Wave, wave.id, populate_existing=True).poll_words


def test_nothing_is_tried_there_from_the_providers_page_in_any_dress_of_the_address(session, inside):
    for address in FORBIDDEN:
        inside(address)
        client = open_provider(session, jobs.runtime.settings(), jobs.runtime.vault(), 10)
        tried = try_provider(client, None, "tenant-7")
        assert (tried.works, "private network" in tried.words) == (False, True)
    assert session.get_one(ProviderState, 1).access_token is None
