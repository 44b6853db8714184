"""Call my phone first: one call with a draft's agent and a row's variables, and its result on the spot."""

from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, TelField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from blueprints.compose import bp
from blueprints.compose.frame import already_launched, frame
from blueprints.database import db, writing
from blueprints.forms import trimmed
from blueprints.runtime import now, redis_url
from blueprints.security import actor, current_person, needs
from core import drafts, preview
from core.errors import Conflict, Invalid
from core.lists import list_of
from core.models import Campaign
from core.phone import LONGEST_CELL
from core.shown_numbers import grouped
from core.test_calls import Placed, newest_test_call, phone_of, place_test_call
from jobs.queue import TICK, announce, ring


class CallForm(FlaskForm):
    phone = TelField(
        "Your phone",
        [InputRequired("Type the number to call."), Length(max=LONGEST_CELL, message="This is too long for a number.")],
        filters=[trimmed],
        description="It is remembered for your next test call.",
    )
    row = SelectField("With the variables of", coerce=int, validate_choice=False)
    other_row = IntegerField(
        "Or of another row", [Optional(), NumberRange(1, 2_000_000, "A row's number, such as 17.")]
    )

    def chosen_row(self) -> int | None:
        """None: the list has no rows to choose from."""
        return (self.other_row.data or self.row.data) if "row" in self else None


@dataclass(frozen=True)
class TestCall:
    """What the fragment shows: the newest call if there is one, a form unless it is under way, and why a click did nothing."""

    form: CallForm
    placed: Placed | None
    words: str = ""

    @property
    def is_open(self) -> bool:
        return self.placed is not None and self.placed.is_open


@bp.get("/<int:campaign_id>/compose/test-call")
@needs("launcher")
def test_call(campaign_id: int) -> ResponseReturnValue:
    """The fragment, which asks for itself while the call is under way; without htmx a page to look again at."""
    return _show(campaign_id, None)


@bp.post("/<int:campaign_id>/compose/test-call", endpoint="place_test_call")
@needs("launcher")
def place(campaign_id: int) -> ResponseReturnValue:
    try:
        form = _form(drafts.get_draft(db.session(), campaign_id), filled=True)
        if form.validate_on_submit():
            with writing() as session:
                test = place_test_call(session, campaign_id, form.phone.data, form.chosen_row(), actor(), now())
                test_id = test.id
            announce(redis_url(), test_id)
            ring(redis_url(), TICK, test_id)
            return _show(campaign_id, None) if request.htmx else redirect(_address(campaign_id), 303)
    except Invalid as error:
        form[error.field if error.field in form else "phone"].errors = [str(error)]
    except Conflict as error:
        return _show(campaign_id, None, str(error))
    return _show(campaign_id, form)


def _address(campaign_id: int) -> str:
    return url_for("compose.test_call", campaign_id=campaign_id)


def _show(campaign_id: int, form: CallForm | None, words: str = "") -> ResponseReturnValue:
    db.session.rollback()
    try:
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    status = 422 if form or words else 200
    if request.htmx:
        return render_template(
            "compose/_test_call.html", campaign=campaign, test=context(campaign, form, words)
        ), status
    test = context(campaign, form, words)
    return render_template("compose/test_call.html", test=test, **frame(campaign, "check")), status


def context(campaign: Campaign, form: CallForm | None = None, words: str = "") -> TestCall:
    """The one builder of what the fragment shows, on the check page and alone."""
    return TestCall(form or _form(campaign), newest_test_call(db.session(), campaign.id), words)


def _form(campaign: Campaign, filled: bool = False) -> CallForm:
    """With the rows to choose from; a draft without a list has no such fields."""
    person = current_person()
    known = {"phone": grouped(phone_of(db.session(), person.id)) if person else ""}
    form = CallForm(**({} if filled else {"formdata": None, "data": known}))
    samples = preview.samples(db.session(), campaign, list_of(db.session(), campaign.id))
    if samples:
        form.row.choices = [
            (s.row_number, f"Row {s.row_number:,}{', the emptiest' if s.is_emptiest else ''}") for s in samples
        ]
    else:
        del form.row, form.other_row
    return form
