"""Forms that more than one door uses, or that are too small for a file of their own."""

from flask_wtf import FlaskForm
from wtforms import EmailField, IntegerField, PasswordField
from wtforms.validators import EqualTo, InputRequired, Length

from core.database import LONGEST_NAME
from core.password_rules import LONGEST, SHORTEST
from core.people import LONGEST_EMAIL

NOT_TOO_LONG_A_NAME = Length(max=LONGEST_NAME, message=f"At most {LONGEST_NAME} characters.")


def trimmed(text: str | None) -> str:
    """As typed, without spaces around it and without NUL, which no database takes."""
    return (text or "").replace("\0", "").strip()


def email_field(missing: str, description: str = "") -> EmailField:
    """`missing` is said where nothing was typed."""
    short = Length(max=LONGEST_EMAIL, message="This address is too long.")
    return EmailField("E-mail address", [InputRequired(missing), short], description=description, filters=[trimmed])


def password_field(label: str, missing: str) -> PasswordField:
    """For a password that is there already; `missing` is said where nothing was typed."""
    return PasswordField(label, [InputRequired(missing), Length(max=LONGEST, message="This password is too long.")])


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
