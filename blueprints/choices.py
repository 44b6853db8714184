"""A form of what an admin decides: a field for each choice of the domain, which says what can be typed, and how it is saved."""

from collections.abc import Sequence
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField

from blueprints.database import db, writing
from blueprints.forms import trimmed
from blueprints.runtime import now
from blueprints.security import actor
from core.errors import Invalid
from core.installation import Choice, change_settings, value_of

# More would be a page of their own.
MOST_RADIOS = 6


def form_of(choices: Sequence[Choice[Any]]) -> type[FlaskForm]:
    return type("ChoicesForm", (FlaskForm,), {choice.name: _field(choice) for choice in choices})


def _field(choice: Choice[Any]) -> Any:
    """Where something can be chosen, the domain says what is wrong with anything else."""
    if choice.options:
        field = RadioField if len(choice.options) <= MOST_RADIOS else SelectField
        return field(choice.label, description=choice.hint, choices=dict(choice.options), validate_choice=False)
    return StringField(choice.label, description=choice.hint, filters=[trimmed])


def decided(form: type[FlaskForm], choices: Sequence[Choice[Any]]) -> FlaskForm:
    """The form with what is decided now."""
    return form(formdata=None, data={choice.name: choice.write(value_of(db.session(), choice)) for choice in choices})


def save(form: FlaskForm, choices: Sequence[Choice[Any]]) -> bool | None:
    """True when anything changed; None with the sentence at its field. What was not sent stays as it is."""
    if not form.validate():
        return None
    typed = {choice.name: form[choice.name].data for choice in choices if choice.name in request.form}
    try:
        with writing() as session:
            return change_settings(session, typed, actor(), now(), choices)
    except Invalid as problem:
        form[problem.field].errors = [str(problem)]
    return None
