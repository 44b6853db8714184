"""The door to what may be done with a launched campaign: pause, resume, change before the start, and stop, which asks once more."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from blueprints import security
from blueprints.database import db, writing
from blueprints.forms import PlainForm
from blueprints.runtime import now, redis_url, vault
from blueprints.security import needs
from core import control, lookups
from core.models import Campaign
from jobs.queue import announce
from jobs.tick import ring_for

bp = Blueprint("control", __name__, url_prefix="/campaigns")

DONE = {"pause": "Paused.", "resume": "It goes on.", "stop": "Stopping."}


@bp.post("/<int:campaign_id>/pause")
@needs("launcher")
def pause(campaign_id: int) -> ResponseReturnValue:
    return _act(campaign_id, "pause")


@bp.post("/<int:campaign_id>/resume")
@needs("launcher")
def resume(campaign_id: int) -> ResponseReturnValue:
    return _act(campaign_id, "resume")


@bp.get("/<int:campaign_id>/stop")
@needs("launcher")
def ask_stop(campaign_id: int) -> ResponseReturnValue:
    """What a stop would do, in numbers, before it is done."""
    campaign = lookups.find_campaign(db.session(), campaign_id)
    if "stop" not in control.acts_of(campaign):
        return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)
    left = control.not_handed_over(db.session(), campaign_id)
    out = control.finishing(db.session(), campaign_id)
    return render_template("campaigns/stop.html", campaign=campaign, left=left, out=out, form=PlainForm())


@bp.post("/<int:campaign_id>/stop")
@needs("launcher")
def stop(campaign_id: int) -> ResponseReturnValue:
    return _act(campaign_id, "stop")


@bp.post("/<int:campaign_id>/unschedule")
@needs("launcher")
def unschedule(campaign_id: int) -> ResponseReturnValue:
    """Before its start a campaign can become a draft again, to be changed."""
    with writing() as session:
        control.unschedule(session, campaign_id, security.actor(), now())
    announce(redis_url(), campaign_id)
    flash("A draft again: nobody is called until you launch it.", "success")
    return redirect(url_for("compose.when", campaign_id=campaign_id), 303)


def _act(campaign_id: int, act: str) -> ResponseReturnValue:
    campaign = act_on(campaign_id, act)
    flash(f"{DONE[act]} {campaign.why}", "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)


def act_on(campaign_id: int, act: str) -> Campaign:
    """Do it, and ring for what follows; the campaign as it then is. People and programs both come this way."""
    with writing() as session:
        round_ = control.act_on(session, campaign_id, act, security.actor(), vault(), now())
    ring_for(redis_url(), round_)
    if round_.changed:
        announce(redis_url(), campaign_id)
    return lookups.find_campaign(db.session(), campaign_id)
