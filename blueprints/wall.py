"""The doors of the wall: all live campaigns on a whole screen, for whoever is signed in and, by a link, for a screen that is not."""

from contextlib import suppress

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired

from blueprints.database import db, writing
from blueprints.forms import NOT_TOO_LONG_A_NAME, PlainForm, trimmed
from blueprints.runtime import now, site_address
from blueprints.security import actor, needs, open_door
from core import wall_links
from core.errors import DatabaseBusy, Invalid, NotFound
from core.wall import wall

bp = Blueprint("wall", __name__, url_prefix="/wall")


class LinkForm(FlaskForm):
    name = StringField(
        "Screen",
        [InputRequired("Say which screen it is for."), NOT_TOO_LONG_A_NAME],
        description="Where it hangs, such as “Second floor, by the kitchen”. The audit log names it.",
        filters=[trimmed],
    )


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    return _screen(url_for("live.screen"), url_for("live.screen_now"))


@bp.get("/on/<token>")
@open_door("whoever holds the link of a screen may see what the screen shows")
def show_linked(token: str) -> ResponseReturnValue:
    try:
        link = wall_links.find_link(db.session(), token)
    except NotFound:
        return make_response(render_template("wall/over.html"), 404)
    if not wall_links.seen_lately(link, now()):
        # Whoever only looks must not be held up by somebody who writes; a later look will note it.
        with suppress(DatabaseBusy), writing(patience=0) as session:
            wall_links.mark_seen(session, link.id, now())
    return _screen(url_for("live.linked_screen", token=token), url_for("live.linked_screen_now", token=token))


def _screen(stream: str, poll: str) -> Response:
    page = render_template(
        "wall/screen.html", wall=wall(db.session(), now()), masked=True, links=False, stream=stream, poll=poll
    )
    answer = make_response(page)
    answer.headers["Referrer-Policy"] = "strict-origin"  # the address may be the key of a screen
    return answer


@bp.get("/links")
@needs("launcher")
def list_links() -> ResponseReturnValue:
    return render_template("wall/links.html", links=wall_links.all_links(db.session()), form=LinkForm(formdata=None))


@bp.post("/links")
@needs("launcher")
def make_link() -> ResponseReturnValue:
    """The answer itself shows the link: an address that shows it would show it twice."""
    form = LinkForm()
    if form.validate():
        try:
            with writing() as session:
                link, token = wall_links.make_link(session, form.name.data, actor(), now())
                name = link.name
            address = site_address() + url_for("wall.show_linked", token=token)
            return render_template("wall/made.html", name=name, address=address)
        except Invalid as problem:
            form.name.errors = [str(problem)]
    return render_template("wall/links.html", links=wall_links.all_links(db.session()), form=form), 422


@bp.get("/links/<int:link_id>/revoke")
@needs("launcher")
def ask_revoke(link_id: int) -> ResponseReturnValue:
    return render_template("wall/revoke.html", link=wall_links.get_link(db.session(), link_id), form=PlainForm())


@bp.post("/links/<int:link_id>/revoke")
@needs("launcher")
def revoke_link(link_id: int) -> ResponseReturnValue:
    with writing() as session:
        name = wall_links.revoke_link(session, link_id, actor(), now()).name
    flash(f"The link of {name} is revoked: its screens go dark within a minute.", "success")
    return redirect(url_for("wall.list_links"), 303)
