"""One HTTP exchange with a server that is not ours: a connection, a request, a bounded answer, and whether a byte was written."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

# 64:ff9b::/96 carries an IPv4 address through a NAT64 gateway, private ones included.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# ValueError is here for what neither library turns into its own errors: host names and headers that cannot be encoded.
TRANSPORT_ERRORS = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect (TLS each time anew), for one read, and for the whole exchange once the connection stands."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A status line came. `whole` says that the body came to its end, too, within the limits."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """No status line came. `begun` says whether a byte may have been written, `words` why, for people."""

    begun: bool
    words: str


@dataclass(frozen=True, slots=True)
class Wire:
    """How to reach `whom`, as sentences call it. `verify` is what requests takes: True, or the path of a bundle of authorities.

    `ends` is when, by time.monotonic(), all its exchanges together are to be over, for somebody who waits for a page.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    allow_private: bool = False
    verify: bool | str = True
    ends: float | None = None
    whom: str = "provider"

    def within(self, seconds: float) -> float:
        """So many seconds, or as many as are left; never none at all, which would mean no limit."""
        return seconds if self.ends is None else min(seconds, max(self.ends - time.monotonic(), 0.001))

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        params: Mapping[str, str | int] | None = None,
        largest: int = 1 << 20,
        may_send: Callable[[], bool] | None = None,
    ) -> Reply | Silence:
        """Send one request and read at most `largest` bytes of the answer. No retry, redirect, proxy, netrc or cookie.

        The adapter is used without a session, because a session reads the environment and, on a redirect, the whole
        body. `may_send` is asked when the connection stands, right before the first byte; False withdraws the request.
        """
        journey = _Journey(self, may_send)
        adapter = _Adapter(journey)
        timeouts = (self.within(self.timeouts.connect), self.within(self.timeouts.read))
        try:
            plain = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
            request = requests.Request(method, url, headers={**plain, **headers}, data=body, params=params).prepare()
            response = adapter.send(request, stream=True, timeout=timeouts, verify=self.verify)
            try:
                if journey.late:
                    # The standard library takes headers that end in the middle for headers that ended.
                    return Silence(True, journey.too_late())
                answer, whole = _read(response, largest)
                return Reply(response.status_code, response.headers, answer, whole and not journey.late)
            finally:
                response.close()
        except TRANSPORT_ERRORS as error:
            return Silence(journey.begun, journey.explain(error))
        finally:
            journey.end()
            adapter.close()


class _NotReachedError(OSError):
    """We gave up before the first byte; the journey has the words."""


class _Journey:
    """What has happened to one request so far. Only `begun` decides between "surely not sent" and "cannot be known"."""

    def __init__(self, wire: Wire, may_send: Callable[[], bool] | None) -> None:
        self.wire = wire
        self.may_send = may_send
        self.begun = False
        self.dialled = False
        self.words = ""
        self.late = False
        self.alarm: threading.Timer | None = None

    def give_up(self, words: str) -> _NotReachedError:
        self.words = words
        return _NotReachedError(words)

    def dial(self, host: str, port: int) -> socket.socket:
        """Resolve once, judge every address, connect to one of exactly those: a second look-up could say otherwise."""
        ends = time.monotonic() + self.wire.within(self.wire.timeouts.connect)
        addresses = self._resolve(host, port)
        failure: OSError = TimeoutError()
        for family, address in addresses:
            left = ends - time.monotonic()
            if left <= 0:
                break
            try:
                connection = _connect(family, address, left)
            except OSError as error:
                failure = error
            else:
                connection.settimeout(self.wire.within(self.wire.timeouts.connect))
                self.dialled = True
                return connection
        raise self.give_up(f"{host}:{port} {_reason(failure)}.")

    def _resolve(self, host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise self.give_up(f"The name {host} cannot be resolved.") from None
        if not self.wire.allow_private and any(is_private(str(address[0])) for *_, address in found):
            raise self.give_up(
                f"The {self.wire.whom} URL points into a private network ({host}); ALLOW_PRIVATE_ADDRESSES would permit that."
            )
        return [(family, address) for family, _, _, _, address in found]

    def begin(self, connection: socket.socket) -> None:
        """The connection stands and the first byte is next: the last moment to withdraw, and the start of the clock."""
        if self.begun:
            return
        if self.may_send is not None and not self.may_send():
            raise self.give_up("It was too late to send when the connection stood.")
        self.begun = True
        connection.settimeout(self.wire.within(self.wire.timeouts.read))
        self.alarm = threading.Timer(self.wire.within(self.wire.timeouts.total), self._ring, [connection])
        self.alarm.daemon = True
        self.alarm.start()

    def _ring(self, connection: socket.socket) -> None:
        """End a drip: a read timeout starts anew with each byte. The plain shutdown leaves TLS to its reader."""
        self.late = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def end(self) -> None:
        if self.alarm is not None:
            self.alarm.cancel()

    def too_late(self) -> str:
        return f"The {self.wire.whom} did not answer in time."

    def explain(self, error: Exception) -> str:
        """One sentence, never the error's own text: that can hold headers, and so the key."""
        if self.words:
            return self.words
        causes = list(_causes(error))
        if not self.begun:
            certificate = next((each for each in causes if isinstance(each, ssl.SSLCertVerificationError)), None)
            if certificate is not None:
                return f"The {self.wire.whom}'s certificate is not good: {certificate.verify_message}."
            if self.dialled:
                return f"No TLS connection to the {self.wire.whom} came about."
            return "The request could not be made."
        if self.late or any(isinstance(each, TimeoutError) or "Timeout" in type(each).__name__ for each in causes):
            return self.too_late()
        return "The connection broke after sending had begun."


class _Watched:
    """Over urllib3's connections: dial where the journey says, and tell it right before the first byte is written."""

    def __init__(self, journey: _Journey, *args: Any, **options: Any) -> None:
        self._journey = journey
        super().__init__(*args, **options)

    def _new_conn(self: Any) -> socket.socket:
        connection: socket.socket = self._journey.dial(self._dns_host, self.port)
        return connection

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self._journey.begin(self.sock)
        super().send(data)  # type: ignore[misc]


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _Adapter(HTTPAdapter):
    """Hands the journey to the one connection that it makes."""

    def __init__(self, journey: _Journey) -> None:
        self._journey = journey
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*args, **options)  # type: ignore[assignment]
        watched = _SecureConnection if pool.scheme == "https" else _PlainConnection
        pool.ConnectionCls = partial(watched, self._journey)  # type: ignore[assignment]
        return pool


def is_private(address: str) -> bool:
    """Whether a resolved address lies outside the public internet, in whatever form it wraps an IPv4 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(str(inner))
    return not ip.is_global or ip.is_multicast


def _connect(family: socket.AddressFamily, address: Any, seconds: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(seconds)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _reason(failure: OSError) -> str:
    if isinstance(failure, TimeoutError):
        return "did not answer in time"
    return "refused the connection" if isinstance(failure, ConnectionRefusedError) else "could not be reached"


def _read(response: requests.Response, largest: int) -> tuple[bytes, bool]:
    """The body up to the cap. A status line counts even where its body is cut off, so this does not raise."""
    try:
        body: bytes = response.raw.read(largest + 1, decode_content=True)
    except TRANSPORT_ERRORS:
        return b"", False
    return body[:largest], len(body) <= largest


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: requests and urllib3 hide the cause in `args`, `reason` and `__context__`."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
