"""What every step of a draft shares: the steps with their problems, the summary at the side, and how a step is saved."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from htmx_flask import make_response

from blueprints import viewing
from blueprints.compose.forms import PACE_WORDS, RETRIER_WORDS, STARTER_WORDS, WHOSE_WORDS, StepForm
from blueprints.database import db, writing
from blueprints.runtime import now, redis_url
from blueprints.security import actor
from core import approvals, drafts, preview, schedule
from core.errors import AwaitsApproval, Conflict, Invalid
from core.hours import clock_words, days_words
from core.lists import list_of
from core.models import Campaign
from core.pacing import PRIORITIES, experience, switch_words, why_not_by_provider
from core.states import CampaignState
from core.variables import missing_variables
from jobs.queue import announce

STEPS = (("what", "What"), ("who", "Who"), ("when", "When and how"), ("check", "Check and launch"))
TAKEN_BACK = "The request for approval is taken back: this is a draft again."
# What is chosen from a few, as a person reads it.
CHOICE_WORDS: dict[str, Mapping[Any, str]] = {
    "priority": PRIORITIES, "start_by": STARTER_WORDS, "pace": PACE_WORDS, "hours_by": WHOSE_WORDS,
    "retry_by": RETRIER_WORDS,
}  # fmt: skip
NEXT = {"what": "compose.who", "who": "compose.when", "when": "compose.check"}


def frame(campaign: Campaign, step: str) -> dict[str, Any]:
    """The context of the step's page and of the fragments that an autosave answers with."""
    session, moment = db.session(), now()
    contact_list = list_of(session, campaign.id)
    summary = preview.summary_of(campaign, contact_list, moment)
    problems = drafts.problems(session, campaign, moment)
    total = sum(map(len, problems.values()))
    return {
        "campaign": campaign, "contact_list": contact_list, "step": step, "problems": problems, "problem_count": total,
        "steps": [_step(campaign, key, label, problems, total) for key, label in STEPS],
        "summary": summary, "now": moment, "span": schedule.span,
        "calls_an_hour": schedule.calls_an_hour(campaign.lines), "stored_words": partial(stored_words, campaign),
        "experienced": experience(campaign), "priorities": PRIORITIES, "switch": switch_words(campaign),
        "not_by_provider": why_not_by_provider(campaign, summary.people),
        "hours_now": preview.hours_now(campaign, moment), "start_outside": preview.start_outside(campaign, moment),
        "start_twice": campaign.start_at is not None and schedule.shown_twice(campaign.start_at, campaign.zone),
    }  # fmt: skip


def checked(campaign: Campaign) -> dict[str, Any]:
    """The context of compose/_checked.html: what a launch would do, for whoever presses the button, or has to approve it."""
    context = frame(campaign, "check")
    contact_list = context["contact_list"]
    return context | {
        "exclusions": preview.exclusions(contact_list), "barred_since": preview.barred_since(db.session(), contact_list),
        "samples": preview.samples(db.session(), campaign, contact_list),
        "gaps": missing_variables(campaign, contact_list), "masked": viewing.sees_masked(),
    }  # fmt: skip


def stored_words(campaign: Campaign, change: drafts.Change) -> str:
    """What another tab saved, as a person reads it."""
    stored = change.stored
    if change.field == "agent_id":
        return campaign.agent.name if campaign.agent else "none"
    if change.field in ("start_at", "latest_start_at"):
        unset = "as soon as it is launched" if change.field == "start_at" else "none"
        return f"{stored:%Y-%m-%d %H:%M} UTC" if stored else unset
    if change.field in CHOICE_WORDS:
        return CHOICE_WORDS[change.field].get(stored, str(stored))
    if change.field == "retry_gap_minutes":
        return schedule.span(timedelta(minutes=stored))
    if change.field == "breaker_percent":
        return f"{stored} %" if stored else "none"
    if change.field == "hours_days":
        return days_words(stored)
    if change.field in ("hours_from", "hours_to"):
        return "at any time" if stored is None else clock_words(stored)
    if isinstance(stored, dict):
        return ", ".join(f"{key} = {value}" for key, value in stored.items()) or "empty"
    if isinstance(stored, list):
        return ", ".join(map(str, stored)) or "none"
    return "empty" if stored in (None, "") else str(stored)


