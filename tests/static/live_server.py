"""A live page and its stream, which a test tells what to say next."""

import json
from queue import Queue

from flask import Flask, Response, render_template_string, request

BOX = '<div id="box"><p id="number">{}</p><input id="typed"><details id="more"><summary>More</summary>text</details></div>'
PAGE = (
    """{% extends "base.html" %}{% block title %}Live{% endblock %}{% block content %}
<section id="live" data-live-url="/stream?stage={{ stage }}" data-poll-url="/poll">
  {{ ui.live_dot(None) }}
  """
    + BOX.format(1)
    + """
</section>{% endblock %}"""
)


def event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def number(value: object) -> dict[str, str]:
    return {"target": "number", "html": f'<p id="number">{value}</p>'}


class Stage:
    """What the server does: `says` are the next events of the open stream (None ends it), `refuses` answers 502 instead."""

    def __init__(self) -> None:
        self.says: Queue[str | None] = Queue()
        self.refuses = False
        self.poll_status = 200
        self.polled = 0
        self.opened = 0


def stream_door(app: Flask) -> None:
    app.config["stage"] = Stage()

    @app.get("/live")
    def live() -> str:
        stage = app.config["stage"]
        stage.poll_status = 200  # a page that reloads replays the test's clock, and would reload for ever
        return render_template_string(PAGE, stage=id(stage))

    @app.get("/stream")
    def stream() -> Response | tuple[str, int]:
        stage = app.config["stage"]
        if request.args["stage"] != str(id(stage)):
            return "", 502  # the page of a test that is over
        stage.opened += 1
        if stage.refuses:
            return "", 502
        first = event("snapshot", {"fragments": [number(f"snapshot {stage.opened}")]})
        return Response(_talk(stage.says, first), content_type="text/event-stream")

    @app.get("/poll")
    def poll() -> tuple[dict[str, object], int]:
        stage = app.config["stage"]
        stage.polled += 1
        return {"fragments": [number(f"polled {stage.polled} {request.accept_mimetypes.best}")]}, stage.poll_status


def _talk(says: "Queue[str | None]", first: str):
    yield first
    while words := says.get():
        yield words
