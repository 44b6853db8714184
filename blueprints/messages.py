"""The log of what we told others, campaign by campaign, with “send again”."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.bodies_shown import readable
from blueprints.database import db, writing
from blueprints.forms import PlainForm
from blueprints.requests import whole_number
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs
from core import lookups, message_log
from jobs.queue import OUTGOING, ring

bp = Blueprint("messages", __name__, url_prefix="/campaigns")


# Messages hold whole numbers: they are for launchers.
@bp.get("/<int:campaign_id>/messages")
@needs("launcher")
def index(campaign_id: int) -> ResponseReturnValue:
    endpoint = message_log.endpoint_of(db.session(), campaign_id)
    asked = request.args.get("state")
    state = asked if asked in message_log.STATES else None
    return render_template(
        "messages/index.html", campaign=lookups.find_campaign(db.session(), campaign_id), endpoint=endpoint, state=state,
        address=message_log.shown_address(endpoint.url),
        page=message_log.messages_page(db.session(), endpoint.id, state, whole_number("before")), form=PlainForm(),
        counts=message_log.message_counts(db.session(), endpoint.id), states=message_log.STATES,
    )  # fmt: skip


@bp.get("/<int:campaign_id>/messages/<int:message_id>")
@needs("launcher")
def show(campaign_id: int, message_id: int) -> ResponseReturnValue:
    message = message_log.find_message(db.session(), campaign_id, message_id)
    return render_template(
        "messages/show.html", campaign=lookups.find_campaign(db.session(), campaign_id), message=message, form=PlainForm(),
        body=readable(message.body.encode()), tries=message_log.tries_of(db.session(), message_id),
    )  # fmt: skip


@bp.post("/<int:campaign_id>/messages/<int:message_id>/send-again")
@needs("launcher")
def send_again(campaign_id: int, message_id: int) -> ResponseReturnValue:
    with writing() as session:
        message_log.send_again(session, campaign_id, message_id, actor(), now())
    _ring(campaign_id)
    flash("The message is sent within a minute.", "success")
    return redirect(url_for("messages.show", campaign_id=campaign_id, message_id=message_id), 303)


@bp.post("/<int:campaign_id>/messages/send-again")
@needs("launcher")
def send_all_again(campaign_id: int) -> ResponseReturnValue:
    with writing() as session:
        count = message_log.send_all_again(session, campaign_id, actor(), now())
    _ring(campaign_id)
    flash("One message is sent again." if count == 1 else f"{count:,} messages are sent again.", "success")
    return redirect(url_for("messages.index", campaign_id=campaign_id), 303)


@bp.post("/<int:campaign_id>/messages/resume")
@needs("launcher")
def resume(campaign_id: int) -> ResponseReturnValue:
    with writing() as session:
        message_log.resume(session, campaign_id, actor(), now())
    flash("The address is told again from now on. What was given up can be sent again.", "success")
    return redirect(url_for("messages.index", campaign_id=campaign_id), 303)


def _ring(campaign_id: int) -> None:
    ring(redis_url(), OUTGOING, message_log.endpoint_of(db.session(), campaign_id).id)
