"""What an admin decides for the whole installation: one form with a field for each choice."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from blueprints.choices import decided, form_of, save
from blueprints.security import needs
from core.installation import CHOICES

bp = Blueprint("settings", __name__, url_prefix="/settings")
SettingsForm = form_of(CHOICES)


@bp.get("")
@needs("admin")
def edit() -> ResponseReturnValue:
    return render_template("settings/edit.html", form=decided(SettingsForm, CHOICES))


@bp.post("")
@needs("admin")
def change() -> ResponseReturnValue:
    form = SettingsForm()
    is_changed = save(form, CHOICES)
    if is_changed is None:
        return render_template("settings/edit.html", form=form), 422
    flash("The settings are saved." if is_changed else "Nothing was changed.", "success")
    return redirect(url_for("settings.edit"), 303)
