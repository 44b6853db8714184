"""The forms of the four steps: what can be typed, and the sentence for what cannot."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    Field,
    FieldList,
    Form,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)  # fmt: skip
from wtforms.validators import InputRequired, Length, NumberRange, Optional, StopValidation, ValidationError
from wtforms.widgets import HiddenInput

from blueprints.forms import NOT_TOO_LONG_A_NAME, trimmed
from core.columns import LONGEST_VARIABLE, REF
from core.errors import Invalid
from core.hours import DAYS
from core.pacing import (
    FEWEST_CALLS,
    FLOWING,
    LONGEST_GAP_MINUTES,
    MOST_CALLS,
    PRIORITIES,
    STRICT,
    USUAL_CALLS,
    USUAL_PERCENT,
)  # fmt: skip
from core.requests import MOST_TARGETS
from core.schedule import zone_names

MOST_ROWS_OF_CONTEXT = 50
OUTCOME_WORDS = {
    "no_answer": "No answer",
    "busy": "Busy",
    "failed": "Failed",
    "voicemail": "Voicemail",
    "unclear": "Unclear",
}
DAY_WORDS = dict(enumerate(DAYS))
WHOSE_WORDS = {
    "campaign": "The campaign's time zone, for everybody",
    "column": "The time zone column of the list; a row without one goes by the campaign's",
    "number": "Guessed from each number; it is a guess, and where several places are possible all must be inside",
}


STARTER_WORDS = {
    "us": "Callboard, which can be paused and stopped, and looks once more whom it must not call",
    "provider": "The provider: everybody is handed over at the launch, and it starts at the chosen time",
}
RETRIER_WORDS = {"us": "Callboard", "provider": "The provider"}
PACE_WORDS = {
    FLOWING: "as soon as lines are free (flowing)",
    STRICT: "when everybody in the last one is settled (strict)",
}
GAP_UNITS = {1: "minutes", 60: "hours", 24 * 60: "days"}


class StepForm(FlaskForm):
    """A step of a draft. `seen` says what the page showed, so that two tabs do not overwrite each other."""

    seen = HiddenField()

    def complain(self, error: Invalid) -> None:
        """Put the domain's sentence at its field."""
        field: Field = self._fields.get(error.field, self.seen)
        field.errors = (*field.errors, str(error))


class ContextRow(Form):
    key = StringField("Name", filters=[trimmed])
    value = StringField("Value", [Length(max=2000, message="At most 2,000 characters.")], filters=[trimmed])

    def validate_key(self, field: Field) -> None:
        if len(field.data) > LONGEST_VARIABLE:
            raise ValidationError(f"At most {LONGEST_VARIABLE} characters.")
        if field.data == REF:
            raise ValidationError("Callboard uses this name itself.")
        if not field.data and self.value.data:
            raise ValidationError("Give this value a name.")


class WhatForm(StepForm):
    name = StringField(
        "Name",
        [
            InputRequired("Give the campaign a name."),
            NOT_TOO_LONG_A_NAME,
        ],
        filters=[trimmed],
    )
    agent = StringField("Agent", [Length(max=300)], filters=[trimmed])
    context = FieldList(FormField(ContextRow), min_entries=1, max_entries=MOST_ROWS_OF_CONTEXT)
    note = TextAreaField("Note", [Length(max=5000, message="At most 5,000 characters.")], filters=[trimmed])

    def validate_context(self, field: Field) -> None:
        keys = [row["key"] for row in field.data if row["key"]]
        for row, entry in zip(field.data, field.entries, strict=True):
            if row["key"] and keys.count(row["key"]) > 1:
                entry.form.key.errors = (*entry.form.key.errors, "This name is there twice.")
        if len(set(keys)) < len(keys):
            raise ValidationError("Each name can be there once.")

    def context_values(self) -> dict[str, Any]:
        return {row["key"]: row["value"] for row in self.context.data if row["key"]}


def only_for_later(form: Form, field: Field) -> None:
    """Whatever stands in the date does not matter to a campaign that starts at once."""
    if form.start.data == "now":
        field.data, field.errors = None, []
        raise StopValidation
    if field.data is None:
        field.errors = []
        raise StopValidation("Say when: a date and a time.")


