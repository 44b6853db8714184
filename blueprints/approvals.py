"""A second person's word on a launch: what is asked, and the three answers."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import HiddenField, TextAreaField
from wtforms.validators import InputRequired, Length

from blueprints.compose.frame import TAKEN_BACK, checked
from blueprints.database import db, writing
from blueprints.forms import PlainForm, trimmed
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs
from core import approvals
from core.errors import Conflict
from core.lookups import find_campaign
from core.models import Approval, Campaign
from core.states import CampaignState
from jobs.queue import TICK, announce, ring

bp = Blueprint("approvals", __name__, url_prefix="/campaigns")


class ApproveForm(FlaskForm):
    """What the page showed, so that nobody approves what they have not seen."""

    digest = HiddenField(validators=[InputRequired()])


class RefuseForm(ApproveForm):
    words = TextAreaField(
        "Why not",
        [
            InputRequired("Say why, so that it can be mended."),
            Length(max=approvals.LONGEST_WORDS, message=f"At most {approvals.LONGEST_WORDS:,} characters."),
        ],
        description="Whoever composes this campaign reads it.",
        filters=[trimmed],
    )


@bp.get("/<int:campaign_id>/approval")
@needs("viewer")
def show(campaign_id: int) -> ResponseReturnValue:
    return _page(campaign_id, RefuseForm(formdata=None))


@bp.post("/<int:campaign_id>/approval/approve")
@needs("launcher")
def approve(campaign_id: int) -> ResponseReturnValue:
    form = ApproveForm()

    def write(session: Session) -> tuple[str, str]:
        answered = approvals.approve(session, campaign_id, form.digest.data, actor(), now())
        if answered.verdict != "approved":
            return answered.words, "warning"
        return f"Approved: {_calls(answered, find_campaign(session, campaign_id))}.", "success"

    return _answer(campaign_id, write) if form.validate() else _page(campaign_id, RefuseForm(formdata=None), 422)


@bp.post("/<int:campaign_id>/approval/refuse")
@needs("launcher")
def refuse(campaign_id: int) -> ResponseReturnValue:
    form = RefuseForm()

    def write(session: Session) -> tuple[str, str]:
        approvals.refuse(session, campaign_id, form.digest.data, form.words.data, actor(), now())
        return "Refused: this is a draft again, and your words stand on its last step.", "success"

    return _answer(campaign_id, write) if form.validate() else _page(campaign_id, form, 422)


@bp.post("/<int:campaign_id>/approval/take-back")
@needs("composer")
def take_back(campaign_id: int) -> ResponseReturnValue:
    def write(session: Session) -> tuple[str, str]:
        approvals.take_back(session, campaign_id, actor(), now())
        return TAKEN_BACK, "success"

    return _answer(campaign_id, write)


def _answer(campaign_id: int, write: Callable[[Session], tuple[str, str]]) -> ResponseReturnValue:
    """Write, tell everybody who looks, and go to what the campaign is now; of two answers at once the second is told so."""
    try:
        with writing() as session:
            words, tone = write(session)
        ring(redis_url(), TICK, campaign_id)
        announce(redis_url(), campaign_id)
    except Conflict as error:
        words, tone = str(error), "warning"
    flash(words, tone)
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)


def _calls(asked: Approval, campaign: Campaign) -> str:
    calls, people = ("call", "person") if asked.people == 1 else ("calls", "people")
    if campaign.state == CampaignState.SCHEDULED:
        return f"{asked.people:,} {calls} {'is' if asked.people == 1 else 'are'} scheduled"
    return f"calling {asked.people:,} {people}"


def _page(campaign_id: int, form: RefuseForm, status: int = 200) -> ResponseReturnValue:
    """What is asked; once it is answered, the campaign's own page."""
    campaign = find_campaign(db.session(), campaign_id)
    asked = approvals.newest_approval(db.session(), campaign_id)
    if campaign.state != CampaignState.AWAITING_APPROVAL or asked is None:
        return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)
    return render_template(
        "approvals/show.html", form=form, asked=asked, plain_form=PlainForm(formdata=None),
        why_not=approvals.why_not(db.session(), asked, actor().person_id),
        is_late=approvals.start_passed(campaign, asked, now()), **checked(campaign),
    ), status  # fmt: skip
