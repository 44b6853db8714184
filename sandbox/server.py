"""Starts the sandbox: command line, web server, signals."""

import argparse
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from flask import Flask
from flask.typing import ResponseReturnValue
from gevent.event import Event
from gevent.pywsgi import WSGIHandler, WSGIServer
from werkzeug.exceptions import HTTPException

from sandbox import admin, api, auth, create, page
from sandbox.auth import Unauthorized
from sandbox.machine import Machine, build_machine
from sandbox.validation import Invalid

LARGEST_BODY = 32 * 1024 * 1024


class Handler(WSGIHandler):
    """Hands its connection to the views: one of them must be able to hang up."""

    def handle(self) -> None:
        # Head and body leave in two writes; with Nagle's algorithm each answer would wait 40 ms for an acknowledgement.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["sandbox.socket"] = self.socket
        return environ


class BelowV1:
    """Serves every route below `/v1` too."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/v1/"):
            environ["SCRIPT_NAME"] += "/v1"
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/v1")
        return self.application(environ, start_response)


def create_app(machine: Machine) -> Flask:
    app = Flask("sandbox", static_folder=None)
    app.json.sort_keys = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions["machine"] = machine
    app.wsgi_app = BelowV1(app.wsgi_app)
    for room in (auth, create, api, admin, page):
        app.register_blueprint(room.routes)

    @app.get("/healthz")
    def say_healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.errorhandler(Invalid)
    def say_invalid(error: Invalid) -> ResponseReturnValue:
        return {"detail": error.detail}, 422

    @app.errorhandler(Unauthorized)
    def say_unauthorized(error: Unauthorized) -> ResponseReturnValue:
        return {"detail": str(error)}, 401, {"WWW-Authenticate": "Bearer"}

    @app.errorhandler(HTTPException)
    def say_in_json(error: HTTPException) -> ResponseReturnValue:
        return {"detail": error.description}, error.code or 500

    return app


def _speed(text: str) -> float:
    speed = 0.0 if text == "instant" else float(text)
    if not 0 <= speed < float("inf"):
        raise ValueError(text)
    return speed


def _read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="A stand-in for the provider. It places no calls.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True, help="path of its SQLite file")
    parser.add_argument("--speed", type=_speed, help="20: a minute takes three seconds; 0 or instant: no time at all")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--token", dest="static_token", help="the static bearer token (sandbox-token)")
    parser.add_argument("--username")
    parser.add_argument("--password")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    asked = vars(_read_arguments(arguments))
    host, port, database = asked.pop("host"), asked.pop("port"), asked.pop("database")
    try:
        machine = build_machine(database, {name: value for name, value in asked.items() if value is not None})
    except sqlite3.Error as error:
        return _give_up(f"the sandbox cannot use {database}: {error}")
    server = WSGIServer((host, port), create_app(machine), handler_class=Handler, log=None)
    try:
        server.start()
    except OSError as error:
        return _give_up(f"the sandbox cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}")
    enough = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, enough.set)
    machine.start()
    sys.stdout.write(f"sandbox: no real calls are placed; listening on http://{host}:{server.server_port}\n")
    sys.stdout.flush()
    enough.wait()
    # Connections held open on purpose must not hold up the end.
    server.stop(timeout=0.2)
    machine.stop()
    return 0


def _give_up(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1
