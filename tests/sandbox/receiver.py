"""A webhook receiver on loopback that keeps what it gets and answers what it is told."""

import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "campaign-secret-0123456789"


def signature(message: bytes, secret: str = SECRET) -> str:
    """Hex HMAC-SHA256, computed here so that no mistake is shared with the sandbox."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Received:
    at: float
    headers: Message
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["X-Webhook-Event"]

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


class Receiver:
    """`answers` are the status codes of the next requests with an event ("" is any event); then it is 204."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: dict[str, list[int]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def fields(self) -> dict[str, Any]:
        """What a campaign request needs so that all its events come here."""
        return {"webhook_url": self.url, "webhook_secret": SECRET, "notify_on_call_complete": True}

    @property
    def events(self) -> list[str]:
        return [one.event for one in list(self.received)]

    def of(self, event: str) -> list[Received]:
        return [one for one in list(self.received) if one.event == event]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                one = Received(time.time(), self.headers, body)
                receiver.received.append(one)
                answers = receiver.answers.get(one.event) or receiver.answers.get("")
                self.send_response(answers.pop(0) if answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
