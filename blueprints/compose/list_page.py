"""The page of step 2, and the one way its doors change a draft's list: under its lock, with an entry of what changed."""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from htmx_flask import make_response

from blueprints.compose.frame import already_launched, frame
from blueprints.compose.list_forms import (
    ROLES,
    CorrectionForm,
    KeepForm,
    KeptForm,
    MappingForm,
    ReadingForm,
    RulesForm,
    UnreachedForm,
    WhoForm,
)
from blueprints.database import db, writing
from blueprints.requests import whole_number
from blueprints.runtime import now, redis_url
from blueprints.security import actor
from core import drafts, kept_lists, lists
from core.columns import column_letter
from core.errors import AwaitsApproval, Conflict
from core.list_edits import list_edit
from core.models import Campaign, ContactList
from core.row_store import rows_page
from core.states import CALLABLE_VERDICTS, RowVerdict
from jobs.queue import LISTS, ring

BOXES = {
    RowVerdict.READY: ("Ready as it is", "good", "Will be called."),
    RowVerdict.REPAIRED: ("Ready after repair", "info", "Will be called; what was repaired stands beside each row."),
    RowVerdict.DUPLICATE: ("Duplicate", "neutral", "The same number stands in another row, which counts."),
    RowVerdict.INVALID: ("Invalid", "bad", "Not a number that can be called; the reason stands beside each row."),
    RowVerdict.DO_NOT_CALL: ("Do not call", "warn", "On the do-not-call list."),
    RowVerdict.CALLED_RECENTLY: ("Called recently", "warn", "Reached or tried lately by another campaign."),
}


def change(campaign_id: int, act: str, do: Callable[[ContactList], Any], **sent: FlaskForm) -> ResponseReturnValue:
    """Do something to a draft's list, ring for the work that follows, and show the page again. `sent` is the form it came from."""
    try:
        with writing() as session, list_edit(session, campaign_id, act, actor(), now()) as contact_list:
            do(contact_list)
            list_id, waits = contact_list.id, contact_list.state == "waiting"
    except AwaitsApproval as error:
        return awaits(campaign_id, error, **sent)
    except Conflict as error:
        return conflict(campaign_id, error)
    if waits:
        ring(redis_url(), LISTS, list_id)
    else:
        flash("Saved.", "success")
    return redirect(page_url(campaign_id), 303)


def page_url(campaign_id: int, **more: Any) -> str:
    return url_for("compose.who", campaign_id=campaign_id, **more)


def conflict(campaign_id: int, error: Conflict) -> ResponseReturnValue:
    """Launched meanwhile: to the campaign. Else the list is being worked on, and its page says so."""
    db.session.rollback()
    try:
        drafts.get_draft(db.session(), campaign_id)
    except Conflict as launched:
        return already_launched(campaign_id, launched)
    flash(str(error), "warning")
    address = page_url(campaign_id)
    return make_response("", 204, redirect=address) if request.htmx else redirect(address, 303)


def awaits(campaign_id: int, error: AwaitsApproval, **sent: FlaskForm) -> ResponseReturnValue:
    """An edit from a page that is older than the request for approval: what was typed stays in the form that was sent."""
    if request.method == "GET" or not sent:
        return already_launched(campaign_id, error)
    context = page(drafts.get_unlaunched(db.session(), campaign_id))
    return render_template("compose/who.html", **context | sent, sent=next(iter(sent))), 409


def refused(campaign: Campaign, **sent: FlaskForm) -> ResponseReturnValue:
    """The page again, with what was sent and the sentences at its fields."""
    return render_template("compose/who.html", **page(campaign) | sent, sent=next(iter(sent))), 422


