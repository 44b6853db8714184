"""What an admin decides for the whole installation: one form with a field for each choice."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField

from blueprints.database import db, writing
from blueprints.forms import trimmed
from blueprints.runtime import now
from blueprints.security import actor, needs
from core.errors import Invalid
from core.installation import CHOICES, Choice, change_settings, value_of

bp = Blueprint("settings", __name__, url_prefix="/settings")


class SettingsForm(FlaskForm):
    """Filled from the choices below; what can be typed is theirs to say."""


def _field(choice: Choice[Any]) -> Any:
    """Where something can be chosen, the domain says what is wrong with anything else."""
    if choice.options:
        return RadioField(choice.label, description=choice.hint, choices=dict(choice.options), validate_choice=False)
    return StringField(choice.label, description=choice.hint, filters=[trimmed])


for choice in CHOICES:
    setattr(SettingsForm, choice.name, _field(choice))


@bp.get("")
@needs("admin")
def edit() -> ResponseReturnValue:
    decided = {choice.name: choice.write(value_of(db.session(), choice)) for choice in CHOICES}
    return _page(SettingsForm(formdata=None, data=decided))


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
