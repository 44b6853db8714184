"""Files of numbers: given by an admin, read by a job, and followed on a page of their own."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from blueprints.compose.uploads import Stored, TooLarge, keep_file, remove
from blueprints.database import db, writing
from blueprints.do_not_call import bp
from blueprints.do_not_call.forms import FileForm
from blueprints.forms import PlainForm
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs, takes_uploads
from core import suppression_imports
from core.errors import Invalid
from core.lists import WORKING
from jobs.queue import SUPPRESSIONS, ring


@bp.get("/import")
@needs("admin")
def choose_file() -> ResponseReturnValue:
    return render_template("do_not_call/import.html", form=FileForm(formdata=None))


@bp.post("/import")
@needs("admin")
@takes_uploads
def start_import() -> ResponseReturnValue:
    form = FileForm()
    if form.validate() and (stored := _stored(form)):
        try:
            return _begin(form, stored)
        except Invalid as problem:
            form.complain(problem)
    return render_template("do_not_call/import.html", form=form), 422


def _stored(form: FileForm) -> Stored | None:
    """The file, kept on disk; None with the sentence at its field."""
    if not form.file.data:
        form.file.errors = ["Choose a file."]
        return None
    try:
        return keep_file(form.file.data)
    except TooLarge as error:
        form.file.errors = [str(error)]
    return None


def _begin(form: FileForm, stored: Stored) -> ResponseReturnValue:
    try:
        with writing() as session:
            begun = suppression_imports.begin_import(
                session, stored.name, stored.filename, form.country.data, form.reason.data, form.last_day.data, actor(), now()
            )  # fmt: skip
            import_id = begun.id
    except BaseException:
        remove(stored.name)
        raise
    ring(redis_url(), SUPPRESSIONS, import_id)
    return redirect(url_for(".show_import", import_id=import_id), 303)


@bp.get("/imports/<int:import_id>")
@needs("admin")
def show_import(import_id: int) -> ResponseReturnValue:
    return _import_page("do_not_call/show_import.html", import_id)


@bp.get("/imports/<int:import_id>/progress")
@needs("admin")
def progress(import_id: int) -> ResponseReturnValue:
    """The part of the page that asks for itself while the file is read, and no longer once it is done."""
    return _import_page("do_not_call/_import.html", import_id)


def _import_page(template: str, import_id: int) -> str:
    found = suppression_imports.get_import(db.session(), import_id)
    return render_template(template, asked=found, working=found.state in WORKING, form=PlainForm())


@bp.post("/imports/<int:import_id>/cancel")
@needs("admin")
def cancel_import(import_id: int) -> ResponseReturnValue:
    with writing() as session:
        stored_as = suppression_imports.cancel_import(session, import_id, actor(), now())
    remove(stored_as)
    return redirect(url_for(".show_import", import_id=import_id), 303)
