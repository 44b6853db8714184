"""What an admin decides for the whole installation: one form with a field for each choice."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from blueprints.database import db, writing
from blueprints.forms import trimmed
from blueprints.runtime import now
from blueprints.security import actor, needs
from core.errors import Invalid
from core.installation import CHOICES, change_settings, value_of

bp = Blueprint("settings", __name__, url_prefix="/settings")


class SettingsForm(FlaskForm):
    """Filled from the choices below; what can be typed is theirs to say."""


for choice in CHOICES:
    setattr(SettingsForm, choice.name, StringField(choice.label, description=choice.hint, filters=[trimmed]))


@bp.get("")
@needs("admin")
def edit() -> ResponseReturnValue:
    decided = {choice.name: value_of(db.session(), choice) for choice in CHOICES}
    return _page(
        SettingsForm(formdata=None, data={name: "" if is_ is None else str(is_) for name, is_ in decided.items()})
    )


@bp.post("")
@needs("admin")
def change() -> ResponseReturnValue:
    form = SettingsForm()
    if form.validate():
        # What the form did not send stays as it was: only an empty field that was sent means "nobody".
        typed = {choice.name: form[choice.name].data for choice in CHOICES if choice.name in request.form}
        try:
            with writing() as session:
                is_changed = change_settings(session, typed, actor(), now())
            flash("The settings are saved." if is_changed else "Nothing was changed.", "success")
            return redirect(url_for("settings.edit"), 303)
        except Invalid as problem:
            form[problem.field].errors = [str(problem)]
    return _page(form), 422


def _page(form: SettingsForm) -> str:
    return render_template("settings/edit.html", form=form)
