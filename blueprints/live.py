"""The doors of the live pages: event streams, and the same fragments as JSON for browsers whose streams fail."""

import json
import time
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, stream_with_context
from flask.typing import ResponseReturnValue

from blueprints import viewing
from blueprints.campaigns import FRAGMENTS, board_rows, campaign_view
from blueprints.database import db
from blueprints.live_hub import BOARD, CLOSED, Hub
from blueprints.runtime import redis_url
from blueprints.security import needs
from core import lookups

bp = Blueprint("live", __name__)

HEARTBEAT_SECONDS = 15.0
NAME = "live_hub"


def init_app(app: Flask) -> None:
    """Give the process its hub; gunicorn.conf.py closes it when the worker stops."""

    def render(topic: int, variant: str) -> str:
        with app.test_request_context():
            return rendered(topic, variant)

    with app.app_context():
        hub = app.extensions[NAME] = Hub(redis_url(), render)
    app.extensions.setdefault("at_worker_stop", []).append(hub.close)


@bp.get("/live")
@needs("viewer")
def board() -> ResponseReturnValue:
    return _stream(BOARD)


@bp.get("/campaigns/<int:campaign_id>/live")
@needs("viewer")
def campaign(campaign_id: int) -> ResponseReturnValue:
    lookups.find_campaign(db.session(), campaign_id)
    return _stream(campaign_id)


@bp.get("/live.json")
@needs("viewer")
def board_now() -> ResponseReturnValue:
    return jsonify(json.loads(rendered(BOARD, _variant())))


@bp.get("/campaigns/<int:campaign_id>/live.json")
@needs("viewer")
def campaign_now(campaign_id: int) -> ResponseReturnValue:
    return jsonify(json.loads(rendered(campaign_id, _variant())))


def rendered(topic: int, variant: str) -> str:
    """The message that brings a page up to date: {"fragments": [{"target": id, "html": …}]}."""
    if topic == BOARD:
        page = lookups.campaigns_page(db.session(), (), "", None)
        rows = board_rows(db.session(), page.rows)
        pieces = {
            f"campaign-{one.id}": render_template(
                "campaigns/_row.html", campaign=one, progress=numbers, attention=attention
            )
            for one, numbers, attention in rows
        }
    else:
        view = campaign_view(db.session(), lookups.find_campaign(db.session(), topic), variant == "masked")
        pieces = {
            f"live-{name}": render_template(f"campaigns/_{name}.html", view=view, campaign=view.campaign, pushed=True)
            for name in FRAGMENTS
        }
    return json.dumps({"fragments": [{"target": target, "html": html} for target, html in pieces.items()]})


def _variant() -> str:
    return "masked" if viewing.sees_masked() else "full"


def _stream(topic: int) -> Response:
    hub: Hub = current_app.extensions[NAME]
    still_here = viewing.stream_guard()
    viewer = hub.join(topic, _variant())
    try:
        first = hub.first_for(viewer)
    except BaseException:
        hub.leave(viewer)
        raise
    db.session.remove()

    def events() -> Iterator[str]:
        yield f"retry: 2000\nevent: snapshot\ndata: {first}\n\n"
        asked_at = time.monotonic()
        while not hub.closed:
            message = viewer.next(HEARTBEAT_SECONDS)
            if message == CLOSED:
                return
            if time.monotonic() - asked_at >= HEARTBEAT_SECONDS:  # on a busy page no heartbeat is ever due
                if not still_here():
                    yield "event: gone\ndata: {}\n\n"
                    return
                asked_at = time.monotonic()
            yield f"event: fragment\ndata: {message}\n\n" if message else "event: heartbeat\ndata: {}\n\n"

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = Response(stream_with_context(events()), mimetype="text/event-stream", headers=headers)
    # Not at the end of the generator: one that nobody began to read (HEAD, a viewer who left at once) never comes to it.
    response.call_on_close(lambda: hub.leave(viewer))
    return response
