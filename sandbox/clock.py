"""Sandbox time: sleeps that follow the speed factor, also when it changes while they last."""

import time

from gevent.event import Event

from sandbox.settings import Settings


class Clock:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._changed = Event()

    def speed_changed(self) -> None:
        before, self._changed = self._changed, Event()
        before.set()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of sandbox time; instant calls do not wait at all."""
        while seconds > 0 and (speed := self.settings.speed) > 0:
            began = time.monotonic()
            self._changed.wait(timeout=seconds / speed)
            seconds -= (time.monotonic() - began) * speed

    def sleep_until(self, moment: float) -> None:
        """Wait for a real instant: a schedule is on the world's clock, whatever the speed."""
        while (left := moment - time.time()) > 0:
            Event().wait(timeout=min(left, 60))
