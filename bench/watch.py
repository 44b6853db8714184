"""The viewers of `make bench-live`: a process that holds many event streams open, and notes when each showed how many were answered.

It is told the port and, a line each on standard input, the cookie and the path of every stream; it prints `ready` once all of them
have shown their page, and what it saw, as JSON, when its input ends.
"""

import json
import re
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

HOST = "127.0.0.1"
# The boxes of the page say it in the label of the bar.
ANSWERED = re.compile(rb'aria-label=\\"[^"\\]*?Answered ([\d,]+)')
END = b"\n\n"


@dataclass(slots=True)
class Stream:
    """One viewer: the end of what came, how many it showed last, and when it showed more."""

    socket: socket.socket
    rest: bytearray = field(default_factory=bytearray)
    shown: int = -1
    seen: list[tuple[float, int]] = field(default_factory=list)
    frames: int = 0
    size: int = 0


def main() -> None:
    port = int(sys.argv[1])
    asked = []
    while line := sys.stdin.readline().strip():
        asked.append(line.split(" ", 1))
    with selectors.DefaultSelector() as selector:
        streams = [_open(selector, port, cookie, path) for cookie, path in asked]
        selector.register(sys.stdin, selectors.EVENT_READ)
        is_ready = False
        while True:
            for key, _ in selector.select(1.0):
                if key.data is None:
                    print(json.dumps([{"seen": s.seen, "frames": s.frames, "bytes": s.size} for s in streams]))
                    return
                _read(selector, key.data)
            if not is_ready and all(stream.frames for stream in streams):
                is_ready = True
                print("ready", flush=True)


def _open(selector: selectors.DefaultSelector, port: int, cookie: str, path: str) -> Stream:
    stream = Stream(socket.create_connection((HOST, port)))
    stream.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nCookie: callboard={cookie}\r\n\r\n".encode())
    selector.register(stream.socket, selectors.EVENT_READ, stream)
    return stream


def _read(selector: selectors.DefaultSelector, stream: Stream) -> None:
    came = stream.socket.recv(1 << 18)
    if not came:
        selector.unregister(stream.socket)
        return
    at = time.monotonic()
    stream.rest += came
    stream.size += len(came)
    *frames, rest = bytes(stream.rest).split(END)
    stream.rest = bytearray(rest)
    for frame in frames:
        stream.frames += b"event: snapshot" in frame or b"event: fragment" in frame
        if found := ANSWERED.search(frame):
            shown = int(found[1].replace(b",", b""))
            if shown != stream.shown:
                stream.shown = shown
                stream.seen.append((at, shown))


if __name__ == "__main__":
    main()
