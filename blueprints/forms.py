"""Forms that more than one door uses, or that are too small for a file of their own."""

from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import InputRequired


def trimmed(text: str | None) -> str:
    """As typed, without spaces around it and without NUL, which no database takes."""
    return (text or "").replace("\0", "").strip()


class PlainForm(FlaskForm):
    """A button: nothing but the token that proves the click came from our page."""


class SendAgainForm(FlaskForm):
    typed = IntegerField("Number of people, as a confirmation", [InputRequired("Type the number of people.")])
