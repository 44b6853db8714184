"""The runner with real processes: it starts, says so, restarts, and leaves nothing behind."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from ops.processes import processes_of

ROOT = Path(__file__).parent.parent.parent
RUNNER = """
import sys
from pathlib import Path
from config import load
from ops import run
from ops.errors import CannotStart
try:
    run.run(load(), Path("Procfile").absolute(), lambda settings: "First sign-in: ada@example.com")
except CannotStart as problem:
    sys.exit(str(problem))
"""
WEB = """
import http.server, os
class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
"""
# Like RQ: a worker whose child is in a group, here even in a session, of its own, and who both ignore a polite end.
WORKER = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
os.write(1, b"worker %d\\n" % os.getpid())
signal.pause()
"""
PROCFILE = """
redis: "$REDIS_SERVER" "$REDIS_CONFIGURATION"
web: python web.py
worker: python worker.py
"""


class Runner:
    """One run in a folder of its own, and the lines it has printed."""

    def __init__(self, folder, port):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port), "DATA_DIR": str(folder / "var")}
        self.data_dir = str(folder / "var")
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER], cwd=folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.lines = queue.SimpleQueue()
        self.seen = []
        self.reader = threading.Thread(target=lambda: [*map(self.lines.put, self.process.stdout), self.lines.put(None)])
        self.reader.start()

    def read_until(self, pattern):
        """The match in the first line that has `pattern`."""
        while True:
            line = self.lines.get(timeout=30)
            assert line is not None, f"the runner ended without saying {pattern!r}: {''.join(self.seen)}"
            self.seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def end(self, how=signal.SIGINT):
        """Its exit code after a signal; it ends by itself, however busy the machine is."""
        self.process.send_signal(how)
        return self.process.wait(timeout=30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid in processes_of(self.data_dir):
            os.kill(pid, signal.SIGKILL)
        self.reader.join()
        self.process.stdout.close()


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(tmp_path, port, monkeypatch):
    """Starts the runner on a folder with three small programs; with `procfile` instead of ours where given."""
    for name in ("REDIS_URL", "PROVIDER_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "web.py").write_text(WEB)
    (tmp_path / "worker.py").write_text(WORKER)
    started = []

    def start_runner(procfile=PROCFILE):
        (tmp_path / "Procfile").write_text(procfile)
        started.append(Runner(tmp_path, port))
        return started[-1]

    yield start_runner
    for runner in started:
        runner.close()


def test_it_says_where_it_is_and_ctrl_c_leaves_nothing_behind(start, port):
    runner = start()
    runner.read_until(rf"^Callboard is ready: http://127\.0\.0\.1:{port}$")
    runner.read_until("^First sign-in: ada@example.com$")
    runner.read_until("^Sandbox: no real calls are placed$")
    runner.read_until("^Stop with Ctrl-C$")
    assert len(processes_of(runner.data_dir)) == 4
    assert runner.end() == 0
    assert not processes_of(runner.data_dir)


def test_output_carries_the_name_of_its_process_and_no_colours(start):
    runner = start()
    runner.read_until(r"^\d\d:\d\d:\d\d worker +\| worker \d+$")
    runner.read_until("^Stop with")
    assert "\x1b" not in "".join(runner.seen)


def test_sigterm_ends_it_in_the_middle_of_the_start(start):
    runner = start(PROCFILE.replace("python web.py", "sleep 1000"))
    runner.read_until(r"\| worker \d+$")
    assert runner.end(signal.SIGTERM) == 0
    assert not processes_of(runner.data_dir)


def test_a_killed_process_is_started_again(start):
    runner = start()
    runner.read_until("^Stop with")
    web = next(pid for pid in processes_of(runner.data_dir) if "web.py" in psutil.Process(pid).cmdline())
    os.kill(web, signal.SIGKILL)
    runner.read_until(r"\| web was killed by SIGKILL and is started again$")
    assert runner.end() == 0


def test_a_process_that_dies_while_starting_stops_all_and_is_named(start):
    runner = start(PROCFILE + "broken: sh -c 'echo no such thing; exit 3'\n")
    runner.read_until(r"broken +\| no such thing$")
    runner.read_until(r"^broken ended with exit code 3 while starting; its last lines say why\.$")
    assert runner.process.wait(timeout=30) == 1
    assert not processes_of(runner.data_dir)


def test_a_taken_port_is_one_sentence(start, port):
    with socket.create_server(("127.0.0.1", port)):
        runner = start()
        runner.read_until(rf"^Port {port} is taken: ")
        assert runner.process.wait(timeout=30) == 1
        assert len(runner.seen) == 1


def test_a_second_run_on_the_same_data_is_one_sentence(start):
    start().read_until("^Stop with")
    second = start()
    second.read_until(r"^Callboard is already running on .*\.$")
    assert second.process.wait(timeout=30) == 1
    assert len(second.seen) == 1


def test_what_a_killed_run_left_is_ended_by_the_next(start):
    first = start()
    first.read_until("^Stop with")
    left = processes_of(first.data_dir)
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert processes_of(first.data_dir) == left
    second = start()
    second.read_until(r"ended 4 processes of an earlier run that was killed$")
    second.read_until("^Stop with")
    assert not processes_of(first.data_dir) & left
    assert second.end() == 0


def test_a_bad_setting_is_one_sentence(tmp_path):
    environment = {**os.environ, "PORT": "x", "DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "ops.run"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "PORT must be a number between 1 and 65535, not 'x'.\n"
