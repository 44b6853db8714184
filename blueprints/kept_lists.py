"""The page of kept lists: what there is to use again, and a way to remove it."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from blueprints.database import db, writing
from blueprints.forms import PlainForm
from blueprints.runtime import now
from blueprints.security import actor, needs
from core import kept_lists
from core.lists import WORKING, callable_count
from core.row_store import drop_rows

bp = Blueprint("kept_lists", __name__, url_prefix="/lists")


@bp.get("")
@needs("composer")
def index() -> ResponseReturnValue:
    found = kept_lists.kept_lists(db.session())
    return render_template(
        "kept_lists/index.html",
        lists=found,
        callable_count=callable_count,
        working=WORKING,
        form=PlainForm(formdata=None),
    )


@bp.post("/<int:list_id>/remove")
@needs("composer")
def remove(list_id: int) -> ResponseReturnValue:
    """Rows go first, a few thousand at a time, so that a long list holds up nobody who writes."""
    if PlainForm().validate_on_submit():
        removed = 1
        while removed:
            with writing() as session:
                removed = drop_rows(session, kept_lists.begin_forgetting(session, list_id).id)
        with writing() as session:
            kept_lists.forget_list(session, list_id, actor(), now())
        flash("The list is removed. Campaigns that used it keep their people.", "success")
    return redirect(url_for("kept_lists.index"), 303)
