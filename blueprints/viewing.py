"""Who looks, and how much of a number they see."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, current_app, request

from blueprints.database import db
from blueprints.runtime import now
from blueprints.security import cookie_name, current_person
from core import sign_ins
from core.shown_numbers import grouped, masked

NUMBER_IN_TEXT = re.compile(r"\+\d[\d ().-]{5,18}\d")

# Variables that name a person, the likeliest first, without case and marks.
NAMES = (("name",), ("fullname",), ("customername",), ("firstname", "lastname"), ("vorname", "nachname"), ("company",))


def init_app(app: Flask) -> None:
    app.template_filter("phone")(shown_number)
    app.template_filter("numbers")(shown_sentence)
    app.template_filter("person")(shown_name)


def may(role: str) -> bool:
    """May whoever looks at this page act as this role?"""
    person = current_person()
    return person is not None and person.may(role)


def sees_masked() -> bool:
    """Viewers see that a number is the same one, not whose it is."""
    return not may("composer")


def shown_number(number: str, hidden: bool = False) -> str:
    return masked(number) if hidden else grouped(number)


def shown_name(context: Mapping[str, Any]) -> str:
    """Whom a contact's variables name; "" where they name nobody."""
    said = {key.lower().replace("_", "").replace(" ", ""): str(value or "").strip() for key, value in context.items()}
    for keys in NAMES:
        if found := " ".join(said[key] for key in keys if said.get(key)):
            return found
    return ""


def shown_sentence(text: str, hidden: bool = False) -> str:
    """A sentence in which numbers may stand, as those of an alarm or of the provider do."""
    return NUMBER_IN_TEXT.sub(lambda found: masked(found.group()), text) if hidden else text


def stream_guard() -> Callable[[], bool]:
    """A question for later, when the request is long over: is its sign-in still good, and of somebody in the same role?

    Holds no database session between asks.
    """
    app, token = current_app._get_current_object(), request.cookies.get(cookie_name(), "")  # type: ignore[attr-defined]
    person = current_person()

    def still_the_same() -> bool:
        with app.app_context():
            sign_in = sign_ins.find_sign_in(db.session(), token, now())
            return sign_in is not None and person is not None and sign_in.person.role == person.role

    return still_the_same
