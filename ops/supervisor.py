"""Starts processes, prints what they say with their names before it, restarts those that die, and ends them all."""

import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from ops.errors import CannotStart
from ops.processes import MARK, kill_all, processes_of, send

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Everything must be gone 5 s after Ctrl-C: most of that goes to the others, the rest to Redis, which they still need.
PATIENCE = 3.0
LAST_PATIENCE = 1.0
SHORT_LIFE = 5.0
SHORT_LIVES = 5


@dataclass
class Process:
    """One line of the Procfile, running or not."""

    name: str
    command: str
    colour: str
    handle: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    short_lives: int = 0
    lines: threading.Thread | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self.handle is not None and self.handle.poll() is None


class Supervisor:
    """Holds all processes of one run; `stopping` is true from the first signal on."""

    def __init__(self, run: str, folder: Path, environment: Mapping[str, str], output: TextIO = sys.stdout) -> None:
        self.run = run
        self.folder = folder
        self.environment = {**environment, MARK: run}
        self.processes: dict[str, Process] = {}
        self.is_ready = False
        self.stopping = False
        self.output = output
        self.printer = Printer(output, width=len("callboard"))
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.colours = get_colours()

    def start(self, name: str, command: str) -> None:
        self.printer.width = max(self.printer.width, len(name))
        self.processes[name] = Process(name, command, next(self.colours))
        self.launch(self.processes[name])

    def launch(self, process: Process) -> None:
        process.started_at = time.monotonic()
        # A session of its own: the terminal's Ctrl-C reaches the runner alone, which then ends them in order.
        process.handle = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", f"exec {process.command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        process.lines = threading.Thread(target=self.read_lines, args=(process, process.handle), daemon=True)
        process.lines.start()

    def read_lines(self, process: Process, handle: subprocess.Popen[bytes]) -> None:
        assert handle.stdout is not None
        for line in handle.stdout:
            self.messages.put(Message("line", line, datetime.now().astimezone(), process.name, process.colour))

    def say(self, text: str) -> None:
        self.messages.put(Message("line", text, datetime.now().astimezone(), "callboard", None))

    def print_lines(self, wait: float = 0.0) -> None:
        """Print what has been said until now; wait up to `wait` seconds for the first line."""
        try:
            message = self.messages.get(timeout=wait) if wait else self.messages.get_nowait()
            while True:
                self.printer.write(message)
                message = self.messages.get_nowait()
        except queue.Empty:
            return
        except OSError:
            # Nobody reads our output any more, as in `make run | head`.
            self.stopping = True

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Inside, a signal asks for the stop; on the way out everything is ended, whatever happened."""
        before = {number: signal.signal(number, self.ask_to_stop) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def ask_to_stop(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def wait_until(self, is_ready: Callable[[], bool], patience: float, missing: Callable[[], str]) -> None:
        """Watch over the start until `is_ready` or a signal; a death or the end of patience raises CannotStart."""
        deadline = time.monotonic() + patience
        while not self.stopping and not is_ready():
            self.print_lines(wait=0.1)
            for process in self.processes.values():
                if not process.is_running:
                    raise CannotStart(f"{process.name} {self.ending(process)} while starting; its last lines say why.")
            if time.monotonic() > deadline:
                raise CannotStart(f"Callboard was not ready after {patience:g} seconds: {missing()}")

    def watch(self) -> None:
        """Print and restart until a signal comes; raises CannotStart when a process cannot be kept alive."""
        while not self.stopping:
            self.print_lines(wait=0.2)
            for process in self.processes.values():
                if not self.stopping and not process.is_running:
                    self.restart(process)

    def restart(self, process: Process) -> None:
        lived = time.monotonic() - process.started_at
        process.short_lives = process.short_lives + 1 if lived < SHORT_LIFE else 0
        if process.short_lives >= SHORT_LIVES:
            raise CannotStart(
                f"{process.name} {self.ending(process)} {SHORT_LIVES} times in a row; everything is stopped."
            )
        self.say(f"{process.name} {self.ending(process)} and is started again")
        self.launch(process)

    @staticmethod
    def ending(process: Process) -> str:
        code = process.handle.returncode if process.handle else 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def stop(self, last: str = "redis") -> None:
        """End every process, the one named `last` after all others; returns when none is left."""
        self.stopping = True
        others = [process for process in self.processes.values() if process.name != last]
        self.end(others, PATIENCE)
        self.kill_stragglers(last)
        self.end([process for process in self.processes.values() if process.name == last], LAST_PATIENCE)
        kill_all(self.run)
        for process in self.processes.values():
            if process.handle and process.lines:
                process.handle.wait()
                process.lines.join(timeout=1)
        self.print_lines()

    def end(self, processes: list[Process], patience: float) -> None:
        """Ask each leader to end; the processes below it are its own to end, and killed afterwards where it did not."""
        send((process.handle.pid for process in processes if process.handle and process.is_running), signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(process.is_running for process in processes) and time.monotonic() < deadline:
            self.print_lines(wait=0.05)

    def kill_stragglers(self, last: str) -> None:
        kept = self.processes.get(last)
        spared = {kept.handle.pid} if kept and kept.handle else set()
        send(processes_of(self.run) - spared, signal.SIGKILL)
