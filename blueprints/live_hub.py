"""The hub: one subscriber per web process; what changed is rendered once and handed to every viewer.

A viewer's queue holds one message, the newest: a slow one loses frames in between, never the last. No database session is held
while a stream is open. Messages from Redis are only hints; every few seconds what is watched is looked at anyway.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, Full, Queue

from redis import Redis
from redis.exceptions import RedisError

from jobs.queue import CHANNEL

log = logging.getLogger(__name__)

# At most two renderings a second of one page: the first change at once, the next ones together.
PAUSE_SECONDS = 0.5
# A change whose message was lost is on the screen after this long.
LOOK_ANYWAY_SECONDS = 5.0
BOARD = 0
CLOSED = "closed"

Render = Callable[[int, str], str]


@dataclass(eq=False)
class Viewer:
    """One open stream: of one page (a campaign's id, or BOARD) in one variant (masked or full)."""

    topic: int
    variant: str
    inbox: "Queue[str]" = field(default_factory=lambda: Queue(maxsize=1))
    shown: str = ""

    def give(self, message: str) -> None:
        """The message, unless it is the one that this viewer was given last."""
        if message == self.shown:
            return
        self.shown = message
        while True:
            try:
                self.inbox.put_nowait(message)
                return
            except Full:
                try:
                    self.inbox.get_nowait()
                except Empty:
                    continue

    def next(self, seconds: float) -> str | None:
        """The newest message, or None when nothing changed for so long."""
        try:
            return self.inbox.get(timeout=seconds)
        except Empty:
            return None


class Hub:
    """Started with the first viewer of a process, and then for good."""

    def __init__(self, redis_url: str, render: Render):
        self._redis_url = redis_url
        self._render = render
        self._viewers: set[Viewer] = set()
        self._fresh: dict[tuple[int, str], tuple[float, str]] = {}
        self._dirty: set[int] = set()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._started = False
        self.closed = False
        self.renderings = 0

    def join(self, topic: int, variant: str) -> Viewer:
        viewer = Viewer(topic, variant)
        with self._lock:
            self._viewers.add(viewer)
            if not self._started:
                self._started = True
                threading.Thread(target=self._listen, name="live-listen", daemon=True).start()
                threading.Thread(target=self._push, name="live-push", daemon=True).start()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            self._viewers.discard(viewer)

    def snapshot(self, topic: int, variant: str) -> str:
        """The page as it is now. Viewers who come together share one rendering."""
        at, message = self._fresh.get((topic, variant), (0.0, ""))
        if time.monotonic() - at > PAUSE_SECONDS:
            message = self._rendered(topic, variant)
        return message

    def first_for(self, viewer: Viewer) -> str:
        """The snapshot that a viewer begins with. What was given meanwhile is read after it, and may be the older one:
        then it, and not the snapshot, is what the viewer has been shown."""
        message = self.snapshot(viewer.topic, viewer.variant)
        if viewer.inbox.empty():
            viewer.shown = message
        return message

    def close(self) -> None:
        """End every stream: the process is stopping."""
        self.closed = True
        for viewer in list(self._viewers):
            viewer.give(CLOSED)

    def _listen(self) -> None:
        while not self.closed:
            try:
                client = Redis.from_url(
                    self._redis_url, socket_timeout=None, socket_connect_timeout=2, health_check_interval=15
                )
                with client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    for message in channel.listen():
                        self.changed(int(message["data"]))
            except (RedisError, OSError, ValueError) as error:
                log.warning("live: %s; listening again in a second", error)
                time.sleep(1)

    def changed(self, campaign_id: int) -> None:
        self._dirty.update((campaign_id, BOARD))
        self._wake.set()

    def _push(self) -> None:
        rendered_at: dict[int, float] = {}
        while not self.closed:
            self._wake.wait(timeout=PAUSE_SECONDS if self._dirty else 1.0)
            self._wake.clear()
            with self._lock:
                watched = {(viewer.topic, viewer.variant) for viewer in self._viewers}
            self._dirty &= {topic for topic, _ in watched}
            self._fresh = {page: fresh for page, fresh in self._fresh.items() if page in watched}
            at = time.monotonic()
            for topic in {topic for topic, _ in watched}:
                since = at - rendered_at.get(topic, 0.0)
                if (topic in self._dirty and since >= PAUSE_SECONDS) or since >= LOOK_ANYWAY_SECONDS:
                    self._dirty.discard(topic)
                    rendered_at[topic] = at
                    self._show(topic, {variant for watched_topic, variant in watched if watched_topic == topic})
            if self._dirty:
                time.sleep(0.05)

    def _show(self, topic: int, variants: set[str]) -> None:
        for variant in variants:
            try:
                message = self._rendered(topic, variant)
            except Exception:
                log.exception("live: page %s could not be rendered", topic)
                continue
            for viewer in list(self._viewers):
                if (viewer.topic, viewer.variant) == (topic, variant):
                    viewer.give(message)

    def _rendered(self, topic: int, variant: str) -> str:
        message = self._render(topic, variant)
        self.renderings += 1
        self._fresh[topic, variant] = time.monotonic(), message
        return message
