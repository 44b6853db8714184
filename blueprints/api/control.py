"""Pause, resume and stop for programs: safe to repeat, answered with the campaign as it then is."""

from flask import Response, jsonify

from blueprints.api import bp, campaign_of
from blueprints.control import act_on
from blueprints.database import db
from blueprints.security import needs_token
from core.campaign_words import campaign_answer_with_contacts


@bp.post("/campaigns/<campaign_id>/pause")
@needs_token("launch")
def pause(campaign_id: str) -> Response:
    return _act(campaign_id, "pause")


@bp.post("/campaigns/<campaign_id>/resume")
@needs_token("launch")
def resume(campaign_id: str) -> Response:
    return _act(campaign_id, "resume")


@bp.post("/campaigns/<campaign_id>/stop")
@needs_token("launch")
def stop(campaign_id: str) -> Response:
    return _act(campaign_id, "stop")


def _act(campaign_id: str, act: str) -> Response:
    campaign = act_on(campaign_of(campaign_id).id, act)
    return jsonify(campaign_answer_with_contacts(db.session(), campaign))
