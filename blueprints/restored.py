"""The page of a restored or copied database: why nothing is handed over, what is known of the submissions since, and who waits."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from blueprints import viewing
from blueprints.database import db
from blueprints.forms import PlainForm
from blueprints.requests import whole_number
from blueprints.security import needs
from core import restoring
from core.lookups import page_of

bp = Blueprint("restored", __name__)


@bp.get("/restored")
@needs("viewer")
def show() -> ResponseReturnValue:
    session = db.session()
    held = page_of(
        restoring.held_campaigns(session, whole_number("held")), restoring.MOST_SHOWN, lambda campaign: campaign.id
    )
    lost = page_of(
        restoring.lost_submissions(session, whole_number("before")), restoring.MOST_SHOWN, lambda one: one.id
    )
    left_out = {campaign.id: len(restoring.lost_numbers(session, campaign.id)) for campaign in held.rows}
    return render_template(
        "restored/show.html", restored=restoring.restored(session), held=held, left_out=left_out, form=PlainForm(),
        lost=lost, masked=viewing.sees_masked(),
    )  # fmt: skip
