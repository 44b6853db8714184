"""Who looks, and how much of a number they see."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from blueprints.security import current_person
from core.shown_numbers import grouped, masked, masked_in

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
    return masked_in(text) if hidden else text
