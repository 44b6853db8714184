"""Jobs run by hand in the test's own process, against the real sandbox and database, in time that passes when the test says so."""

from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.models import Attempt, Campaign, Contact, Delivery, Wave
from jobs.ask import ask
from jobs.submit import submit
from jobs.tick import tick
from tests.core.cast import launched
from tests.installation import Installation

ROUNDS = 20
# For what cannot differ between the databases, or where a whole installation is started.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Desk:
    """`installation` brings database, Redis and sandbox; `browser` makes the requests of the web's tests."""

    def __init__(self, installation: Installation, session: Session, browser: FlaskClient) -> None:
        self.installation = installation
        self.sandbox = installation.sandbox
        self.session = session
        self.browser = browser

    def launch(self, people: int = 3, first: int = 0, **settings: Any) -> Campaign:
        """A running campaign with its first wave cut."""
        campaign = launched(self.session, datetime.now(UTC), people, first, **settings)
        tick(campaign.id)
        return campaign

    def submit(self, campaign: Campaign) -> Wave:
        """Run the submission of its newest wave; the wave as it then is."""
        submit(self.wave(campaign).id)
        return self.wave(campaign)

    @staticmethod
    def resubmit(wave_id: int) -> None:
        """The job of any wave, once more."""
        submit(wave_id)

    def accepted(self, people: int = 3, first: int = 0) -> Wave:
        """A wave that the provider has, of a new campaign."""
        wave = self.submit(self.launch(people, first))
        assert wave.state == "accepted"
        return wave

    def wave(self, campaign: Campaign) -> Wave:
        self.session.rollback()
        newest = select(Wave).where(Wave.campaign_id == campaign.id).order_by(Wave.ordinal.desc()).limit(1)
        return self.session.scalars(newest.execution_options(populate_existing=True)).one()

    def waves(self) -> Counter[str]:
        self.session.rollback()
        return Counter(self.session.scalars(select(Wave.state)))

    def contacts(self) -> Counter[str]:
        self.session.rollback()
        return Counter(self.session.scalars(select(Contact.state)))

    def tick(self) -> None:
        for campaign_id in self.session.scalars(select(Campaign.id)).all():
            self.session.rollback()
            tick(campaign_id)

    def ask(self, *waves: Wave) -> None:
        for wave in waves:
            ask(wave.id)

    def work(self, rounds: int = 1) -> None:
        """What the workers do in so many rounds: tick, submit what is planned, ask about what is due."""
        for _ in range(rounds):
            self.tick()
            for wave_id in self._ids(Wave.state == "planned"):
                submit(wave_id)
            for wave_id in self._ids(Wave.next_poll_at.is_not(None)):
                ask(wave_id)

    def finish(self) -> None:
        """Let time pass and the workers work until every campaign is at its end."""
        for _ in range(ROUNDS):
            self.work()
            self.session.rollback()
            if not self.session.scalars(select(Campaign.id).where(Campaign.state == "running")).all():
                break
            self.pass_time(seconds=31)
        self.check()

    def pass_time(self, **spans: float) -> None:
        self.session.rollback()
        self.installation.pass_time(**spans)

    def _ids(self, where: Any) -> list[int]:
        self.session.rollback()
        found = list(self.session.scalars(select(Wave.id).where(where)))
        self.session.rollback()
        return found

    def deliver(self, wave: Wave, body: bytes, **headers: str) -> int:
        """One genuine delivery at the web's door; its status code."""
        path = self.installation.address(wave).removeprefix(self.installation.url)
        headers = self.installation.sign(wave, body) | headers
        return self.browser.post(path, data=body, headers=headers, csrf=False).status_code

    def told(self, event: str = "call.completed") -> list[bytes]:
        """The bodies that the provider really sent, oldest first; nobody received them where no web process runs."""
        return [b64decode(one["body_base64"]) for one in self.sandbox.deliveries(event=event, body=1)]

    def posts(self) -> list[bool]:
        """Each submission that the provider was asked for: did it accept it?"""
        return [post["accepted"] for post in self.sandbox.get_admin("truth", calls=0, targets=0)["posts"]]

    def attempts(self) -> Counter[str]:
        self.session.rollback()
        return Counter(self.session.scalars(select(Attempt.status)))

    def verdicts(self) -> Counter[str]:
        """What became of the deliveries that were kept."""
        self.session.rollback()
        return Counter(self.session.scalars(select(Delivery.verdict)))

    def whys(self) -> list[str]:
        """Why each campaign is where it is, the oldest first."""
        self.session.rollback()
        return list(self.session.scalars(select(Campaign.why).order_by(Campaign.id)))

    def check(self, over: bool = True) -> None:
        self.installation.check(over)
