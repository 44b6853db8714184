"""Step 2, Who: the rows come in, from a file, from what was pasted, from a kept list, or from whomever a campaign did not reach."""

from typing import Any

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.compose import bp
from blueprints.compose.frame import already_launched, take_back_if_pressed
from blueprints.compose.list_forms import WhoForm
from blueprints.compose.list_page import awaits, change, kept_form, page, page_url, refused, unreached_form
from blueprints.compose.uploads import Stored, TooLarge, keep_file, keep_paste, remove
from blueprints.database import db
from blueprints.forms import PlainForm
from blueprints.runtime import now
from blueprints.security import needs, takes_uploads
from core import drafts, kept_lists, lists
from core.errors import AwaitsApproval, Conflict
from core.lookups import find_campaign
from core.models import ContactList

PASTE_BYTES = 30 * 1024 * 1024
FORM_PARTS = 2000
LONG_FORMS = ("compose.who", "compose.mapping", "compose.save_row", "compose.correct")


@bp.url_value_preprocessor
def allow_long_forms(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """A pasted list, or a field for each column, is longer than other forms; they are read before any view runs."""
    if endpoint in LONG_FORMS:
        request.max_form_memory_size = PASTE_BYTES
        request.max_form_parts = FORM_PARTS


@bp.route("/<int:campaign_id>/compose/who", methods=["GET", "POST"])
@needs("composer")
@takes_uploads
def who(campaign_id: int) -> ResponseReturnValue:
    take_back_if_pressed(campaign_id)
    form = WhoForm()
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
        if form.validate_on_submit() and (stored := _stored(form)):
            return _take(campaign_id, form, stored)
    except AwaitsApproval as error:
        return awaits(campaign_id, error, form=form)
    except Conflict as error:
        return already_launched(campaign_id, error)
    if form.errors:
        return refused(campaign, form=form)
    return render_template("compose/who.html", **page(campaign))


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
    old: list[str | None] = [stored.name]  # what is to be removed: the new file, until it has taken the old one's place

    def accept(contact_list: ContactList) -> None:
        old[0] = lists.accept_file(
            contact_list, source=stored.source, filename=stored.filename, stored_as=stored.name, size=stored.size,
            country=form.country.data, now=now(),
        )  # fmt: skip

    try:
        return change(campaign_id, "draft.upload", accept, form=form)
    finally:
        remove(old[0])


@bp.post("/<int:campaign_id>/compose/who/kept")
@needs("composer")
def use_kept(campaign_id: int) -> ResponseReturnValue:
    """The rows of a kept list become the draft's."""
    take_back_if_pressed(campaign_id)
    form = kept_form()
    if not form.validate_on_submit():
        return refused(drafts.get_draft(db.session(), campaign_id), kept_form=form)
    kept = kept_lists.find_kept(db.session(), form.kept.data)
    return _take_rows(campaign_id, "copy", kept.id, kept.name, [], kept_form=form)


@bp.post("/<int:campaign_id>/compose/who/unreached")
@needs("composer")
def use_unreached(campaign_id: int) -> ResponseReturnValue:
    """Whoever an earlier campaign did not reach becomes the draft's list."""
    take_back_if_pressed(campaign_id)
    form = unreached_form()
    if not form.validate_on_submit():
        return refused(drafts.get_draft(db.session(), campaign_id), unreached_form=form)
    source = find_campaign(db.session(), form.campaign.data)
    name = f"Not reached by {source.name}"
    return _take_rows(campaign_id, "unreached", source.id, name, form.outcomes.data, unreached_form=form)


def _take_rows(
    campaign_id: int, task: str, source_id: int, name: str, states: list[str], **sent: Any
) -> ResponseReturnValue:
    old: list[str | None] = []
    answer = change(
        campaign_id,
        "draft.upload",
        lambda held: old.append(lists.take_rows(held, task, source_id, name, states, now())),
        **sent,
    )
    for stored_as in old:
        remove(stored_as)
    return answer


@bp.get("/<int:campaign_id>/compose/who/progress")
@needs("composer")
def progress(campaign_id: int) -> ResponseReturnValue:
    """The list's part of the page: it asks for itself while the list is worked on, and no longer once that is done."""
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    return render_template("compose/_list.html", oob=True, **page(campaign))


@bp.post("/<int:campaign_id>/compose/who/cancel")
@needs("composer")
def cancel_import(campaign_id: int) -> ResponseReturnValue:
    """Stop reading; whatever came in already goes with the next file, or with the draft."""
    if not PlainForm().validate_on_submit():
        return redirect(page_url(campaign_id), 303)
    old: list[str | None] = []
    answer = change(campaign_id, "draft.cancel_import", lambda held: old.append(lists.cancel_import(held, now())))
    for stored_as in old:
        remove(stored_as)
    return answer
