"""Step 3, When and how: start, calls at a time, who calls again, wave size."""

from datetime import datetime
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from blueprints.compose import bp
from blueprints.compose.forms import OUTCOME_WORDS, WhenForm
from blueprints.compose.frame import already_launched, frame, save
from blueprints.database import db
from blueprints.runtime import now
from blueprints.security import needs
from core import drafts
from core.errors import Conflict, Invalid
from core.models import Campaign
from core.schedule import start_of, zone_info
from core.states import RETRYABLE


@bp.route("/<int:campaign_id>/compose/when", methods=["GET", "POST"])
@needs("composer")
def when(campaign_id: int) -> ResponseReturnValue:
    try:
        if request.method == "POST":
            form = WhenForm()
            return save(campaign_id, "when", form, lambda: _values(form), _show)
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    return _show(campaign, _form_of(campaign), [])


def _values(form: WhenForm) -> dict[str, Any]:
    outcomes = [str(outcome) for outcome in RETRYABLE if outcome in form.retry_outcomes.data]
    return {
        "start_at": _start_at(form), "zone": form.zone.data, "lines": form.lines.data, "retry_by": form.retry_by.data,
        "retry_attempts": form.retry_attempts.data, "retry_gap_minutes": form.retry_gap_minutes.data or 120,
        "retry_outcomes": outcomes, "wave_size": form.wave_size.data,
    }  # fmt: skip


def _start_at(form: WhenForm) -> datetime | None:
    if form.start.data == "now":
        return None
    at = start_of(form.start_local.data, form.zone.data)
    if at <= now():
        raise Invalid("This time has passed. Choose a later one, or start as soon as it is launched.", "start_local")
    return at


def _form_of(campaign: Campaign) -> WhenForm:
    local = campaign.start_at and campaign.start_at.astimezone(zone_info(campaign.zone)).replace(tzinfo=None)
    values = {name: getattr(campaign, name) for name in drafts.WHEN if name != "start_at"}
    start = "later" if campaign.start_at else "now"
    return WhenForm(data={**values, "start": start, "start_local": local, "seen": drafts.fingerprint(campaign, "when")})


def _show(campaign: Campaign, form: WhenForm, changes: list[drafts.Change]) -> str:
    if changes:
        form.seen.data = drafts.fingerprint(campaign, "when")
    return render_template(
        "compose/when.html", form=form, changes=changes, outcome_words=OUTCOME_WORDS, **frame(campaign, "when")
    )
