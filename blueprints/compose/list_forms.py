"""The forms of step 2: where the rows come from, how they are read and judged, and the correction of one of them."""

from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    Field,
    FieldList,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, NumberRange, ValidationError

from blueprints.forms import NOT_TOO_LONG_A_NAME, trimmed
from core.columns import LONGEST_VARIABLE, REF
from core.countries import COUNTRIES
from core.unreached import UNREACHED, USUALLY

ENCODINGS = {
    "utf-8": "UTF-8", "utf-8-sig": "UTF-8 with mark", "utf-16": "UTF-16", "utf-16-le": "UTF-16 LE", "utf-16-be": "UTF-16 BE",
    "cp1252": "Windows-1252 (Western)", "mac_roman": "Mac Roman", "iso8859-15": "ISO 8859-15",
    "cp1250": "Windows-1250 (Central European)", "cp1251": "Windows-1251 (Cyrillic)", "koi8_r": "KOI8-R (Russian)",
    "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)", "cp437": "DOS (437)",
    "cp932": "Shift JIS (Japanese)", "gb18030": "GB 18030 (Chinese)", "big5": "Big5 (Chinese)", "euc_kr": "EUC-KR (Korean)",
}  # fmt: skip
SEPARATORS = {",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Pipe |"}
MOST_RECENT_DAYS = 365
ROLES = ("number", "caller_id", "time_zone", "country")


class WhoForm(FlaskForm):
    file = FileField("File")
    pasted = TextAreaField("Or paste")
    country = SelectField("Country of numbers without +", choices=COUNTRIES)


class KeptForm(FlaskForm):
    kept = SelectField("Kept list", coerce=int, validators=[InputRequired("Choose a list.")])


class UnreachedForm(FlaskForm):
    campaign = SelectField("Campaign", coerce=int, validators=[InputRequired("Choose a campaign.")])
    outcomes = SelectMultipleField(
        "Whoever ended as", choices=[str(state) for state in UNREACHED], default=[str(state) for state in USUALLY],
        validators=[InputRequired("Choose at least one outcome.")],
    )  # fmt: skip


class KeepForm(FlaskForm):
    name = StringField(
        "Name of the list", [InputRequired("Give the list a name."), NOT_TOO_LONG_A_NAME], filters=[trimmed]
    )


class CorrectionForm(FlaskForm):
    corrected = FileField("Corrected file")


class ReadingForm(FlaskForm):
    """How the file is read. Fields that do not apply to its kind are not on the page, and come back empty."""

    header = SelectField("First row", choices={"1": "Names of the columns", "0": "Already a person"})
    separator = SelectField("Separator", choices=SEPARATORS, validate_choice=False)
    encoding = SelectField("Encoding", choices=ENCODINGS, validate_choice=False)
    sheet = SelectField("Sheet", choices=[], validate_choice=False)

    def asked(self) -> dict[str, Any]:
        told: dict[str, Any] = {"header": self.header.data == "1"}
        if self.separator.data in SEPARATORS:
            told["separator"] = self.separator.data
        if self.encoding.data in ENCODINGS:
            told["encoding"] = self.encoding.data
        if self.sheet.data:
            told["sheet"] = self.sheet.data
        return told


class RulesForm(FlaskForm):
    """How the rows are judged."""

    country = SelectField("Country of numbers without +", choices=COUNTRIES)
    keep = RadioField("Of rows with the same number", choices={"first": "Keep the first", "last": "Keep the last"})
    recent_days = IntegerField(
        "Leave out whoever was called in the last days",
        [
            InputRequired("0 for nobody."),
            NumberRange(0, MOST_RECENT_DAYS, f"Between 0 and {MOST_RECENT_DAYS} days."),
        ],
    )


class MappingForm(FlaskForm):
    """Which column is what; `names` has the variable of each column, in their order."""

    number = SelectField("To-number")
    caller_id = SelectField("Caller id")
    time_zone = SelectField("Time zone")
    country = SelectField("Country")
    names = FieldList(StringField(filters=[trimmed]), max_entries=500)

    def offer(self, headers: list[str]) -> None:
        columns = {str(column): header for column, header in enumerate(headers)}
        for role in ROLES:
            self[role].choices = {"": "None"} | columns

    def validate_number(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("Choose the column with the numbers to call.")

    def validate_caller_id(self, field: Field) -> None:
        if field.data and field.data == self.number.data:
            raise ValidationError("This column is already the to-number.")

    def validate_time_zone(self, field: Field) -> None:
        if field.data and field.data in (self.number.data, self.caller_id.data):
            raise ValidationError("This column is already something else.")

    def validate_country(self, field: Field) -> None:
        if field.data and field.data in (self.number.data, self.caller_id.data, self.time_zone.data):
            raise ValidationError("This column is already something else.")

    def validate_names(self, field: Field) -> None:
        names = [name for name in field.data if name]
        for entry in field.entries:
            if entry.data and names.count(entry.data) > 1:
                entry.errors = ["This name is there twice."]
            elif len(entry.data) > LONGEST_VARIABLE:
                entry.errors = [f"At most {LONGEST_VARIABLE} characters."]
            elif entry.data == REF:
                entry.errors = ["Callboard uses this name itself."]
        if any(entry.errors for entry in field.entries):
            raise ValidationError("Some names cannot be used.")

    def mapping(self) -> dict[str, Any]:
        def column(field: Field) -> int | None:
            return int(field.data) if field.data else None

        variables = {name: place for place, name in enumerate(self.names.data) if name}
        return {**{role: column(self[role]) for role in ROLES}, "variables": variables}


class RowForm(FlaskForm):
    """One row of the list; `seen` has the cells as the form showed them."""

    cells = FieldList(StringField(), max_entries=500)
    seen = HiddenField()
