"""`make bench-chaos`: random kills of everything while a provider misbehaves; at the end its truth and our pages agree, one by one.

Web, workers, scheduler and Redis die by kill -9 every few seconds, Redis sometimes with all that it knew; people pause, resume and
stop; the provider loses answers, refuses, throttles, shuffles. Then everything is started again, time is let pass, and each contact
is compared: what the sandbox really did, what the database holds, what the API tells. Anything doubled or lost fails the run.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bench.receive import ON_DISK
from core.audit import Actor
from core.database import Base, open_engine, writing
from core.decisions import try_again
from core.models import Campaign, Contact, Wave
from jobs.queue import ASK
from ops.postgresql import private_postgresql, short_folder
from ops.test_tools import find_postgresql
from tests.faults.checks import Truth, check
from tests.installation import API_TOKEN, Installation, send
from tests.sandbox_process import SandboxProcess

MISBEHAVIOUR: dict[str, dict[str, Any]] = {
    "error_500_after_accept": {}, "close_after_accept": {}, "accept_without_id": {}, "silence_after_accept": {"seconds": 1},
    "error_500_before": {}, "throttle": {"retry_after": 1}, "unavailable_503": {}, "refuse": {}, "slow": {"seconds": 0.5},
    "no_webhooks": {}, "duplicate_webhooks": {"copies": 3}, "shuffle_webhooks": {}, "late_webhooks": {"seconds": 3},
    "wrong_signature": {},
}  # fmt: skip
PROCESSES = {"tick": 1, "submit": 2, "ask": 1, "scheduler": 1, "web": 1}
SOMEBODY = Actor("Somebody at the desk")
LONGEST_END = 3600
LONGEST_MINUTE = 20


@dataclass
class Chaos:
    """One run: who was killed, and what people did."""

    installation: Installation
    chance: random.Random
    campaigns: list[int] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)

    def begin(self, campaigns: int, contacts: int) -> None:
        each = contacts // campaigns
        for place in range(campaigns):
            numbers = [f"+1415{200 + place:03d}{number:04d}" for number in range(each)]
            lines = self.chance.randint(1, 10)
            self.campaigns.append(self.installation.create(numbers, f"Chaos {place}", concurrent_calls=lines))
        with self.installation.session() as session, writing(session):
            for campaign in session.scalars(select(Campaign)):
                campaign.wave_size = self.chance.choice([max(5, each // 10), max(5, each // 4), each])
                campaign.breaker_percent = None
                campaign.retry_attempts, campaign.retry_gap_minutes = self.chance.choice([0, 1]), 1

    def kill_somebody(self) -> None:
        """A process, its work-horse, or both; whoever lost a parent gets a new one."""
        name = self.chance.choice(["web", "tick", "submit", "submit", "submit", "ask", "scheduler", "redis"])
        self.kills[name] += 1
        if name == "redis":
            self._kill_redis()
        elif name in ("submit", "tick", "ask") and self.chance.random() < 0.4:
            for horse in self.installation.children(name)[:1]:
                send(horse.pid, signal.SIGKILL)
        else:
            self.installation.kill(name, children_too=name in ("web", "scheduler") or self.chance.random() < 0.5)
            self.installation.start(name)

    def _kill_redis(self) -> None:
        if self.chance.random() < 0.3:
            self.kills["redis, wiped"] += 1
            self.installation.wipe_redis()
        else:
            self.installation.kill("redis")
            self.installation.start_redis()

    def act(self) -> None:
        """Somebody presses a button; what cannot be done now is refused."""
        act = self.chance.choice(
            ["pause", "resume", "resume", "resume", "stop"] if self.chance.random() < 0.2 else ["pause", "resume"]
        )
        url = f"{self.installation.url}/api/v1/campaigns/{self.chance.choice(self.campaigns)}/{act}"
        with suppress(requests.RequestException):
            answer = self.installation.http.post(url, headers={"Authorization": f"Bearer {API_TOKEN}"}, timeout=10)
            self.acts[act if answer.ok else "refused"] += 1

    def people_look(self) -> None:
        """What people do about refusals and holds, and with what is paused at the end."""
        with self.installation.session() as session:
            held = select(Campaign.id).where(Campaign.hold.is_not(None), Campaign.hold != "restored")
            for campaign_id in session.scalars(held).all():
                with writing(session), suppress(Exception):
                    try_again(session, campaign_id, SOMEBODY, datetime.now(UTC))

    def resume_all(self) -> None:
        for campaign_id in self.campaigns:
            url = f"{self.installation.url}/api/v1/campaigns/{campaign_id}/resume"
            self.installation.http.post(url, headers={"Authorization": f"Bearer {API_TOKEN}"}, timeout=20)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="postgresql" if find_postgresql() else "sqlite"
    )
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder(ON_DISK))
        url = f"sqlite:///{folder / 'callboard.db'}"
        if options.database == "postgresql":
            url = stack.enter_context(private_postgresql(find_postgresql(), place=ON_DISK))
        engine = open_engine(url)
        Base.metadata.create_all(engine)
        engine.dispose()
        sandbox = stack.enter_context(SandboxProcess(folder))
        installation = stack.enter_context(Installation(folder, url, sandbox))
        chaos = Chaos(installation, random.Random(options.seed))
        run(chaos, sandbox, options)
        return report(chaos, sandbox, options)


def run(chaos: Chaos, sandbox: SandboxProcess, options: argparse.Namespace) -> None:
    installation = chaos.installation
    for kind, more in MISBEHAVIOUR.items():
        sandbox.misbehave(kind, chance=0.04, **more)
    sandbox.post_admin(
        "settings", {"speed": 200, "only_final_events": True, "retry_delays": [0.5] * 100, "scale_retries": False}
    )
    installation.start("web")
    chaos.begin(options.campaigns, options.contacts)
    for name, count in PROCESSES.items():
        installation.start(name, count - (name == "web"))
    ends = time.monotonic() + 60 * options.minutes
    while time.monotonic() < ends:
        chaos.kill_somebody()
        for _ in range(3):
            chaos.act()
        chaos.people_look()
        time.sleep(chaos.chance.uniform(0.5, 2.5))
    sandbox.request("DELETE", "/admin/misbehave")
    sandbox.post_admin("settings", {"speed": 0})
    chaos.resume_all()
    let_it_end(chaos)


def let_it_end(chaos: Chaos) -> None:
    """No more kills; time passes a minute at a time, until nothing moves but what only a person may decide.

    And not much faster than questions are asked: else hours went by in which nobody could have got an answer.
    """
    installation, ends = chaos.installation, time.monotonic() + LONGEST_END
    while time.monotonic() < ends:
        chaos.people_look()
        with installation.session() as session:
            left = moving(session)
        print(f"{left:,} campaigns and waves still move", file=sys.stderr)
        if not left:
            return
        time.sleep(2)
        for _ in range(LONGEST_MINUTE):
            if installation.queued(ASK):
                time.sleep(1)
        with suppress(OperationalError):  # a deadlock with those at work: time passes with the next round
            installation.pass_time(seconds=61)
    print("it did not come to an end in time", file=sys.stderr)


def moving(session: Session) -> int:
    """Campaigns that are not over, but for those that wait for a person's decision alone; and their waves."""
    undecided = select(Wave.campaign_id).where(Wave.state == "needs_person")
    open_ones = Campaign.state.in_(("running", "stopping", "paused"))
    left = session.scalar(select(func.count()).where(open_ones, Campaign.id.not_in(undecided))) or 0
    passing = Wave.state.in_(("planned", "submitting", "unknown", "accepted"))
    return left + (session.scalar(select(func.count()).where(passing)) or 0)


