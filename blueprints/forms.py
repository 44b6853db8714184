"""Forms that more than one door uses, or that are too small for a file of their own."""

from flask_wtf import FlaskForm
from wtforms import IntegerField, PasswordField
from wtforms.validators import EqualTo, InputRequired

from core.password_rules import SHORTEST


def trimmed(text: str | None) -> str:
    """As typed, without spaces around it and without NUL, which no database takes."""
    return (text or "").replace("\0", "").strip()


class PlainForm(FlaskForm):
    """A button: nothing but the token that proves the click came from our page."""


class NewPasswordForm(FlaskForm):
    password = PasswordField(
        "New password",
        [InputRequired("Enter a new password.")],
        description=f"At least {SHORTEST} characters, of any kind. A few words in a row are easy to remember.",
    )
    again = PasswordField(
        "The new password again",
        [
            InputRequired("Enter the new password a second time."),
            EqualTo("password", "The two passwords are not the same."),
        ],
    )


class SendAgainForm(FlaskForm):
    typed = IntegerField("Number of people, as a confirmation", [InputRequired("Type the number of people.")])
