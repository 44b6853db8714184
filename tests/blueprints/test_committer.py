"""The queue of deliveries: each gets its own answer, after its own commit, whatever becomes of the others."""

import threading
from datetime import UTC, datetime

import pytest

from blueprints import committer
from blueprints.committer import Committer, Seat
from core.errors import DatabaseBusy
from core.inbox import Address, Envelope, Received
from core.receiving import Parcel
from core.states import Verdict


def parcel(name):
    return Parcel(Address(1, 1, ""), Envelope(name, b"", [], None, ""), None, datetime.now(UTC))


class Writer:
    """Stands for the database: writes when it is let, and remembers in which company."""

    def __init__(self):
        self.batches, self.may_write, self.begun = [], threading.Event(), threading.Event()

    def __call__(self, batch):
        self.batches.append([seat.parcel.envelope.key for seat in batch])
        self.begun.set()
        assert self.may_write.wait(10)
        for seat in batch:
            if seat.parcel.envelope.key == "bad":
                seat.problem = ValueError("bad")
            else:
                seat.received = Received(Verdict.APPLIED)


@pytest.fixture
def writer(monkeypatch):
    writer = Writer()
    monkeypatch.setattr(committer, "write", writer)
    return writer


def in_threads(queue, *names):
    """Each in a thread of its own; returns them and what becomes of them."""
    answers = {}

    def send(name):
        try:
            answers[name] = queue.receive(parcel(name)).verdict
        except Exception as problem:
            answers[name] = problem

    threads = []
    for name in names:
        threads.append(threading.Thread(target=send, args=(name,)))
        threads[-1].start()
    return threads, answers


def wait_for(is_so):
    for _ in range(1000):
        if is_so():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came")


def test_whoever_comes_while_one_writes_is_written_together(writer):
    told = []
    queue = Committer(lambda seats: told.append(len(seats)))
    first, answers = in_threads(queue, "one")
    assert writer.begun.wait(5)
    others, more = in_threads(queue, "two", "bad", "three")
    wait_for(lambda: len(queue._waiting) == 3)
    writer.may_write.set()
    for thread in first + others:
        thread.join(10)
    assert [sorted(batch) for batch in writer.batches] == [["one"], ["bad", "three", "two"]]
    assert (answers["one"], more["two"], more["three"]) == (Verdict.APPLIED,) * 3
    assert isinstance(more["bad"], ValueError)
    assert sorted(told) == [1, 3]


def test_one_that_waits_too_long_is_told_to_come_back_and_the_others_go_on(writer, monkeypatch):
    queue = Committer(lambda seats: None)
    first, answers = in_threads(queue, "one")
    assert writer.begun.wait(5)
    monkeypatch.setattr(committer, "WRITE_SECONDS", 0.01)
    with pytest.raises(DatabaseBusy):
        queue.receive(parcel("late"))
    writer.may_write.set()
    first[0].join(10)
    assert answers == {"one": Verdict.APPLIED}
    assert queue.receive(parcel("next")).verdict == Verdict.APPLIED
    assert writer.batches == [["one"], ["next"]]


def test_one_who_is_interrupted_while_writing_leaves_nobody_waiting(monkeypatch):
    def dies(_batch):
        raise SystemExit

    monkeypatch.setattr(committer, "write", dies)
    queue = Committer(lambda seats: None)
    with pytest.raises(SystemExit):
        queue.receive(parcel("one"))
    monkeypatch.setattr(committer, "write", lambda batch: setattr(batch[0], "received", Received(Verdict.REPEAT)))
    assert queue.receive(parcel("two")).verdict == Verdict.REPEAT


def test_one_who_is_ended_while_it_waits_passes_its_turn_on(writer, monkeypatch):
    class Ended(BaseException):
        pass

    class Event(threading.Event):
        def wait(self, timeout=None):
            raise Ended

    queue = Committer(lambda seats: None)
    writer.may_write.set()
    monkeypatch.setattr(committer, "Seat", lambda one: Seat(one, Event()))
    with pytest.raises(Ended):
        queue.receive(parcel("one"))
    monkeypatch.undo()
    monkeypatch.setattr(committer, "write", writer)
    assert queue.receive(parcel("two")).verdict == Verdict.APPLIED
    assert writer.batches == [["two"]]
