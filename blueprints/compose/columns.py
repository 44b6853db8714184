"""How the rows of step 2 are read and judged: the file's own form, which column is what, and the rules."""

from flask import redirect
from flask.typing import ResponseReturnValue

from blueprints.compose import bp
from blueprints.compose.frame import already_launched, take_back_if_pressed
from blueprints.compose.list_forms import MappingForm, ReadingForm, RulesForm
from blueprints.compose.list_page import change, page_url, reading_form_of, refused
from blueprints.database import db
from blueprints.runtime import now
from blueprints.security import needs
from core import drafts, lists
from core.errors import Conflict
from core.list_edits import change_recent_days
from core.models import ContactList


@bp.post("/<int:campaign_id>/compose/who/reading")
@needs("composer")
def reading(campaign_id: int) -> ResponseReturnValue:
    take_back_if_pressed(campaign_id)
    form = ReadingForm()
    form.sheet.choices = reading_form_of(lists.list_of(db.session(), campaign_id)).sheet.choices
    if not form.validate_on_submit():
        return redirect(page_url(campaign_id), 303)
    return change(
        campaign_id, "draft.reading", lambda held: lists.change_reading(held, form.asked(), now()), reading_form=form
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
    if not form.validate_on_submit():
        return refused(campaign, mapping_form=form)
    return change(
        campaign_id, "draft.mapping", lambda held: lists.change_mapping(db.session(), held, form.mapping(), now()),
        mapping_form=form,
    )  # fmt: skip


@bp.post("/<int:campaign_id>/compose/who/rules")
@needs("composer")
def rules(campaign_id: int) -> ResponseReturnValue:
    take_back_if_pressed(campaign_id)
    form = RulesForm()
    try:
        campaign = drafts.get_unlaunched(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    if not form.validate_on_submit():
        return refused(campaign, rules_form=form)

    def judge_by(held: ContactList) -> None:
        days_changed = change_recent_days(db.session(), campaign_id, form.recent_days.data)
        if not lists.change_rules(held, form.country.data, form.keep.data, now()) and days_changed:
            lists.judge_again(held, now())

    return change(campaign_id, "draft.rules", judge_by, rules_form=form)


@bp.post("/<int:campaign_id>/compose/who/judge")
@needs("composer")
def judge_again(campaign_id: int) -> ResponseReturnValue:
    """Judge the rows anew: the do-not-call list, and who was called lately, may be others by now."""
    return change(campaign_id, "draft.judge", lambda held: lists.judge_again(held, now()))
