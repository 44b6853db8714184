"""Sends webhooks: many at once, each call's events in their order, with retries of its own.

The first attempts of a campaign go out in the order of its events as far as different calls allow; an event of the
campaign itself waits for all before it. Retries and late events stand outside that order.
"""

import heapq
import time
from collections import Counter, deque
from itertools import islice

import gevent
import urllib3
from gevent.event import Event
from gevent.queue import SimpleQueue

from sandbox.records import Campaign, Delivery
from sandbox.settings import Settings
from sandbox.signing import FORMS
from sandbox.store import Store

SENDERS = 32
AT_ONCE_PER_CAMPAIGN = 8
LOOK_AHEAD = 64
ROOM = 5_000


class Lane:
    """The waiting first attempts of one campaign."""

    def __init__(self) -> None:
        self.waiting: deque[Delivery] = deque()
        self.busy: list[str | None] = []
        self.rung = 0

    def take(self) -> Delivery | None:
        """The first delivery that overtakes none of its own call, nor an event of the campaign."""
        if None in self.busy or len(self.busy) >= AT_ONCE_PER_CAMPAIGN:
            return None
        for place, delivery in enumerate(islice(self.waiting, LOOK_AHEAD)):
            if delivery.call_id is None and (place or self.busy):
                return None
            if delivery.call_id is None or delivery.call_id not in self.busy:
                del self.waiting[place]
                return delivery
        return None


class Sender:
    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.acknowledged: Counter[str] = Counter()
        self._http = urllib3.PoolManager(num_pools=64, maxsize=SENDERS, retries=False)
        self._empty()

    def _empty(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._ready: SimpleQueue[str | Delivery] = SimpleQueue()
        self._later: list[tuple[float, int, Delivery]] = []
        self._held: dict[str, list[Delivery]] = {}
        self._later_changed = Event()
        self._room = Event()
        self._room.set()
        self._unsent = 0
        self._targets: dict[str, tuple[str, str | None]] = {}

    def start(self) -> None:
        """Take up what an earlier process left unacknowledged, and send from now on."""
        self._greenlets = [gevent.spawn(self._send_for_ever) for _ in range(SENDERS)]
        self._greenlets.append(gevent.spawn(self._wake_for_ever))
        self.add(self.store.all(Delivery, "WHERE state = 'pending' ORDER BY id"))

    def stop(self) -> None:
        gevent.killall(self._greenlets)
        self._empty()

    def add(self, deliveries: list[Delivery]) -> None:
        now = time.time()
        for delivery in deliveries:
            if delivery.held:
                self._held.setdefault(delivery.campaign_id, []).append(delivery)
            elif delivery.not_before > now:
                self._send_later(delivery)
            else:
                self._line_up(delivery)

    def wait_for_room(self) -> None:
        """Return once the receivers have caught up, so that playing does not fill the memory."""
        self._room.wait()

    def release(self, campaign_id: str) -> None:
        """Let a burst go: everything held for a campaign at once."""
        self.store.write()
        for delivery in self._held.pop(campaign_id, []):
            delivery.held = False
            self._line_up(delivery)

    def _line_up(self, delivery: Delivery) -> None:
        self._unsent += 1
        if self._unsent >= ROOM:
            self._room.clear()
        lane = self._lanes.setdefault(delivery.campaign_id, Lane())
        lane.waiting.append(delivery)
        self._ring(delivery.campaign_id, lane)

    def _ring(self, campaign_id: str, lane: Lane) -> None:
        """Call as many senders as could be of use."""
        while lane.rung < min(len(lane.waiting), AT_ONCE_PER_CAMPAIGN - len(lane.busy)):
            lane.rung += 1
            self._ready.put(campaign_id)

    def _send_later(self, delivery: Delivery) -> None:
        heapq.heappush(self._later, (delivery.not_before, delivery.id, delivery))
        self._later_changed.set()

    def _wake_for_ever(self) -> None:
        while True:
            self._later_changed.clear()
            now = time.time()
            while self._later and self._later[0][0] <= now:
                delivery = heapq.heappop(self._later)[2]
                if delivery.attempts:
                    self._ready.put(delivery)
                else:
                    self._line_up(delivery)
            self._later_changed.wait(timeout=min(self._later[0][0] - now, 60) if self._later else None)

    def _send_for_ever(self) -> None:
        while True:
            item = self._ready.get()
            if isinstance(item, Delivery):
                self._attempt(item)
            elif lane := self._lanes.get(item):
                lane.rung -= 1
                if delivery := lane.take():
                    self._first_attempt(lane, delivery)

    def _first_attempt(self, lane: Lane, delivery: Delivery) -> None:
        lane.busy.append(delivery.call_id)
        self._attempt(delivery)
        lane.busy.remove(delivery.call_id)
        self._unsent -= 1
        if self._unsent < ROOM:
            self._room.set()
        self._ring(delivery.campaign_id, lane)
        if not (lane.waiting or lane.busy or lane.rung):
            self._lanes.pop(delivery.campaign_id, None)

    def _attempt(self, delivery: Delivery) -> None:
        began = time.time()
        status, error = self._post(delivery)
        answer = {"at": began, "milliseconds": round((time.time() - began) * 1000), "status": status, "error": error}
        delivery.attempts = [*delivery.attempts, answer]
        if status is not None and 200 <= status < 300:
            delivery.state = "delivered"
            self.acknowledged[delivery.campaign_id] += 1
        elif (delay := self.settings.retry_delay(len(delivery.attempts))) is None:
            delivery.state = "gave_up"
        else:
            delivery.not_before = time.time() + delay
            self._send_later(delivery)
        self.store.save(delivery)

    def _post(self, delivery: Delivery) -> tuple[int | None, str | None]:
        target = self._target(delivery.campaign_id)
        if target is None or delivery.body is None:
            return None, "its campaign is gone"
        url, secret = target
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "voice-sandbox/1",
            "X-Webhook-Event": delivery.event,
        }
        if secret:
            key = secret + "-forged" if delivery.forged else secret
            now = time.time() + self.settings.clock_offset
            headers |= FORMS[delivery.form](key, delivery.body, now, delivery.event_id)
        timeout = urllib3.Timeout(connect=min(2.0, self.settings.webhook_timeout), read=self.settings.webhook_timeout)
        try:
            response = self._http.request("POST", url, delivery.body, headers=headers, redirect=False, timeout=timeout)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"[:200]
        return response.status, None

    def _target(self, campaign_id: str) -> tuple[str, str | None] | None:
        if campaign_id not in self._targets:
            campaign = self.store.first(Campaign, "WHERE id = ?", campaign_id)
            if campaign is None or not campaign.webhook_url:
                return None
            if len(self._targets) > 1000:
                self._targets.clear()
            self._targets[campaign_id] = campaign.webhook_url, campaign.secret
        return self._targets[campaign_id]
