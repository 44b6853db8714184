"""The sandbox's small page: what it was asked, what it shall do wrong, globally or for one campaign. It needs no sign-in."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from sandbox.machine import the_machine
from sandbox.misbehaviour import ABOUT, COMMON, KINDS, NUMBERS, base_name
from sandbox.moments import iso
from sandbox.records import Campaign
from sandbox.signing import FORMS

routes = Blueprint("page", __name__, template_folder=".")

MOST_SHOWN = 50
SETTINGS = ("speed", "form", "echo_context", "only_final_events")


@routes.get("/")
def show() -> ResponseReturnValue:
    return _page()


@routes.post("/misbehave")
def add_rule() -> ResponseReturnValue:
    """What was typed as a rule; a sentence beside the form for what does not fit, and nothing typed is lost."""
    _only_from_here()
    kind = request.form.get("kind", "")
    try:
        the_machine().misbehaviour.add(kind, _options(request.form.to_dict()))
    except ValueError as problem:
        return _page(str(problem)), 422
    return redirect("/", 303)


@routes.post("/misbehave/remove")
def remove_rule() -> ResponseReturnValue:
    _only_from_here()
    rule_id = request.form.get("id", "")
    if rule_id.isascii() and rule_id.isdigit() and len(rule_id) < 10:
        the_machine().misbehaviour.remove(int(rule_id))
    return redirect("/", 303)


@routes.post("/settings")
def change_settings() -> ResponseReturnValue:
    _only_from_here()
    form = request.form
    try:
        speed = form.get("speed", "")
        changes: dict[str, Any] = {
            "form": form.get("form", ""),
            "speed": "instant" if speed == "instant" else float(speed),
        }
        changes |= {name: name in form for name in ("echo_context", "only_final_events")}
        the_machine().change(changes)
    except ValueError as problem:
        return _page(f"Settings: {problem}"), 422
    return redirect("/", 303)


def _options(form: dict[str, str]) -> dict[str, Any]:
    """Whatever stands in the fields: numbers as numbers, the rest as JSON where it is that, else as text."""
    options: dict[str, Any] = {}
    for name in ("campaign", "times", "chance", "on"):
        if text := form.get(name, "").strip():
            options[name] = _value(name, text)
    more = form.get("more", "").strip()
    for line in filter(None, (line.strip() for line in more.splitlines())):
        name, sign, text = line.partition("=")
        if not sign:
            raise ValueError(f"“{line[:60]}” should be a name, =, and a value")
        options[name.strip()] = _value(name.strip(), text.strip())
    return options


def _value(name: str, text: str) -> Any:
    if name in (*NUMBERS, "chance"):
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            raise ValueError(f"{name} must be a number of at least 0")
        return float(text) if "." in text else int(text)
    if text[:1] in "[{":
        return json.loads(text)
    return text


def _only_from_here() -> None:
    """A page of somebody else must not make the browser press a button here."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        abort(403, "This form must be sent from the sandbox's own page.")


def _page(problem: str = "") -> str:
    machine = the_machine()
    newest = machine.store.all(Campaign, "ORDER BY seq DESC LIMIT ?", MOST_SHOWN)
    names = list(dict.fromkeys(base_name(campaign.name) for campaign in newest))
    return render_template(
        "page.html", campaigns=newest, names=names, rules=machine.misbehaviour.rules, about=ABOUT, kinds=KINDS,
        common=COMMON, settings=machine.settings, forms=list(FORMS), problem=problem, typed=request.form, iso=iso,
        most=MOST_SHOWN,
    )  # fmt: skip
