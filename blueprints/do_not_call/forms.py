"""The forms of the do-not-call list: numbers or a file, whose numbers they are, why, and until when."""

from collections.abc import Sequence

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, Field, SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional, ValidationError

from blueprints.compose.uploads import one_number_a_line
from blueprints.forms import trimmed
from core.countries import COUNTRIES
from core.errors import Invalid
from core.suppressions import LONGEST_REASON, MOST_AT_ONCE, Unread


class BarForm(FlaskForm):
    """What numbers from a field and from a file have in common."""

    country = SelectField(
        "Country of numbers without +",
        choices=COUNTRIES,
        default="US",
        description="A number such as 0151 2345678 is taken as written in this country.",
    )
    reason = StringField(
        "Reason",
        [Length(max=LONGEST_REASON, message=f"At most {LONGEST_REASON} characters.")],
        filters=[trimmed],
    )
    last_day = DateField("Until", [Optional()])

    def complain(self, problem: Invalid) -> None:
        """Put the domain's sentence at its field."""
        field = self.last_day if problem.field == "expires_at" else self.reason
        field.errors = [str(problem)]


class AddForm(BarForm):
    numbers = TextAreaField(
        "Numbers",
        description=f"One in a line, in any writing; at most {MOST_AT_ONCE:,}.",
    )

    def validate_numbers(self, field: Field) -> None:
        if not self.lines():
            raise ValidationError("Enter a number.")
        if len(self.lines()) > MOST_AT_ONCE:
            raise ValidationError(
                f"At most {MOST_AT_ONCE:,} numbers at a time. An admin can import a file that holds more."
            )

    def lines(self) -> list[str]:
        """One number each, also where several stand in one line."""
        pieces = (one_number_a_line(line).splitlines() for line in (self.numbers.data or "").splitlines())
        return [piece.strip() for line in pieces for piece in line if piece.strip()]

    def keep(self, unread: Sequence[Unread]) -> None:
        """Only these are still to be typed right."""
        self.numbers.data = "\n".join(one.text for one in unread)
        self.numbers.errors = ["Mend these, or take them out. The others are on the list."]


class FileForm(BarForm):
    file = FileField("File")
