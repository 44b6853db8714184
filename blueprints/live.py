"""The doors of the live pages: event streams, and the same fragments as JSON for browsers whose streams fail."""

import re
import time
from collections.abc import Iterator
from uuid import uuid4

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from blueprints import viewing
from blueprints.campaign_list import list_rows
from blueprints.campaign_views import FRAGMENTS, campaign_view, span_of
from blueprints.database import db
from blueprints.live_hub import BOARD, WALL, Hub, Pieces, TooManyStreams, Watcher, event
from blueprints.runtime import now, redis_url
from blueprints.security import current_person, needs, open_door
from core import lookups, wall_links
from core.charts import charts
from core.models import Campaign
from core.sign_ins import still_signed_in
from core.wall import wall

bp = Blueprint("live", __name__)

NAME = "live_hub"
# The numbers of a page are those of this moment; its pictures may be so much older.
DRAWN_FOR_SECONDS = 4.5
# Nobody reads what is pushed but browsers: of the lines of the templates only the ends are kept.
INDENTED = re.compile(r"\s*\n\s*")
PERSON, LINK = "person", "link"


def init_app(app: Flask) -> None:
    """Give the process its hub; gunicorn.conf.py closes it when the worker stops."""

    drawings = Drawings()

    def render(topic: int, variant: str) -> Pieces:
        with app.test_request_context():
            return {name: INDENTED.sub("\n", html) for name, html in pieces(topic, variant, drawings).items()}

    def still_may(watchers: set[Watcher]) -> set[Watcher]:
        with app.app_context():
            return allowed(watchers)

    with app.app_context():
        hub = app.extensions[NAME] = Hub(redis_url(), render, still_may)
    app.extensions.setdefault("at_worker_stop", []).append(hub.close)


@bp.get("/live")
@needs("viewer")
def board() -> ResponseReturnValue:
    return _stream(BOARD, _variant(), _me())


@bp.get("/campaigns/<int:campaign_id>/live")
@needs("viewer")
def campaign(campaign_id: int) -> ResponseReturnValue:
    lookups.find_campaign(db.session(), campaign_id)
    return _stream(campaign_id, f"{_variant()} {span_of(request.args)}", _me())


@bp.get("/wall/live")
@needs("viewer")
def screen() -> ResponseReturnValue:
    return _stream(WALL, "masked", _me())


@bp.get("/wall/on/<token>/live")
@open_door("whoever holds the link of a screen may see what the screen shows")
def linked_screen(token: str) -> ResponseReturnValue:
    link = wall_links.find_link(db.session(), token)
    return _stream(WALL, "masked", Watcher((LINK, link.id), (uuid4().hex,)))


@bp.get("/live.json")
@needs("viewer")
def board_now() -> ResponseReturnValue:
    return _page(BOARD, _variant())


@bp.get("/campaigns/<int:campaign_id>/live.json")
@needs("viewer")
def campaign_now(campaign_id: int) -> ResponseReturnValue:
    lookups.find_campaign(db.session(), campaign_id)
    return _page(campaign_id, f"{_variant()} {span_of(request.args)}")


@bp.get("/wall/live.json")
@needs("viewer")
def screen_now() -> ResponseReturnValue:
    return _page(WALL, "masked")


@bp.get("/wall/on/<token>/live.json")
@open_door("whoever holds the link of a screen may see what the screen shows")
def linked_screen_now(token: str) -> ResponseReturnValue:
    wall_links.find_link(db.session(), token)
    return _page(WALL, "masked")


class Drawings:
    """The charts of the pages that are watched. They read every call of their window, and change little: for a while they stay."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[int, str], tuple[float, str]] = {}

    def of(self, campaign: Campaign, span: str) -> str:
        at = time.monotonic()
        self._drawn = {key: drawn for key, drawn in self._drawn.items() if at - drawn[0] < DRAWN_FOR_SECONDS}
        if (campaign.id, span) not in self._drawn:
            told = charts(db.session(), campaign, span, now())
            self._drawn[campaign.id, span] = (
                at,
                render_template("campaigns/_charts.html", charts=told, campaign=campaign),
            )
        return self._drawn[campaign.id, span][1]


def pieces(topic: int, variant: str, drawings: Drawings) -> Pieces:
    """What a page shows now: the HTML of each of its fragments, by its id."""
    session = db.session()
    masking, _, span = variant.partition(" ")
    masked = masking == "masked"
    if topic in (BOARD, WALL):
        told = wall(session, now())
        shown = {
            f"live-{name}": render_template(f"wall/_{name}.html", wall=told, masked=masked, links=topic == BOARD)
            for name in ("totals", "cards")
        }
        return shown if topic == WALL else shown | _rows(masked)
    campaign = lookups.find_campaign(session, topic)
    view = campaign_view(session, campaign, masked)
    shown = {
        f"live-{name}": render_template(f"campaigns/_{name}.html", view=view, campaign=campaign, pushed=True)
        for name in FRAGMENTS
    }
    return shown | {"live-charts": drawings.of(campaign, span)}


def _rows(masked: bool) -> Pieces:
    page = lookups.campaigns_page(db.session(), lookups.WantedCampaigns(), None)
    return {
        f"campaign-{row.campaign.id}": render_template("campaigns/_row.html", row=row, masked=masked)
        for row in list_rows(db.session(), page.rows)
    }


def allowed(watchers: set[Watcher]) -> set[Watcher]:
    """Those of them whose sign-in, or whose link, is still good: two questions for however many."""
    roles = {one.browser[0]: one.browser[1] for one in watchers if one.owner[0] == PERSON}
    links = {one.owner[1] for one in watchers if one.owner[0] == LINK}
    signed_in = still_signed_in(db.session(), roles, now()) if roles else set()
    good = wall_links.still_good(db.session(), links) if links else set()
    return {
        one for one in watchers if (one.browser[0] in signed_in if one.owner[0] == PERSON else one.owner[1] in good)
    }


def _me() -> Watcher:
    person = current_person()
    assert person is not None
    return Watcher((PERSON, person.id), (person.sign_in_id, person.role))


def _variant() -> str:
    return "masked" if viewing.sees_masked() else "full"


def _page(topic: int, variant: str) -> ResponseReturnValue:
    """Those who ask together share one rendering, as those who watch do."""
    hub: Hub = current_app.extensions[NAME]
    page = hub.page(topic, variant)
    return jsonify(fragments=[{"target": name, "html": html} for name, (html, _) in page.pieces.items()])


def _stream(topic: int, variant: str, watcher: Watcher) -> Response:
    hub: Hub = current_app.extensions[NAME]
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    db.session.remove()  # whoever waits for the rendering, and then watches, holds no connection
    try:
        viewer = hub.join(topic, variant, watcher)
    except TooManyStreams:
        return Response(event("full", {}), mimetype="text/event-stream", headers=headers)

    def events() -> Iterator[bytes]:
        yield b"retry: 2000\n"
        yield from hub.events(viewer)

    response = Response(stream_with_context(events()), mimetype="text/event-stream", headers=headers)
    # Not at the end of the generator: one that nobody began to read (HEAD, a viewer who left at once) never comes to it.
    response.call_on_close(lambda: hub.leave(viewer))
    return response
