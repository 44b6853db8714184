"""A provider of raw sockets, for what a well-behaved server cannot do: it answers each request with given bytes or acts."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import NamedTuple, Self

Act = Callable[[socket.socket, threading.Event], None]


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def answer(status: int, body: object = None, **headers: str) -> bytes:
    """A whole answer; `body` is JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def reset(connection: socket.socket, stopped: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(connection: socket.socket, stopped: threading.Event) -> None:
    """The connection is closed after every act."""


def silence(connection: socket.socket, stopped: threading.Event) -> None:
    stopped.wait(10)


def drip(first: bytes) -> Act:
    """`first`, then a byte now and then, for ever."""

    def act(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(first)
        while not stopped.wait(0.02):
            connection.sendall(b"x")

    return act


class Stub:
    """`with Stub(answer(200, {}), reset) as stub:` gives one answer to each request, the last one again and again.

    A `deaf` one answers before it has read anything.
    """

    def __init__(self, *answers: bytes | Act, tls: ssl.SSLContext | None = None, deaf: bool = False) -> None:
        self.answers = list(answers)
        self.tls = tls
        self.deaf = deaf
        self.asked: list[Asked] = []
        self.connections = 0
        self.stopped = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self.stopped.is_set():
                connection, _ = self.listener.accept()
                self.connections += 1
                self.threads.append(threading.Thread(target=self._serve, args=[connection]))
                self.threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            if self.tls is None:
                self._answer(connection)
                return
            with self.tls.wrap_socket(connection, server_side=True) as secure:
                self._answer(secure)

    def _answer(self, connection: socket.socket) -> None:
        if not self.deaf:
            asked = _read(connection)
            if asked is None:
                return
            self.asked.append(asked)
        act = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(act, bytes):
            connection.sendall(act)
        else:
            act(connection, self.stopped)


def _read(connection: socket.socket) -> Asked | None:
    with connection.makefile("rb") as stream:
        method, _, rest = stream.readline().decode().partition(" ")
        if not rest:
            return None
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        return Asked(method, rest.split(" ")[0], headers, body)