def page(campaign: Campaign) -> dict[str, Any]:
    """The context of compose/who.html and of its fragment compose/_list.html."""
    context = frame(campaign, "who")
    contact_list: ContactList = context["contact_list"]
    verdict = request.values.get("verdict", "")
    verdict = verdict if verdict in list(RowVerdict) else ""
    after = whole_number("after", request.values) or 0
    if contact_list.state == "ready":
        context["rows"], context["next_after"] = rows_page(db.session(), contact_list.id, verdict, after)
    return context | _forms(campaign, contact_list) | _sample(contact_list) | {
        "verdict": verdict, "after": after, "boxes": BOXES, "shown_boxes": _boxes(campaign, contact_list),
        "current_box": _box_url(campaign, verdict or None), "column_letter": column_letter,
        "working": contact_list.state in lists.WORKING, "can_cancel": contact_list.task in lists.BRINGING,
        "has_problems": any(contact_list.counts.get(box) for box in RowVerdict if box not in CALLABLE_VERDICTS),
        "is_programs": contact_list.mapping.get("context") is not None,
    }  # fmt: skip


def _forms(campaign: Campaign, contact_list: ContactList) -> dict[str, Any]:
    return {
        "form": WhoForm(formdata=None, country=contact_list.country), "kept_form": kept_form(formdata=None),
        "unreached_form": unreached_form(formdata=None), "keep_form": KeepForm(formdata=None, name=campaign.name),
        "correction_form": CorrectionForm(formdata=None), "reading_form": reading_form_of(contact_list),
        "mapping_form": _mapping_form(contact_list),
        "rules_form": RulesForm(
            formdata=None, country=contact_list.country, keep=contact_list.keep, recent_days=campaign.recent_days
        ),
    }  # fmt: skip


def _sample(contact_list: ContactList) -> dict[str, Any]:
    """One of the first rows of the file, to look at beside the columns."""
    sample = contact_list.reading.get("sample") or []
    place = (whole_number("sample") or 0) % len(sample) if sample else 0
    return {"sample": sample[place] if sample else [], "sample_place": place, "samples": len(sample)}


def _boxes(campaign: Campaign, contact_list: ContactList) -> list[tuple[str, int, str, str, str]]:
    """The exclusive boxes that add up to the rows of the file."""
    counts = contact_list.counts
    whole = "The other boxes add up to it."
    total = ("Rows in the file", sum(counts.values()), "neutral", _box_url(campaign, None), whole)
    return [total] + [
        (label, counts.get(verdict, 0), tone, _box_url(campaign, verdict), meaning)
        for verdict, (label, tone, meaning) in BOXES.items()
    ]


def _box_url(campaign: Campaign, verdict: str | None) -> str:
    return page_url(campaign.id, verdict=verdict, _anchor="rows")


def kept_form(**given: Any) -> KeptForm:
    form = KeptForm(**given)
    form.kept.choices = [
        (kept.id, f"{kept.name} ({lists.callable_count(kept):,})")
        for kept in kept_lists.kept_lists(db.session())
        if kept.state == "ready"
    ]
    return form


def unreached_form(**given: Any) -> UnreachedForm:
    form = UnreachedForm(**given)
    form.campaign.choices = [
        (one.id, f"{one.name} (no. {one.id})") for one in kept_lists.launched_campaigns(db.session())
    ]
    return form


def reading_form_of(contact_list: ContactList) -> ReadingForm:
    used = contact_list.reading.get("used") or contact_list.reading.get("asked") or {}
    form = ReadingForm(
        formdata=None, header="1" if used.get("header", True) else "0", separator=used.get("separator"),
        encoding=used.get("encoding"), sheet=used.get("sheet"),
    )  # fmt: skip
    form.sheet.choices = used.get("sheets", [])
    return form


def _mapping_form(contact_list: ContactList) -> MappingForm:
    columns: dict[str, Any] = contact_list.mapping
    names = {place: name for name, place in (columns.get("variables") or {}).items()}
    chosen = {role: "" if columns.get(role) is None else str(columns[role]) for role in ROLES}
    shown = [names.get(place, "") for place in range(len(contact_list.headers))]
    form = MappingForm(formdata=None, names=shown, **chosen)
    form.offer(contact_list.headers)
    return form
