"""The rows of step 2: one is corrected in place, many by a file; they can be taken along, or kept as a list of their own."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any

import xlsxwriter
from flask import Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from htmx_flask import make_response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprints.compose import bp
from blueprints.compose.frame import already_launched, frame
from blueprints.compose.list_forms import CorrectionForm, KeepForm, RowForm
from blueprints.compose.list_page import BOXES, change, conflict, page, page_url, refused
from blueprints.compose.uploads import TooLarge, keep_file, remove
from blueprints.database import db, writing
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs, takes_uploads
from core import drafts, lists, row_store
from core.columns import column_letter
from core.database import breathe
from core.errors import Conflict, Invalid, NotFound
from core.kept_lists import keep_list
from core.models import Campaign, ContactList, Row
from core.row_edits import edit_row, seen_of
from core.states import RowVerdict
from core.tables import ROW_COLUMN, csv_line
from jobs.queue import LISTS, ring

CHUNK = 256 * 1024


@bp.get("/<int:campaign_id>/compose/who/rows/<int:row_number>")
@needs("composer")
def row(campaign_id: int, row_number: int) -> ResponseReturnValue:
    """The form of one row: inside the table with htmx, else a page of its own."""
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    found = _row(campaign_id, row_number)
    width = max(len(found.cells), len(lists.list_of(db.session(), campaign_id).headers))
    cells = [*found.cells, *[""] * (width - len(found.cells))]
    return _row_page(campaign, found, RowForm(formdata=None, cells=cells, seen=seen_of(found)))


@bp.post("/<int:campaign_id>/compose/who/rows/<int:row_number>")
@needs("composer")
def save_row(campaign_id: int, row_number: int) -> ResponseReturnValue:
    form = RowForm()
    if not form.validate_on_submit():
        return redirect(page_url(campaign_id), 303)
    try:
        with writing() as session:
            edit_row(session, campaign_id, row_number, form.cells.data, form.seen.data or "", actor(), now())
    except Invalid as error:
        form.cells.errors = [str(error)]
        found = _row(campaign_id, row_number)
        answer = _row_page(drafts.get_draft(db.session(), campaign_id), found, form)
        return make_response(answer, 422, retarget=f"#row-{row_number}") if request.htmx else (answer, 422)
    except Conflict as error:
        return conflict(campaign_id, error)
    if request.htmx:
        return render_template("compose/_list.html", oob=True, **page(drafts.get_draft(db.session(), campaign_id)))
    return redirect(page_url(campaign_id, **_place(), _anchor=f"row-{row_number}"), 303)


def _row(campaign_id: int, row_number: int) -> Row:
    found = row_store.row_of(db.session(), lists.list_of(db.session(), campaign_id).id, row_number)
    if found is None:
        raise NotFound("The list has no such row.")
    return found


def _row_page(campaign: Campaign, found: Row, form: RowForm) -> str:
    template = "compose/_row.html" if request.htmx else "compose/row.html"
    return render_template(
        template, form=form, row=found, box=BOXES[RowVerdict(found.verdict)], place=_place(), column_letter=column_letter,
        **frame(campaign, "who"),
    )  # fmt: skip


def _place() -> dict[str, Any]:
    """Where in the table the row was looked at."""
    return {name: request.values[name] for name in ("verdict", "after") if request.values.get(name)}


@bp.post("/<int:campaign_id>/compose/who/correct")
@needs("composer")
@takes_uploads
def correct(campaign_id: int) -> ResponseReturnValue:
    """A corrected file of problem rows is laid over the rows that are there."""
    form = CorrectionForm()
    campaign = drafts.get_draft(db.session(), campaign_id)
    try:
        stored = keep_file(form.corrected.data) if form.validate_on_submit() and form.corrected.data else None
    except TooLarge as error:
        stored, form.corrected.errors = None, [str(error)]
    if stored is None:
        form.corrected.errors = form.corrected.errors or ["Choose the corrected file."]
        return refused(campaign, correction_form=form)
    taken = False

    def accept(held: ContactList) -> None:
        nonlocal taken
        lists.accept_correction(held, stored.name, now())
        taken = True

    try:
        return change(campaign_id, "draft.correct", accept)
    finally:
        if not taken:
            remove(stored.name)


@bp.post("/<int:campaign_id>/compose/who/keep")
@needs("composer")
def keep(campaign_id: int) -> ResponseReturnValue:
    form = KeepForm()
    campaign = drafts.get_draft(db.session(), campaign_id)
    if not form.validate_on_submit():
        return refused(campaign, keep_form=form)
    try:
        with writing() as session:
            kept_id = keep_list(session, campaign_id, form.name.data, actor(), now()).id
    except Invalid as error:
        form.name.errors = [str(error)]
        return refused(campaign, keep_form=form)
    except Conflict as error:
        return conflict(campaign_id, error)
    ring(redis_url(), LISTS, kept_id)
    flash(f"“{form.name.data}” is kept: choose it for any draft, under “Another list”.", "success")
    return redirect(page_url(campaign_id), 303)


@bp.get("/<int:campaign_id>/compose/who/rows/download")
@needs("composer")
def download(campaign_id: int) -> ResponseReturnValue:
    """Rows as a file of the kind that was uploaded: the file's own columns in their order, then row number, box and reason.

    `rows=problems` (all that will not be called), one box, or everything.
    """
    contact_list = lists.list_of(db.session(), campaign_id)
    wanted = request.args.get("rows", "")
    which = {"problems": True} if wanted == "problems" else {"verdict": wanted if wanted in list(RowVerdict) else ""}
    used = contact_list.reading.get("used") or {}
    is_text = used.get("kind", "text") == "text"
    batches = _batches(db.engine, contact_list, which)
    file = _csv(batches, used.get("separator") or ",") if is_text else _xlsx(batches)
    name = f"{'problem-' if wanted == 'problems' else ''}rows-{campaign_id}.{'csv' if is_text else 'xlsx'}"
    kind = "text/csv" if is_text else "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Response(file, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _batches(engine: Engine, contact_list: ContactList, which: dict[str, Any]) -> Iterator[list[list[Any]]]:
    """Read as they are sent: with a session of their own, because the request's has ended by then."""
    headers, list_id = list(contact_list.headers), contact_list.id
    yield [[*headers, ROW_COLUMN, "Box", "Reason"]]
    with Session(engine) as session:
        for rows in row_store.all_rows(session, list_id, **which):
            padded = [[*row.cells, *[""] * (len(headers) - len(row.cells))][: len(headers)] for row in rows]
            yield [
                [*cells, row.row_number, BOXES[RowVerdict(row.verdict)][0], row.reason]
                for cells, row in zip(padded, rows, strict=True)
            ]
            breathe()


def _csv(batches: Iterator[list[list[Any]]], separator: str) -> Iterator[str]:
    yield "\ufeff"
    for rows in batches:
        yield "".join(csv_line(row, separator) for row in rows)


def _xlsx(batches: Iterator[list[list[Any]]]) -> Iterator[bytes]:
    """Every cell is a text: nothing in it is a formula or a link, and no number loses its zeros."""
    with TemporaryFile() as file:
        place = 0
        with xlsxwriter.Workbook(file, {"constant_memory": True}) as workbook:
            sheet = workbook.add_worksheet("Rows")
            for rows in batches:
                for cells in rows:
                    for column, cell in enumerate(cells):
                        sheet.write_string(place, column, str(cell))
                    place += 1
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk
