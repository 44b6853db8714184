"""Step 3, When and how: start, calling hours, calls at a time, who calls again, wave size."""

from datetime import datetime, time
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from blueprints.compose import bp
from blueprints.compose.forms import DAY_WORDS, GAP_UNITS, OUTCOME_WORDS, WhenForm
from blueprints.compose.frame import already_launched, frame, save
from blueprints.database import db
from blueprints.runtime import now
from blueprints.security import needs
from core import drafts
from core.clocks import hours_of
from core.errors import Conflict, Invalid
from core.hours import DAY, check_hours
from core.models import Campaign
from core.pacing import USUAL_CALLS, USUAL_PERCENT, check_pacing
from core.schedule import start_of, zone_info
from core.states import RETRYABLE

# What stands in the fields until somebody chooses hours.
OFFERED_FROM, OFFERED_TO = 9 * 60, 20 * 60
# What an empty field comes to.
DEFAULT_GAP = 120


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
    gap = form.retry_gap.data * form.retry_gap_unit.data if form.retry_gap.data else DEFAULT_GAP
    values = _hours(form) | {
        "start_at": _start_at(form), "zone": form.zone.data, "lines": form.lines.data, "retry_by": form.retry_by.data,
        "retry_attempts": form.retry_attempts.data, "retry_gap_minutes": gap,
        "retry_outcomes": outcomes, "wave_size": form.wave_size.data, "latest_start_at": _latest(form),
        "start_by": form.start_by.data, "pace": form.pace.data, "priority": form.priority.data,
        "breaker_percent": form.breaker_percent.data, "breaker_calls": form.breaker_calls.data or USUAL_CALLS,
    }  # fmt: skip
    check_pacing(Campaign(**{"hours_from": None, **values}))
    return values


def _hours(form: WhenForm) -> dict[str, Any]:
    """Midnight as the end is the end of the day. Without hours, the days and the clock stay as they were."""
    if form.hours.data == "any":
        return {"hours_from": None, "hours_to": None}
    days, start, end = sorted(form.hours_days.data), _minute(form.hours_from.data), _minute(form.hours_to.data) or DAY
    retries = form.retry_by.data == "provider" and form.retry_attempts.data > 0
    check_hours(days, start, end, provider_retries=retries)
    return {"hours_days": days, "hours_from": start, "hours_to": end, "hours_by": form.hours_by.data}


def _minute(shown: time) -> int:
    return shown.hour * 60 + shown.minute


def _shown(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


def _start_at(form: WhenForm) -> datetime | None:
    if form.start.data == "now":
        return None
    at = start_of(form.start_local.data, form.zone.data)
    if at <= now():
        raise Invalid("This time has passed. Choose a later one, or start as soon as it is launched.", "start_local")
    return at


def _latest(form: WhenForm) -> datetime | None:
    if form.latest_local.data is None:
        return None
    try:
        at = start_of(form.latest_local.data, form.zone.data)
    except Invalid as problem:
        raise Invalid(str(problem), "latest_local") from None
    if at <= now():
        raise Invalid("This time has passed. Choose a later one, or none.", "latest_local")
    return at


def _local(at: datetime | None, zone: str) -> datetime | None:
    return at.astimezone(zone_info(zone)).replace(tzinfo=None) if at else None


def _gap(minutes: int) -> tuple[int, int]:
    """A gap as it is shown: so many of the largest unit that fits it wholly."""
    unit = max(each for each in GAP_UNITS if minutes % each == 0)
    return minutes // unit, unit


def _form_of(campaign: Campaign) -> WhenForm:
    gap, unit = _gap(campaign.retry_gap_minutes)
    values = {name: getattr(campaign, name) for name in drafts.WHEN if name != "start_at"}
    values |= {
        "start": "later" if campaign.start_at else "now", "start_local": _local(campaign.start_at, campaign.zone),
        "latest_local": _local(campaign.latest_start_at, campaign.zone), "retry_gap": gap, "retry_gap_unit": unit,
        "hours": "within" if hours_of(campaign) else "any",
        "hours_from": _shown(OFFERED_FROM if campaign.hours_from is None else campaign.hours_from),
        "hours_to": _shown(OFFERED_TO if campaign.hours_to is None else campaign.hours_to),
    }  # fmt: skip
    return WhenForm(data={**values, "seen": drafts.fingerprint(campaign, "when")})


def _show(campaign: Campaign, form: WhenForm, changes: list[drafts.Change]) -> str:
    if changes:
        form.seen.data = drafts.fingerprint(campaign, "when")
    return render_template(
        "compose/when.html", form=form, changes=changes, outcome_words=OUTCOME_WORDS, day_words=DAY_WORDS,
        usual_switch=(USUAL_PERCENT, USUAL_CALLS),
        **frame(campaign, "when"),
    )  # fmt: skip
