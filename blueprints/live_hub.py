"""The hub: one subscriber per web process; what changed is rendered once and handed to every viewer.

A viewer knows only which version of its page it was given: a slow one loses versions in between, never the last, and is sent the
pieces that changed since its own. No database session is held while a stream is open. Messages from Redis are only hints; every
few seconds what is watched is looked at anyway.
"""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs.queue import CHANNEL

log = logging.getLogger(__name__)

# At most two renderings a second of one page: the first change at once, the next ones together.
PAUSE_SECONDS = 0.5
# A change whose message was lost is on the screen after this long.
LOOK_ANYWAY_SECONDS = 5.0
# A look may fail once, while somebody writes; what is older than this says that it is old.
STALE_SECONDS = 10.0
# A word in time that the connection lives, and a question in time whether whoever watches still may.
HEARTBEAT_SECONDS = 15.0
# Browsers open six connections to one host: streams must leave some for pages. And nobody needs more windows than the second.
MOST_OF_ONE_BROWSER, MOST_OF_ONE_OWNER = 4, 40
# Topics beside the campaigns' ids: the list of campaigns with the wall above it, and the wall alone.
BOARD, WALL = 0, -1
GONE = "gone"

Pieces = dict[str, str]


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who holds a stream: a person by a browser's sign-in, or a screen by a link. `still_may` is asked for all of them at once.

    `owner` is a kind and an id, `browser` whatever tells one of the owner's browsers from another.
    """

    owner: tuple[str, int]
    browser: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What is on one page: each piece with the version in which it became so. `at` is when the look at it began (monotonic seconds);
    `is_stale`: that was a while ago, and later looks failed.
    """

    version: int
    pieces: dict[str, tuple[str, int]]
    at: float
    is_stale: bool = False
    composed: dict[int, bytes] = field(default_factory=dict)

    def since(self, seen: int) -> bytes:
        """The event that brings somebody who saw that version up to date; the same bytes for everybody who did."""
        if seen not in self.composed:
            changed = [{"target": name, "html": html} for name, (html, since) in self.pieces.items() if since > seen]
            self.composed[seen] = event("fragment" if seen else "snapshot", {"fragments": changed})
        return self.composed[seen]

    def renewed(self, pieces: Pieces, at: float) -> "Page":
        """The page with these pieces; the same version when nothing is different."""
        version = self.version + 1
        held = {name: self.pieces.get(name, ("", version)) for name in pieces}
        now = {name: (html, held[name][1] if held[name][0] == html else version) for name, html in pieces.items()}
        if now == self.pieces:
            return Page(self.version, now, at, composed=self.composed)
        return Page(version, now, at)


NOTHING = Page(0, {}, 0.0)


@dataclass(eq=False)
class Viewer:
    """One open stream: of one page (a campaign's id, BOARD or WALL) in one variant."""

    topic: int
    variant: str
    watcher: Watcher
    seen: int = 0
    end: str | None = None
    # Holds at most one word, "look": cheaper than an event, of which there are thousands.
    calls: "SimpleQueue[bool]" = field(default_factory=SimpleQueue)

    def wake(self) -> None:
        if self.calls.empty():
            self.calls.put(True)

    def wait(self, seconds: float) -> bool:
        """True when it was woken, False after so long."""
        try:
            return self.calls.get(timeout=seconds)
        except Empty:
            return False

    def close(self, why: str) -> None:
        self.end = why
        self.wake()


class TooManyStreams(Exception):
    """This browser, or this person, holds as many streams as it may; it asks for its pages instead."""


