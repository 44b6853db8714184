"""Plays campaigns: a greenlet for each line, which dials one contact after the other.

Each step is saved before its webhook can leave, and a call that was cut short by a restart goes on where it was: its
plan comes from the seed, and its row says how far it got.
"""

import time
import uuid
from collections import deque

import gevent
from gevent import Greenlet

from sandbox.clock import Clock
from sandbox.events import FINAL, Events
from sandbox.outcomes import DIALLED_AGAIN, REACHED, Plan, certain_outcome, plan_call
from sandbox.records import Call, Campaign, Contact
from sandbox.sender import Sender
from sandbox.store import Store

CALLER_ID = "+14155550100"
STEPS = ("initiated", "ringing", "answered")
CALLS_PER_TURN = 10
PROGRESS_STEPS = 10


class Run:
    """A campaign while it is played: who is still to be dialled, and the lines at work."""

    def __init__(self, campaign: Campaign, contacts: list[Contact]) -> None:
        self.campaign = campaign
        self.queue = deque(contacts)
        self.busy = 0
        self.told = self.over * PROGRESS_STEPS // campaign.total

    @property
    def over(self) -> int:
        return self.campaign.completed + self.campaign.failed


class Player:
    def __init__(self, store: Store, events: Events, sender: Sender, clock: Clock) -> None:
        self.store = store
        self.events = events
        self.sender = sender
        self.clock = clock
        self._runs: dict[str, Greenlet] = {}
        self._turns = 0

    def start(self) -> None:
        """Go on with all that an earlier process left unfinished."""
        for campaign in self.store.all(Campaign, "WHERE finished_at IS NULL ORDER BY seq"):
            self.play(campaign)
        for (campaign_id,) in self.store.rows(
            "SELECT DISTINCT d.campaign_id FROM deliveries d JOIN campaigns c ON c.id = d.campaign_id"
            " WHERE d.state = 'pending' AND d.held AND c.finished_at IS NOT NULL"
        ):
            self.sender.release(campaign_id)

    def stop(self) -> None:
        gevent.killall(list(self._runs.values()))
        self._runs.clear()

    def play(self, campaign: Campaign) -> None:
        run = gevent.spawn(self._play, campaign)
        self._runs[campaign.id] = run
        run.link(lambda _: self._runs.pop(campaign.id, None))

    def _play(self, campaign: Campaign) -> None:
        if campaign.scheduled_at:
            self.clock.sleep_until(campaign.scheduled_at)
        contacts = self.store.all(
            Contact,
            "WHERE campaign_id = ? AND state != 'over' ORDER BY state = 'waiting', tries, position",
            campaign.id,
        )
        run = Run(campaign, contacts)
        if campaign.started_at is None:
            campaign.started_at = time.time()
            campaign.status = "running"
            self.store.save(campaign)
            self.events.tell_of_campaign(campaign, "campaign.progress")
        lines = [gevent.spawn(self._line, run) for _ in range(min(campaign.lines, len(contacts)))]
        try:
            gevent.joinall(lines, raise_error=True)
        finally:
            gevent.killall(lines)
        campaign.status = "completed"
        campaign.finished_at = time.time()
        self.store.save(campaign)
        self.events.tell_of_campaign(campaign, "campaign.completed")
        self.sender.release(campaign.id)

    def _line(self, run: Run) -> None:
        while run.queue:
            self._turns += 1
            if self._turns % CALLS_PER_TURN == 0:
                gevent.sleep(0)
            self.sender.wait_for_room()
            if not run.queue:
                return
            contact = run.queue.popleft()
            run.busy += 1
            run.campaign.lines_busy_at_most = max(run.campaign.lines_busy_at_most, run.busy)
            self._dial(run, contact)
            run.busy -= 1

    def _dial(self, run: Run, contact: Contact) -> None:
        campaign = run.campaign
        call, plan = self._resume(campaign, contact) or self._initiate(campaign, contact)
        for step in STEPS[STEPS.index(call.status) :]:
            if step == "answered" and plan.outcome not in REACHED:
                break
            if step != call.status:
                call.status = step
                self.store.save(call)
                self.events.tell_of_call(campaign, contact, call, f"call.{step}")
            self.clock.sleep({"initiated": plan.dial, "ringing": plan.ring, "answered": plan.talk}[step])
        self._end(run, contact, call, plan)

    def _initiate(self, campaign: Campaign, contact: Contact) -> tuple[Call, Plan]:
        contact.tries += 1
        contact.state = "calling"
        if contact.tries == 1:
            campaign.initiated += 1
        plan = plan_call(campaign.seed, campaign.seq, contact.position, contact.tries, self._wanted(contact))
        call = Call(
            id=str(uuid.uuid4()),
            campaign_id=campaign.id,
            position=contact.position,
            attempt=contact.tries,
            agent_id=campaign.agent_id,
            to_number=contact.to_number,
            from_number=contact.from_number or CALLER_ID,
            status="initiated",
            outcome=plan.outcome,
            started_at=time.time(),
            silent=plan.outcome == "silence",
        )
        for record in (contact, campaign, call):
            self.store.save(record)
        self.events.tell_of_call(campaign, contact, call, "call.initiated")
        return call, plan

    def _resume(self, campaign: Campaign, contact: Contact) -> tuple[Call, Plan] | None:
        if contact.state != "calling":
            return None
        call = self.store.first(
            Call,
            "WHERE campaign_id = ? AND position = ? AND attempt = ?",
            campaign.id,
            contact.position,
            contact.tries,
        )
        if call is None:
            return None
        return call, plan_call(campaign.seed, campaign.seq, contact.position, contact.tries, call.outcome)

    def _wanted(self, contact: Contact) -> str | None:
        wanted = certain_outcome(contact.to_number)
        if wanted != "second_time":
            return wanted
        earlier = self.store.number("SELECT count(*) FROM calls WHERE to_number = ?", contact.to_number)
        return "answered" if earlier % 2 else "no_answer"

    def _end(self, run: Run, contact: Contact, call: Call, plan: Plan) -> None:
        campaign = run.campaign
        call.ended_at = time.time()
        call.duration = plan.talk
        if not call.silent:
            call.status = "failed" if plan.outcome == "failed" else "ended"
        again = plan.outcome in DIALLED_AGAIN and contact.tries <= campaign.retries
        contact.outcome = plan.outcome
        contact.state = "waiting" if again else "over"
        if again:
            run.queue.append(contact)
        elif plan.outcome in REACHED:
            campaign.completed += 1
        elif not call.silent:
            campaign.failed += 1
        for record in (call, contact, campaign):
            self.store.save(record)
        self.events.tell_of_call(campaign, contact, call, FINAL)
        told = run.over * PROGRESS_STEPS // campaign.total
        if told > run.told:
            run.told = told
            self.events.tell_of_campaign(campaign, "campaign.progress")
