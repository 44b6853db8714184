"""The connection: our address, what arrived lately, what to set when it is refused, and a test over the public address."""

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from blueprints.choices import decided, form_of, save
from blueprints.database import db, writing
from blueprints.forms import PlainForm
from blueprints.inbox import bp
from blueprints.inbox.deliveries import tabs
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import actor, needs
from core.arrivals import arrivals, forms_lately
from core.connection import begin_test, is_under_way, latest_tests, note_answer
from core.inbox_settings import INBOX_CHOICES
from core.sending import Outcome
from jobs.queue import CONNECTION, ring
from provider.signatures import HEADERS, LOOKS_LIKE_A_SIGNATURE

InboxForm = form_of(INBOX_CHOICES)


@bp.get("/connection")
@needs("admin")
def show_connection() -> ResponseReturnValue:
    return _page(decided(InboxForm, INBOX_CHOICES))


@bp.post("/connection")
@needs("admin")
def change_connection() -> ResponseReturnValue:
    form = InboxForm()
    is_changed = save(form, INBOX_CHOICES)
    if is_changed is None:
        return _page(form), 422
    words = "Saved. It counts within seconds; what was refused before can be verified again."
    flash(words if is_changed else "Nothing was changed.", "success")
    return redirect(url_for(".show_connection"), 303)


@bp.post("/connection/test")
@needs("admin")
def test_connection() -> ResponseReturnValue:
    with writing() as session:
        test_id = begin_test(session, settings().public_url, vault(), actor(), now()).id
    if not ring(redis_url(), CONNECTION, test_id):
        with writing() as session:  # so that the next one need not wait for it
            note_answer(session, test_id, Outcome(False, "The queue does not answer: is Redis running?", 0), now())
    return redirect(url_for(".show_connection") + "#test", 303)


@bp.get("/connection/tests")
@needs("admin")
def connection_tests() -> ResponseReturnValue:
    """The part of the page that asks for itself while a test is under way."""
    return render_template("inbox/_tests.html", **_tests())


def _page(form: FlaskForm) -> str:
    found = arrivals(db.session())
    names = found.refused.headers if found.refused else ()
    known = {*HEADERS, *(name.lower() for name in settings().webhook_headers)}
    return render_template(
        "inbox/connection.html", form=form, settings=settings(), arrivals=found, forms=forms_lately(db.session()), tried=HEADERS,
        suspects=[name for name in names if LOOKS_LIKE_A_SIGNATURE.search(name) and name.lower() not in known],
        **_tests(), **tabs(),
    )  # fmt: skip


def _tests() -> dict[str, Any]:
    tests = latest_tests(db.session())
    return {"tests": tests, "working": any(is_under_way(one, now()) for one in tests), "plain_form": PlainForm()}
