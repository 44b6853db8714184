"""A wave that the provider may send to: most tests of the webhook door and of the inbox begin with it."""

import pytest

from core.database import writing
from core.dispatch import advance
from core.facts import Sent
from core.models import Wave
from core.submission import claim
from provider.vault import SecretVault
from tests.core.cast import answer, launched


@pytest.fixture
def campaign(session, now):
    return launched(session, now)


@pytest.fixture
def wave(session, now, campaign, settings):
    """An accepted wave of three whose address and secret the test knows."""
    vault = SecretVault(settings.secret_key)
    with writing(session):
        (wave_id,) = advance(session, campaign.id, vault, now).submit
    with writing(session):
        held = claim(session, wave_id, "https://callboard.example", vault, now)
    answer(session, held, Sent.ACCEPTED, now)
    wave = session.get_one(Wave, wave_id)
    wave.address = "/webhooks/" + held.request["webhook_url"].rsplit("/", 1)[1]
    wave.key = held.request["webhook_secret"]
    return wave