def _step(campaign: Campaign, key: str, label: str, problems: drafts.Problems, total: int) -> dict[str, Any]:
    """A step shows a number only where something is wrong; "nothing there yet" is not wrong on a fresh draft."""
    wrong = problems.get(key, [])
    return {
        "key": key, "label": label, "url": url_for(f"compose.{key}", campaign_id=campaign.id),
        "done": not wrong if key in problems else total == 0, "problems": len(wrong),
    }  # fmt: skip


def save(
    campaign_id: int, step: str, form: StepForm, values: Callable[[], dict[str, Any]], show: Any
) -> ResponseReturnValue:
    """Save one step and go to where the pressed button leads; an autosave gets the fragments that changed.

    `values` reads the checked form inside the transaction; `show(campaign, form, changes)` renders the page
    again with what was typed.
    """
    take_back_if_pressed(campaign_id)
    changes: list[drafts.Change] = []
    adds_row = "add_row" in request.form
    if form.validate_on_submit():
        try:
            with writing() as session:
                drafts.save_step(session, campaign_id, step, values(), form.seen.data or "", actor(), now())
        except Invalid as error:
            form.complain(error)
        except drafts.ChangedMeanwhile as error:
            changes = error.changes
        except AwaitsApproval:
            pass  # the page says so, and keeps what was typed
    campaign = drafts.get_unlaunched(db.session(), campaign_id)
    waits = campaign.state == CampaignState.AWAITING_APPROVAL
    wrong = bool(changes or form.errors or waits)
    if request.htmx:
        return autosaved(campaign, step, form, changes), 422 if wrong else 200
    if wrong or adds_row:
        return show(campaign, form, changes), 409 if waits else 422 if wrong else 200
    return redirect(url_for(_destination(step), campaign_id=campaign_id), 303)


def take_back_if_pressed(campaign_id: int) -> None:
    """The button beside a refused edit: the request for approval is taken back, so that what was typed can be kept after all."""
    if "take_back" in request.form:
        with suppress(Conflict):  # somebody answered first: the edit itself says what came of it
            with writing() as session:
                approvals.take_back(session, campaign_id, actor(), now())
            flash(TAKEN_BACK, "success")
        announce(redis_url(), campaign_id)


def _destination(step: str) -> str:
    return f"compose.{step}" if {"stay", "take_back"} & set(request.form) else NEXT[step]


def autosaved(campaign: Campaign, step: str, form: StepForm, changes: list[drafts.Change]) -> str:
    sentences = complaints(form)
    if changes:
        sentences.append("Changed in another tab: press Continue to see what.")
    return render_template(
        "compose/_autosaved.html", form=form, sentences=sentences, seen=None if changes else drafts.fingerprint(campaign, step),
        oob=True, **frame(campaign, step),
    )  # fmt: skip


def complaints(form: StepForm) -> list[str]:
    return [f"{form[name].label.text}: {error}" for name, errors in form.errors.items() for error in flat(errors)]


def flat(errors: Any) -> list[str]:
    """The sentences inside WTForms' nest of lists and dicts."""
    if isinstance(errors, str):
        return [errors]
    inner = errors.values() if isinstance(errors, dict) else errors
    return [sentence for part in inner for sentence in flat(part)]


def already_launched(campaign_id: int, error: Conflict) -> ResponseReturnValue:
    """A draft's address after its launch, or while approval is asked for, leads to the page that it has then, with the reason."""
    flash(str(error), "warning")
    address = url_for("campaigns.show", campaign_id=campaign_id)
    return make_response("", 204, redirect=address) if request.htmx else redirect(address, 303)
