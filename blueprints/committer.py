"""Deliveries that arrive together are committed together: whoever comes first writes for all who came meanwhile.

A commit waits for the disk, and so does everybody behind it. In each web process one request at a time writes; while it does, others
queue, and the next of them writes them all. Each gets its own answer, and nobody's before its commit.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy.exc import OperationalError

from blueprints.database import writing
from blueprints.runtime import now
from core.errors import DatabaseBusy
from core.inbox import Received, receive
from core.receiving import Parcel, receive_together

log = logging.getLogger(__name__)

# In one transaction: the more, the longer the first of them waits.
MOST_TOGETHER = 100
WRITE_SECONDS = 3.0
# PostgreSQL's word for two transactions that wait for each other; it ended ours.
DEADLOCK = "40P01"


@dataclass(slots=True)
class Seat:
    """A delivery in the queue, called when it was written, or when its own request is to write; `problem` is what that raises."""

    parcel: Parcel
    called: threading.Event = field(default_factory=threading.Event)
    received: Received | None = None
    problem: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.received is not None or self.problem is not None


class Committer:
    """The queue of one web process."""

    def __init__(
        self,
        after: Callable[[Sequence[Seat]], None],
        context: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """`after` is called with what was written by one request, when the others may go on; `context` is what a writer needs."""
        self._mutex, self._waiting, self._somebody_writes = threading.Lock(), list[Seat](), False
        self._after, self._context = after, context

    def receive(self, parcel: Parcel) -> Received:
        """Returns when the delivery is committed. DatabaseBusy, SQLAlchemyError: it could not be kept."""
        seat = Seat(parcel)
        with self._mutex:
            self._waiting.append(seat)
            if not self._somebody_writes:
                self._call_next()
        try:
            called = seat.called.wait(WRITE_SECONDS)
        except BaseException:  # this request is ended from outside: its turn to write must not end with it
            self._give_up(seat)
            raise
        if not called and self._leaves(seat):
            raise DatabaseBusy("others have been writing for too long")
        if not seat.is_done:
            self._after(self._write())
        if seat.problem is not None:
            raise seat.problem
        assert seat.received is not None
        return seat.received

    def _write(self) -> Sequence[Seat]:
        """Write for all who wait, and call the first of those who come meanwhile."""
        time.sleep(0)  # whoever arrived gets as far as the queue: SQLite is written without giving way to anybody
        with self._mutex:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        try:
            with self._context():
                write(batch)
        finally:
            _fail([seat for seat in batch if not seat.is_done], DatabaseBusy("the one who wrote was interrupted"))
            for seat in batch:
                seat.called.set()
            with self._mutex:
                self._call_next()
        return batch

    def _call_next(self) -> None:
        self._somebody_writes = bool(self._waiting)
        if self._waiting:
            self._waiting[0].called.set()

    def _give_up(self, seat: Seat) -> None:
        with self._mutex:
            if seat in self._waiting:
                self._waiting.remove(seat)
                if seat.called.is_set():
                    self._call_next()

    def _leaves(self, seat: Seat) -> bool:
        """True: it waits no longer, and was not written. False: it is called, or is being written just now."""
        with self._mutex:
            if seat.called.is_set():
                return False
            if seat in self._waiting:
                self._waiting.remove(seat)
        return True


def write(batch: Sequence[Seat]) -> None:
    """Answer every seat: together as far as that goes, then each alone, so that one bad delivery spoils nobody else's."""
    try:
        with writing(WRITE_SECONDS) as session:
            received = receive_together(session, [seat.parcel for seat in batch], now())
        for seat, one in zip(batch, received, strict=True):
            seat.received = one
    except DatabaseBusy as problem:
        _fail(batch, problem)
    except OperationalError as problem:
        if getattr(problem.orig, "sqlstate", "") != DEADLOCK:
            _fail(batch, problem)
    except Exception:
        log.exception("%d deliveries could not be written together; each is written alone", len(batch))
    for seat in batch:
        if not seat.is_done:
            _write_alone(seat)


def _fail(batch: Sequence[Seat], problem: Exception) -> None:
    for seat in batch:
        seat.problem = problem


def _write_alone(seat: Seat) -> None:
    parcel = seat.parcel
    try:
        with writing(WRITE_SECONDS) as session:
            age = parcel.age(now())
            seat.received = receive(session, parcel.address, parcel.envelope, parcel.letter, parcel.at, age)
    except Exception as problem:  # its own request raises it; the others go on
        seat.problem = problem
