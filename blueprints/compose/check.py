"""Step 4, Check and launch: everything once more, read-only; then the one button that calls people."""

import json
from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from blueprints.compose import bp
from blueprints.compose.forms import LaunchForm
from blueprints.compose.frame import already_launched, checked, frame
from blueprints.compose.test_call import context as test_call_context
from blueprints.compose.uploads import remove
from blueprints.database import db, writing
from blueprints.forms import PlainForm
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs
from core import approvals, drafts, preview
from core.errors import Conflict, Invalid
from core.installation import needs_approval
from core.launch import launch
from core.models import Campaign
from core.pacing import PRIORITIES
from core.row_store import drop_rows
from jobs.queue import TICK, announce, ring


@bp.get("/<int:campaign_id>/compose/check")
@needs("composer")
def check(campaign_id: int) -> ResponseReturnValue:
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    return _show(campaign, LaunchForm(formdata=None), [])


@bp.post("/<int:campaign_id>/compose/launch", endpoint="launch")
@needs("launcher")
def launch_draft(campaign_id: int) -> ResponseReturnValue:
    return _act(campaign_id, _launch)


@bp.post("/<int:campaign_id>/compose/ask", endpoint="ask")
@needs("launcher")
def ask_for_approval(campaign_id: int) -> ResponseReturnValue:
    return _act(campaign_id, _ask)


def _act(campaign_id: int, act: Callable[[int, LaunchForm], None]) -> ResponseReturnValue:
    form = LaunchForm()
    try:
        drafts.get_draft(db.session(), campaign_id)
        if form.validate_on_submit():
            act(campaign_id, form)
            return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)
    except (Conflict, Invalid) as error:
        return _refused(campaign_id, form, error)
    return _show(drafts.get_draft(db.session(), campaign_id), form, []), 422


def _launch(campaign_id: int, form: LaunchForm) -> None:
    with writing() as session:
        drafts.check_launch(session, campaign_id, now())
        campaign = launch(
            session, campaign_id, campaign_version=form.campaign_version.data, list_version=form.list_version.data,
            actor=actor(), now=now(),
        )  # fmt: skip
    people = campaign.size - campaign.excluded_at_launch
    words = f"{people:,} {'person' if people == 1 else 'people'}"
    flash(f"Scheduled: {words}." if campaign.state == "scheduled" else f"Launched: {words} to call.", "success")
    announce(redis_url(), campaign_id)
    ring(redis_url(), TICK, campaign_id)


def _ask(campaign_id: int, form: LaunchForm) -> None:
    substance = approvals.substance_of(db.session(), campaign_id)
    with writing() as session:
        drafts.check_launch(session, campaign_id, now())
        approvals.ask(
            session, campaign_id, substance, campaign_version=form.campaign_version.data, list_version=form.list_version.data,
            actor=actor(), now=now(),
        )  # fmt: skip
    flash("Approval is asked for. Nobody is called before somebody else agrees.", "success")
    announce(redis_url(), campaign_id)


def _refused(campaign_id: int, form: LaunchForm, error: Conflict | Invalid) -> ResponseReturnValue:
    """Launched by an earlier click: to the campaign. Changed meanwhile, or not complete: the check page says what."""
    db.session.rollback()
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as launched:
        return already_launched(campaign_id, launched)
    before = _facts_shown(form)
    after = _facts(frame(campaign, "check"))
    changed = [
        (label, before[label], fact) for label, fact in after.items() if label in before and before[label] != fact
    ]
    flash(str(error), "warning")
    return _show(campaign, LaunchForm(formdata=None), changed), 409


def _facts_shown(form: LaunchForm) -> dict[str, str]:
    try:
        told = json.loads(form.facts.data or "{}")
    except ValueError:
        return {}
    return {str(label): str(fact)[:300] for label, fact in told.items()} if isinstance(told, dict) else {}


def _facts(context: dict[str, Any]) -> dict[str, str]:
    """What the page shows, in words, so that a launch of something else can say what is different."""
    campaign, summary = context["campaign"], context["summary"]
    return {
        "Name": campaign.name, "Agent": campaign.agent.name if campaign.agent else "none", "People": f"{summary.people:,}",
        "Left out": f"{summary.excluded:,}", "Start": campaign.start_at.isoformat() if campaign.start_at else "at once",
        "Calls at a time": str(campaign.lines), "Waves": f"{summary.plan.waves:,}",
        "Calling hours": summary.hours, "Each person": context["experienced"],
        "Started by": "the provider" if campaign.start_by == "provider" else "Callboard",
        "Latest start": campaign.latest_start_at.isoformat() if campaign.latest_start_at else "none",
        "Pace": f"{campaign.pace}, {PRIORITIES[campaign.priority].lower()}",
        "Safety switch": f"{campaign.breaker_percent} % of {campaign.breaker_calls}" if campaign.breaker_percent else "off",
        "Context": json.dumps(campaign.context, ensure_ascii=False)[:300],
    }  # fmt: skip


def _show(campaign: Campaign, form: LaunchForm, changed: list[tuple[str, str, str]]) -> str:
    context = checked(campaign)
    contact_list, people = context["contact_list"], context["summary"].people
    form.campaign_version.data, form.list_version.data = campaign.version, contact_list.version
    form.facts.data = json.dumps(_facts(context))
    request_made = preview.first_request(db.session(), campaign, contact_list, people)
    return render_template(
        "compose/check.html", form=form, changed=changed, plain_form=PlainForm(formdata=None),
        asks=needs_approval(db.session(), people), answered=approvals.newest_approval(db.session(), campaign.id),
        first_request=_pretty(request_made), test=test_call_context(campaign), **context,
    )  # fmt: skip


def _pretty(request_made: dict[str, Any] | None) -> str:
    return json.dumps(request_made, indent=2, ensure_ascii=False) if request_made else ""


@bp.post("/<int:campaign_id>/compose/delete", endpoint="delete")
@needs("composer")
def delete_draft(campaign_id: int) -> ResponseReturnValue:
    """Rows go first, a few thousand at a time, so that a long list holds up nobody who writes."""
    if not PlainForm().validate_on_submit():
        return redirect(url_for("compose.check", campaign_id=campaign_id), 303)
    try:
        removed = 1
        while removed:
            with writing() as session:
                removed = drop_rows(session, drafts.begin_delete(session, campaign_id).id)
        with writing() as session:
            stored_as = drafts.delete_draft(session, campaign_id, actor(), now())
    except Conflict as error:
        return already_launched(campaign_id, error)
    remove(stored_as)
    flash("The draft is deleted.", "success")
    return redirect(url_for("campaigns.index"), 303)
