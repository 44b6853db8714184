"""One submission: a provider that cannot be reached makes everybody wait, however long the trying took."""

import socket
from datetime import UTC, datetime

import pytest

from core.models import Wave
from core.provider_state import trouble
from jobs.submit import submit
from tests.core.cast import check_boxes, launched, tick


@pytest.fixture
def nobody_there(monkeypatch, job_runtime):
    """A provider whose port nothing listens on."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PROVIDER_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("PROVIDER_TOKEN", "a token of the provider's")
        monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "true")
        yield


@pytest.mark.parametrize("patience", [5.0, 0.0], ids=["at once", "after all the time there was"])
def test_a_provider_that_cannot_be_reached_is_tried_again_after_a_back_off(
    session, nobody_there, monkeypatch, patience
):
    monkeypatch.setattr("jobs.submit.LONGEST_PAUSE_SECONDS", patience)
    campaign = launched(session, datetime.now(UTC))
    (wave_id,) = tick(session, campaign, datetime.now(UTC)).submit
    submit(wave_id)
    session.rollback()
    assert session.get_one(Wave, wave_id, populate_existing=True).state == "planned"
    assert "cannot be reached" in (trouble(session, datetime.now(UTC)) or "")
    check_boxes(session, campaign)