def report(chaos: Chaos, sandbox: SandboxProcess, options: argparse.Namespace) -> int:
    installation = chaos.installation
    with installation.session() as session:
        truth = Truth.of(session, sandbox)
        doubled = sum(len(campaigns) - 1 for campaigns in truth.accepted.values())
        lost, wrong = told_otherwise(session, truth, installation, chaos.campaigns)
        posts = sandbox.get_admin("truth", calls=0, targets=0)["posts"]
        waves = session.scalars(select(Wave).where(Wave.submissions > 0)).all()
        evidence = sum(bool(wave.evidence) and wave.state in ("accepted", "finished") for wave in waves)
        person = [wave.size for wave in waves if wave.state == "needs_person"]
        problem = ""
        try:
            check(session, sandbox, datetime.now(UTC), over=not person)
        except AssertionError as error:
            problem = str(error).splitlines()[0]
    lines = [
        f"{options.minutes:g} minutes on {options.database}, {len(chaos.campaigns):,} campaigns, {options.contacts:,} contacts, "
        f"seed {options.seed}",
        f"kills {sum(chaos.kills.values()):,}: {', '.join(f'{name} {count}' for name, count in sorted(chaos.kills.items()))}",
        f"buttons: {', '.join(f'{name} {count}' for name, count in sorted(chaos.acts.items()))}",
        f"submissions {len(posts):,}, accepted {len(truth.accepted):,}",
        f"doubled {doubled}", f"lost {lost.total()} {dict(lost) if lost else ''}", f"told otherwise by the API {wrong}",
        f"resolved by evidence {evidence}",
        f"left to a person {len(person)} waves, {sum(person):,} people",
        f"the three checks: {problem or 'hold'}",
    ]  # fmt: skip
    print("\n".join(lines))
    return 1 if doubled or lost or wrong or problem else 0


def told_otherwise(
    session: Session, truth: Truth, installation: Installation, campaigns: Sequence[int]
) -> tuple[Counter[str], int]:
    """Contacts that really had a call that we do not know of, and those of whom the API says something else than the database."""
    undecided = set(session.scalars(select(Wave.id).where(Wave.state.in_(("unknown", "needs_person")))))
    lost, wrong = Counter[str](), 0
    for campaign_id in campaigns:
        told = dict(told_by_the_api(installation, campaign_id))
        for contact in session.scalars(select(Contact).where(Contact.campaign_id == campaign_id)):
            end = truth.end_of(contact.wave_id, contact.number)
            if contact.wave_id not in undecided and end is not None and contact.state != end:
                lost[f"{contact.state}, really {end}"] += 1
            wrong += told.get(contact.number) != contact.state
    return lost, wrong


def told_by_the_api(installation: Installation, campaign_id: int) -> list[tuple[str, str]]:
    told, cursor = [], ""
    while True:
        page = installation.api("GET", f"/campaigns/{campaign_id}/contacts?limit=100{cursor}")
        told += [(contact["to_number"], contact["state"]) for contact in page["items"]]
        if not page.get("next_cursor"):
            return told
        cursor = f"&cursor={page['next_cursor']}"


if __name__ == "__main__":
    sys.exit(main())