def event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Hub:
    """Started with the first viewer of a process, and then for good.

    `render` gives a page's pieces, `still_may` those of the watchers who may still watch. `renderings` counts the first, for tests
    and benchmarks.
    """

    def __init__(
        self,
        redis_url: str,
        render: Callable[[int, str], Pieces],
        still_may: Callable[[set[Watcher]], set[Watcher]],
    ):
        self._redis_url = redis_url
        self._render = render
        self._still_may = still_may
        self._viewers: set[Viewer] = set()
        self._pages: dict[tuple[int, str], Page] = {}
        # When each topic changed last, and when the last look at each page began (monotonic seconds).
        self._changed_at: dict[int, float] = {}
        self._looked_at: dict[tuple[int, str], float] = {}
        self._locks: dict[tuple[int, str], threading.Lock] = {}
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.listening = False
        self._end = threading.Event()
        self.renderings = 0

    @property
    def closed(self) -> bool:
        return self._end.is_set()

    def join(self, topic: int, variant: str, watcher: Watcher) -> Viewer:
        """A new viewer, whose page is rendered unless it just was. TooManyStreams."""
        viewer = Viewer(topic, variant, watcher)
        with self._lock:
            browsers = Counter(one.watcher.browser for one in self._viewers if one.watcher.owner == watcher.owner)
            if browsers[watcher.browser] >= MOST_OF_ONE_BROWSER or browsers.total() >= MOST_OF_ONE_OWNER:
                raise TooManyStreams
            self._viewers.add(viewer)
            if not self._threads:
                works = (self._listen, self._push, self._guard)
                self._threads = [
                    threading.Thread(target=work, name=f"live{work.__name__}", daemon=True) for work in works
                ]
                for thread in self._threads:
                    thread.start()
        try:
            self.page(topic, variant)
        except BaseException:
            self.leave(viewer)
            raise
        viewer.wake()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            self._viewers.discard(viewer)

    def page(self, topic: int, variant: str) -> Page:
        """The page as it is now. Those who come together, a thousand after a deploy, share one rendering."""
        with self._locks.setdefault((topic, variant), threading.Lock()):
            page = self._pages.get((topic, variant))
            if page is None or page.is_stale or time.monotonic() - page.at > PAUSE_SECONDS:
                page = self._rendered(topic, variant)
            return page

    def events(self, viewer: Viewer) -> Iterator[bytes]:
        """What one stream says, until it ends: all of the page, then what changes, a heartbeat while nothing does."""
        while not self.closed:
            is_changed = viewer.wait(HEARTBEAT_SECONDS)
            if viewer.end or self.closed:
                break
            page = self._pages[viewer.topic, viewer.variant]
            if is_changed and page.version > viewer.seen:
                yield page.since(viewer.seen)
                is_first, viewer.seen = not viewer.seen, page.version
                if is_first and not self.listening:
                    yield event("heartbeat", {"slow": True})
            elif page.is_stale:
                yield event("stale", {})
            else:
                yield event("heartbeat", {"slow": not self.listening})
        if viewer.end:
            yield event(viewer.end, {})

    def close(self) -> None:
        """End every stream: the process is stopping. What is being looked at is looked at to its end, for a moment."""
        self._end.set()
        self._wake.set()
        for viewer in list(self._viewers):
            viewer.wake()
        for thread in self._threads[1:]:  # the first only listens
            thread.join(timeout=1.0)

    def changed(self, campaign_id: int) -> None:
        at = time.monotonic()
        self._changed_at.update(dict.fromkeys((campaign_id, BOARD, WALL), at))
        self._wake.set()

    def _listen(self) -> None:
        while not self.closed:
            try:
                client = Redis.from_url(
                    self._redis_url, socket_timeout=None, socket_connect_timeout=2, health_check_interval=15
                )
                with client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    self._is_listening(True)
                    while not self.closed:
                        if message := channel.get_message(timeout=1.0):
                            self.changed(int(message["data"]))
                        if channel.health_check_response_counter > 1:  # it was asked twice, fifteen seconds apart
                            raise RedisError("Redis does not answer")
            except (RedisError, OSError, ValueError) as error:
                self._is_listening(False)
                log.warning("live: %s; listening again in a second", error)
                self._end.wait(1.0)

    def _is_listening(self, listening: bool) -> None:
        """Whoever watches is told at once that changes are only found by looking, and that they are heard of again."""
        if self.listening != listening:
            self.listening = listening
            self._tell()

    def _push(self) -> None:
        """Look at what changed since the last look at it, and at everything that is watched now and then."""
        while not self.closed:
            self._wake.wait(timeout=1.0)
            self._wake.clear()
            with self._lock:
                watched = {(viewer.topic, viewer.variant) for viewer in self._viewers}
                self._pages = {key: page for key, page in self._pages.items() if key in watched}
                self._locks = {key: lock for key, lock in self._locks.items() if key in watched or lock.locked()}
                self._looked_at = {key: at for key, at in self._looked_at.items() if key in watched}
            for topic, variant in watched:
                since = time.monotonic() - self._looked_at.get((topic, variant), 0.0)
                if since >= (PAUSE_SECONDS if self._is_changed(topic, variant) else LOOK_ANYWAY_SECONDS):
                    self._look(topic, variant)
            if any(self._is_changed(*page) for page in watched):
                time.sleep(0.05)
                self._wake.set()

    def _is_changed(self, topic: int, variant: str) -> bool:
        return self._changed_at.get(topic, 0.0) >= self._looked_at.get((topic, variant), 0.0)

    def _look(self, topic: int, variant: str) -> None:
        try:
            self._rendered(topic, variant)
        except Exception:
            log.exception("live: page %s could not be rendered", topic)
            held = self._pages.get((topic, variant))
            if held and not held.is_stale and time.monotonic() - held.at >= STALE_SECONDS:
                self._pages[topic, variant] = replace(held, is_stale=True)
                self._tell(topic, variant)

    def _rendered(self, topic: int, variant: str) -> Page:
        """Looked at now; whoever watches it is told where that is another page. Of two looks at once the later one counts."""
        at = self._looked_at[topic, variant] = time.monotonic()
        pieces = self._render(topic, variant)
        self.renderings += 1
        with self._lock:
            held = self._pages.get((topic, variant), NOTHING)
            if held.at > at:
                return held
            page = self._pages[topic, variant] = held.renewed(pieces, at)
        if (page.version, page.is_stale) != (held.version, held.is_stale):
            self._tell(topic, variant)
        return page

    def _tell(self, *page: object) -> None:
        """Wake whoever watches this page; without one, everybody."""
        for viewer in list(self._viewers):
            if not page or page == (viewer.topic, viewer.variant):
                viewer.wake()

    def _guard(self) -> None:
        """End the streams of those who may not watch any more: one question for all of them."""
        while not self._end.wait(HEARTBEAT_SECONDS):
            watchers = {viewer.watcher for viewer in list(self._viewers)}
            try:
                still_may = self._still_may(watchers) if watchers else set()
            except Exception:
                log.exception("live: it could not be asked who may still watch")
                continue
            for viewer in list(self._viewers):
                if viewer.watcher in watchers - still_may:
                    viewer.close(GONE)
