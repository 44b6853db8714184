"""A closed-loop HTTP load over keep-alive connections of one process: each sends its next request when it has its answer."""

import gc
import selectors
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE_SECONDS = 30.0
END_OF_HEAD = b"\r\n\r\n"


@dataclass(slots=True)
class Load:
    """What came of some requests, in their order. `seconds` is all of it, `cpu_seconds` the share of this client's own work."""

    statuses: list[int]
    latencies: list[float]
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.statuses) / self.seconds


@dataclass(slots=True)
class Connection:
    socket: socket.socket
    request: int = 0
    sent_at: float = 0.0
    answer: bytearray = field(default_factory=bytearray)
    is_over: bool = False


def post(address: tuple[str, int], path: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of one request."""
    fields = {
        "Host": f"{address[0]}:{address[1]}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in (fields | headers).items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def load(address: tuple[str, int], requests: Sequence[bytes], connections: int, *, endures: bool = False) -> Load:
    """Send every request once, `connections` at a time, and wait for every answer (which must have no body).

    `endures`: a request whose connection breaks has the status 0, and the others go on.
    """
    result = Load([0] * len(requests), [0.0] * len(requests))
    waiting = iter(range(len(requests)))
    gc.disable()
    with selectors.DefaultSelector() as selector:
        open_ones = [Connection(_dial(address)) for _ in range(min(connections, len(requests)))]
        began, cpu_began = time.perf_counter(), time.process_time()
        for connection in open_ones:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            _send(connection, requests, next(waiting))
        unanswered = len(requests)
        while unanswered:
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"{unanswered} requests had no answer after {PATIENCE_SECONDS:g} seconds")
            for key, _ in ready:
                connection = key.data
                try:
                    is_answered = _answered(connection, result)
                except ConnectionError:
                    if not endures:
                        raise
                    is_answered = connection.is_over = True
                if not is_answered:
                    continue
                unanswered -= 1
                if connection.is_over:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    connection.socket, connection.is_over = _dial(address), False
                    connection.answer.clear()
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                following = next(waiting, None)
                if following is not None:
                    _send(connection, requests, following)
        result.seconds, result.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    gc.enable()
    for connection in open_ones:
        connection.socket.close()
    return result


def _dial(address: tuple[str, int]) -> socket.socket:
    """As soon as somebody listens: who was killed is started again within seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            dialled = socket.create_connection(address)
            break
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return dialled


def _send(connection: Connection, requests: Sequence[bytes], number: int) -> None:
    connection.request, connection.sent_at = number, time.perf_counter()
    with suppress(ConnectionError):  # whoever waits for the answer hears of it
        connection.socket.sendall(requests[number])


def _answered(connection: Connection, result: Load) -> bool:
    """Read what has come; True when the answer's head is whole."""
    received = connection.socket.recv(65536)
    if not received:
        raise ConnectionError("the server closed a connection that was to be kept alive")
    connection.answer += received
    if not connection.answer.endswith(END_OF_HEAD):
        return False
    result.latencies[connection.request] = time.perf_counter() - connection.sent_at
    result.statuses[connection.request] = int(connection.answer[9:12])
    connection.is_over = b"\r\nconnection: close\r\n" in connection.answer.lower()
    connection.answer.clear()
    return True