def only_within_hours(form: Form, field: Field) -> None:
    """Nor does whatever stands in the hours matter to a campaign without any."""
    if form.hours.data == "any":
        field.errors = []
        raise StopValidation
    if field.data is None:
        field.errors = []
        raise StopValidation("Say a time, such as 09:00.")


def a_moment_or_nothing(_form: Form, field: Field) -> None:
    """Empty is fine; what is no time is not taken for empty."""
    typed = any((raw or "").strip() for raw in field.raw_data or [])
    if field.data is None:
        field.errors = []
        raise StopValidation("Say a date and a time, or nothing." if typed else "")


class WhenForm(StepForm):
    start = RadioField("Start", choices={"now": "As soon as it is launched", "later": "At a time"}, default="now")
    start_local = DateTimeLocalField("Date and time", [only_for_later], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    zone = SelectField("Time zone", choices=zone_names)
    latest_local = DateTimeLocalField(
        "Do not start later than", [a_moment_or_nothing], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    )
    start_by = RadioField("Who starts it", choices=STARTER_WORDS, default="us")
    hours = RadioField(
        "When people may be called", choices={"any": "At any time", "within": "Only within these hours"}, default="any"
    )
    hours_days = SelectMultipleField("On", choices=DAY_WORDS, coerce=int)
    hours_from = TimeField("From", [only_within_hours])
    hours_to = TimeField("Until", [only_within_hours])
    hours_by = RadioField("Whose clock", choices=WHOSE_WORDS, default="campaign")
    lines = IntegerField(
        "Calls at a time", [InputRequired("Between 1 and 10."), NumberRange(1, 10, "Between 1 and 10.")]
    )
    retry_by = RadioField("Who calls again", choices=RETRIER_WORDS, default="us")
    retry_attempts = IntegerField("More tries", [InputRequired("0 for none.")])
    retry_gap = IntegerField("At least so long between two calls", [Optional()])
    retry_gap_unit = SelectField("Unit", choices=GAP_UNITS, coerce=int, default=60)
    retry_outcomes = SelectMultipleField("Call again after", choices=OUTCOME_WORDS)
    wave_size = IntegerField(
        "Wave size", [Optional(), NumberRange(1, MOST_TARGETS, f"Between 1 and {MOST_TARGETS:,}, or empty.")]
    )

    pace = RadioField("The next wave goes", choices=PACE_WORDS, default=FLOWING)
    priority = SelectField("Where lines are scarce", choices=PRIORITIES, coerce=int, default=0)
    breaker_percent = IntegerField(
        "Stop if more than so many percent fail",
        [Optional(), NumberRange(1, 100, "Between 1 and 100, or empty.")],
        default=USUAL_PERCENT,
    )
    breaker_calls = IntegerField(
        "Of the last calls",
        [Optional(), NumberRange(FEWEST_CALLS, MOST_CALLS, f"Between {FEWEST_CALLS} and {MOST_CALLS:,}.")],
        default=USUAL_CALLS,
    )

    def validate_retry_gap(self, field: Field) -> None:
        if field.data is None:
            return
        if not 1 <= field.data * (self.retry_gap_unit.data or 1) <= LONGEST_GAP_MINUTES:
            raise ValidationError("Between 1 minute and 30 days.")

    def validate_retry_attempts(self, field: Field) -> None:
        most, who = (3, "The provider") if self.retry_by.data == "provider" else (10, "Callboard")
        if field.data is not None and not 0 <= field.data <= most:
            raise ValidationError(f"{who} tries again 0 to {most} times.")

    def validate_retry_outcomes(self, field: Field) -> None:
        if self.retry_by.data == "us" and self.retry_attempts.data and not field.data:
            raise ValidationError("Choose after which outcomes, or 0 more tries.")


class LaunchForm(FlaskForm):
    """The tick and what the page showed: its versions, and its facts in words."""

    campaign_version = IntegerField(validators=[InputRequired()], widget=HiddenInput())
    list_version = IntegerField(validators=[InputRequired()], widget=HiddenInput())
    facts = HiddenField()
    confirmed = BooleanField("", [InputRequired("Tick this first.")])
