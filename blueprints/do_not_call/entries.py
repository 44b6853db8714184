"""The list itself: looked through, added to, taken along as a file, and taken off one by one."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprints import viewing
from blueprints.database import db, writing
from blueprints.do_not_call import bp
from blueprints.do_not_call.forms import AddForm
from blueprints.forms import PlainForm, trimmed
from blueprints.requests import whole_number
from blueprints.runtime import now
from blueprints.security import actor, needs
from core import suppressions
from core.campaign_words import iso
from core.database import breathe
from core.errors import Invalid
from core.lookups import Page
from core.models import Suppression
from core.shown_numbers import grouped
from core.suppression_imports import recent_imports
from core.suppressions import Added, Filter, Unread
from core.tables import csv_line

SHOWN = {"in_force": "In force", "expired": "Ended", "all": "All"}
SOURCES = {"person": "Entered by a person", "file": "From a file", "api": "From a program", "call": "Said in a call"}
QUESTIONS = ("show", "source", "q")
LONGEST_TEXT = 255
COLUMNS = ("number", "reason", "expires_at", "since", "source", "added_by")


@bp.get("")
@needs("composer")
def index() -> ResponseReturnValue:
    wanted, moment = _wanted(), now()
    before = whole_number("before")
    page = suppressions.entries_page(db.session(), wanted, before, moment)
    return render_template(
        "do_not_call/index.html", page=page, wanted=wanted, sources=SOURCES, tabs=SHOWN, moment=moment,
        asked={name: request.args[name] for name in QUESTIONS if request.args.get(name)},
        found=_count(page, before, wanted, moment), last_day=suppressions.last_day,
        imports=recent_imports(db.session()) if viewing.may("admin") else (),
    )  # fmt: skip


def _count(page: Page[Suppression], before: int | None, wanted: Filter, moment: datetime) -> int:
    """How many there are in all; asked only where the page does not show it, since a search reads the whole list for it."""
    if before is None and page.next_key is None:
        return len(page.rows)
    return suppressions.count_entries(db.session(), wanted, moment)


def _wanted() -> Filter:
    """What the address asks for; without a word, the numbers that nobody may call now."""
    shown, source = request.args.get("show", ""), request.args.get("source", "")
    return Filter(
        shown if shown in SHOWN else "in_force",
        source if source in SOURCES else "",
        trimmed(request.args.get("q"))[:LONGEST_TEXT],
    )


@bp.get("/add")
@needs("composer")
def new() -> ResponseReturnValue:
    return _add_page(AddForm(formdata=None))


@bp.post("/add")
@needs("composer")
def add() -> ResponseReturnValue:
    """What can be read is added at once; the rest comes back, each with its reason, and stays in its field."""
    form = AddForm()
    if not form.validate():
        return _add_page(form), 422
    numbers, unread = suppressions.read_numbers(form.lines(), form.country.data)
    try:
        until = suppressions.end_after(form.last_day.data)
        with writing() as session:
            done = suppressions.add_numbers(session, numbers, form.reason.data, until, "person", actor(), now())
    except Invalid as problem:
        form.complain(problem)
        return _add_page(form), 422
    if unread:
        form.keep(unread)
        return _add_page(form, unread, done), 422
    flash(_words(done), "success")
    return redirect(url_for(".index"), 303)


def _add_page(form: AddForm, unread: Sequence[Unread] = (), done: Added | None = None) -> str:
    return render_template("do_not_call/add.html", form=form, unread=unread, done=_words(done) if done else "")


def _words(done: Added) -> str:
    """ "2 numbers were added. One was there already." """
    if not done.added and not done.known:
        return "No number was added."
    if not done.added:
        return "It was there already." if done.known == 1 else f"All {done.known:,} were there already."
    added = "One number was added." if done.added == 1 else f"{done.added:,} numbers were added."
    known = "One was there already." if done.known == 1 else f"{done.known:,} were there already."
    return f"{added} {known}" if done.known else added


@bp.get("/<int:suppression_id>/remove")
@needs("admin")
def ask(suppression_id: int) -> ResponseReturnValue:
    entry = suppressions.get(db.session(), suppression_id)
    return render_template(
        "do_not_call/remove.html", entry=entry, form=PlainForm(), last_day=suppressions.last_day, moment=now()
    )


@bp.post("/<int:suppression_id>/remove")
@needs("admin")
def remove(suppression_id: int) -> ResponseReturnValue:
    with writing() as session:
        number = suppressions.remove(session, suppression_id, actor(), now())
    flash(f"{grouped(number)} may be called again.", "success")
    return redirect(url_for(".index"), 303)


@bp.get("/export.csv")
@needs("admin")
def export_csv() -> ResponseReturnValue:
    """The entries of the filter; read in again, the file gives the same list."""
    headers = {"Content-Disposition": f'attachment; filename="do-not-call-{now():%Y-%m-%d}.csv"'}
    return Response(_lines_of(db.engine, _wanted()), mimetype="text/csv", headers=headers)


def _lines_of(engine: Engine, wanted: Filter) -> Iterator[str]:
    """Read as it is sent: with a session of its own, because the request's has ended by then."""
    yield "\ufeff" + csv_line(COLUMNS)
    with Session(engine) as session:
        for batch in suppressions.all_entries(session, wanted, now()):
            yield "".join(csv_line(_cells(entry)) for entry in batch)
            breathe()


def _cells(entry: Suppression) -> Sequence[Any]:
    return (
        entry.number, entry.reason, iso(entry.expires_at), iso(entry.created_at), entry.source, entry.created_by
    )  # fmt: skip
