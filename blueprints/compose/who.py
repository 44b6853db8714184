"""Step 2, Who: a file or pasted numbers, how they are read, which column is what, and the report of every row."""

from collections.abc import Iterator
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprints.compose import bp
from blueprints.compose.forms import MappingForm, ReadingForm, WhoForm
from blueprints.compose.frame import already_launched, frame, take_back_if_pressed
from blueprints.compose.uploads import Stored, TooLarge, keep_file, keep_paste, remove
from blueprints.database import db, writing
from blueprints.requests import whole_number
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs, takes_uploads
from core import drafts, lists
from core.columns import column_letter
from core.errors import AwaitsApproval, Conflict
from core.list_edits import list_edit
from core.models import Campaign, ContactList
from core.states import RowVerdict
from core.tables import csv_line
from jobs.queue import LISTS, ring

PASTE_BYTES = 30 * 1024 * 1024
FORM_PARTS = 2000
BOXES = {
    RowVerdict.READY: ("Ready as it is", "good", "Will be called."),
    RowVerdict.REPAIRED: ("Ready after repair", "info", "Will be called; what was repaired stands beside each row."),
    RowVerdict.DUPLICATE: ("Duplicate", "neutral", "The same number stands in an earlier row, which is kept."),
    RowVerdict.INVALID: ("Invalid", "bad", "Not a number that can be called; the reason stands beside each row."),
    RowVerdict.DO_NOT_CALL: ("Do not call", "warn", "On the do-not-call list."),
    RowVerdict.CALLED_RECENTLY: ("Called recently", "warn", "Reached or tried lately by another campaign."),
}
ALWAYS_SHOWN = (RowVerdict.READY, RowVerdict.REPAIRED, RowVerdict.DUPLICATE, RowVerdict.INVALID)


@bp.url_value_preprocessor
def allow_long_forms(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """A pasted list, or a field for each column, is longer than other forms; they are read before any view runs."""
    if endpoint in ("compose.who", "compose.mapping"):
        request.max_form_memory_size = PASTE_BYTES
        request.max_form_parts = FORM_PARTS


@bp.route("/<int:campaign_id>/compose/who", methods=["GET", "POST"])
@needs("composer")
@takes_uploads
def who(campaign_id: int) -> ResponseReturnValue:
    take_back_if_pressed(campaign_id)
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
        form = WhoForm(country=lists.list_of(db.session(), campaign_id).country)
        if form.validate_on_submit() and (stored := _stored(form)):
            return _take(campaign_id, form, stored)
    except AwaitsApproval as error:
        return _awaits(campaign_id, error, form=WhoForm())
    except Conflict as error:
        return already_launched(campaign_id, error)
    return render_template("compose/who.html", **_context(campaign, form)), 422 if form.errors else 200


def _stored(form: WhoForm) -> Stored | None:
    """What was sent, kept on disk; None with the sentence at its field."""
    try:
        if form.file.data:
            return keep_file(form.file.data)
        if form.pasted.data and form.pasted.data.strip():
            return keep_paste(form.pasted.data)
    except TooLarge as error:
        form.file.errors = [str(error)]
    else:
        form.file.errors = ["Choose a file, or paste numbers below."]
    return None


def _take(campaign_id: int, form: WhoForm, stored: Stored) -> ResponseReturnValue:
    try:
        with writing() as session, list_edit(session, campaign_id, "draft.upload", actor(), now()) as contact_list:
            old = lists.accept_file(
                contact_list, source=stored.source, filename=stored.filename, stored_as=stored.name, size=stored.size,
                country=form.country.data, now=now(),
            )  # fmt: skip
            list_id = contact_list.id
    except BaseException:
        remove(stored.name)
        raise
    remove(old)
    ring(redis_url(), LISTS, list_id)
    return redirect(url_for("compose.who", campaign_id=campaign_id), 303)


def _awaits(campaign_id: int, error: AwaitsApproval, **sent: FlaskForm) -> ResponseReturnValue:
    """An edit from a page that is older than the request for approval: what was typed stays in the form that was sent."""
    if request.method == "GET":
        return already_launched(campaign_id, error)
    context = _context(drafts.get_unlaunched(db.session(), campaign_id), None)
    return render_template("compose/who.html", **context | sent, sent=next(iter(sent))), 409


@bp.get("/<int:campaign_id>/compose/who/progress")
@needs("composer")
def progress(campaign_id: int) -> ResponseReturnValue:
    """The list's part of the page: it asks for itself while the import runs, and no longer once it is done."""
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    return render_template("compose/_list.html", oob=True, **_context(campaign, None))


@bp.post("/<int:campaign_id>/compose/who/reading")
@needs("composer")
def reading(campaign_id: int) -> ResponseReturnValue:
    take_back_if_pressed(campaign_id)
    form = ReadingForm()
    if not form.validate_on_submit():
        flash("Choose a country of the list.", "error")
        return redirect(url_for("compose.who", campaign_id=campaign_id), 303)
    form.sheet.choices = _reading_form(lists.list_of(db.session(), campaign_id)).sheet.choices
    return _change(
        campaign_id,
        "draft.reading",
        lambda found: lists.change_reading(found, form.asked(), form.country.data, now()),
        reading_form=form,
    )


@bp.post("/<int:campaign_id>/compose/who/mapping")
@needs("composer")
def mapping(campaign_id: int) -> ResponseReturnValue:
    take_back_if_pressed(campaign_id)
    form = MappingForm()
    try:
        campaign = drafts.get_unlaunched(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    form.offer(lists.list_of(db.session(), campaign_id).headers)
    if form.validate_on_submit():
        return _change(
            campaign_id,
            "draft.mapping",
            lambda found: lists.change_mapping(found, form.mapping(), now()),
            mapping_form=form,
        )
    return render_template("compose/who.html", **_context(campaign, None, form)), 422


def _change(campaign_id: int, act: str, change: Any, **sent: FlaskForm) -> ResponseReturnValue:
    try:
        with writing() as session, list_edit(session, campaign_id, act, actor(), now()) as contact_list:
            change(contact_list)
            list_id, waits = contact_list.id, contact_list.state == "waiting"
    except AwaitsApproval as error:
        return _awaits(campaign_id, error, **sent)
    except Conflict as error:
        return already_launched(campaign_id, error)
    if waits:
        ring(redis_url(), LISTS, list_id)
    else:
        flash("Saved.", "success")
    return redirect(url_for("compose.who", campaign_id=campaign_id), 303)


@bp.get("/<int:campaign_id>/compose/who/problems.csv")
@needs("composer")
def problem_rows(campaign_id: int) -> ResponseReturnValue:
    """The rows that will not be called: the file's own columns in their order, then row number, box and reason."""
    contact_list = lists.list_of(db.session(), campaign_id)
    lines = _problem_lines(db.engine, list(contact_list.headers), contact_list.id)
    headers = {"Content-Disposition": f'attachment; filename="problem-rows-{campaign_id}.csv"'}
    return Response(lines, mimetype="text/csv", headers=headers)


def _problem_lines(engine: Engine, headers: list[str], list_id: int) -> Iterator[str]:
    """The lines, read as they are sent: with a session of their own, because the request's has ended by then."""
    yield "\ufeff" + csv_line([*headers, "Row in your file", "Box", "Reason"])
    with Session(engine) as session:
        for row in lists.problem_rows(session, list_id):
            padding = [""] * (len(headers) - len(row.cells))
            yield csv_line([*row.cells, *padding, row.row_number, BOXES[RowVerdict(row.verdict)][0], row.reason])


def _context(campaign: Campaign, form: WhoForm | None, mapping_form: MappingForm | None = None) -> dict[str, Any]:
    context = frame(campaign, "who")
    contact_list: ContactList = context["contact_list"]
    verdict = request.args.get("verdict", "")
    verdict = verdict if verdict in list(RowVerdict) else ""
    if contact_list.state == "ready":
        after = whole_number("after") or 0
        context["rows"], context["next_after"] = lists.rows_page(db.session(), contact_list.id, verdict, after)
    sample = contact_list.reading.get("sample") or []
    place = whole_number("sample") or 0
    return context | {
        "form": form or WhoForm(formdata=None, country=contact_list.country), "verdict": verdict, "boxes": BOXES,
        "shown_boxes": _boxes(campaign, contact_list), "current_box": _box_url(campaign, verdict or None),
        "reading_form": _reading_form(contact_list), "mapping_form": mapping_form or _mapping_form(contact_list),
        "sample": sample[place % len(sample)] if sample else [], "sample_place": place % len(sample) if sample else 0,
        "samples": len(sample), "column_letter": column_letter, "working": contact_list.state in lists.WORKING,
    }  # fmt: skip


def _boxes(campaign: Campaign, contact_list: ContactList) -> list[tuple[str, int, str, str, str]]:
    """The exclusive boxes that add up to the rows of the file."""
    counts = contact_list.counts
    total = (
        "Rows in the file",
        sum(counts.values()),
        "neutral",
        _box_url(campaign, None),
        "The other boxes add up to it.",
    )
    return [total] + [
        (label, counts.get(verdict, 0), tone, _box_url(campaign, verdict), meaning)
        for verdict, (label, tone, meaning) in BOXES.items()
        if counts.get(verdict) or verdict in ALWAYS_SHOWN
    ]


def _box_url(campaign: Campaign, verdict: str | None) -> str:
    return url_for("compose.who", campaign_id=campaign.id, verdict=verdict, _anchor="rows")


def _reading_form(contact_list: ContactList) -> ReadingForm:
    used = contact_list.reading.get("used") or contact_list.reading.get("asked") or {}
    form = ReadingForm(
        formdata=None, country=contact_list.country, header="1" if used.get("header", True) else "0",
        separator=used.get("separator"), encoding=used.get("encoding"), sheet=used.get("sheet"),
    )  # fmt: skip
    form.sheet.choices = used.get("sheets", [])
    return form


def _mapping_form(contact_list: ContactList) -> MappingForm:
    columns: dict[str, Any] = contact_list.mapping
    names = {place: name for name, place in (columns.get("variables") or {}).items()}

    def chosen(role: str) -> str:
        return "" if columns.get(role) is None else str(columns[role])

    form = MappingForm(
        formdata=None, number=chosen("number"), caller_id=chosen("caller_id"), time_zone=chosen("time_zone"),
        names=[names.get(place, "") for place in range(len(contact_list.headers))],
    )  # fmt: skip
    form.offer(contact_list.headers)
    return form
