"""One's own account: name, phone, password, where one is signed in."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField, TelField

from blueprints import auth, passwords
from blueprints.database import db, writing
from blueprints.forms import NOT_TOO_LONG_A_NAME, NewPasswordForm, PlainForm, password_field, trimmed
from blueprints.runtime import now
from blueprints.security import CurrentPerson, actor, current_person, needs
from core import browsers
from core.accounts import change_own_details, change_own_password, get_person
from core.errors import Invalid
from core.sign_ins import TooManyTries, begin_try, forgive

bp = Blueprint("account", __name__, url_prefix="/account")

# As browsers name themselves, the most particular first: nearly all of them claim to be Chrome and Safari too.
BROWSERS = {
    "Edg": "Edge", "OPR/": "Opera", "SamsungBrowser": "Samsung Internet", "Firefox/": "Firefox", "FxiOS": "Firefox",
    "CriOS": "Chrome", "Chrome/": "Chrome", "Safari/": "Safari",
}  # fmt: skip
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Macintosh": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip
WRONG = "This is not your present password."


class DetailsForm(FlaskForm):
    name = StringField("Name", [NOT_TOO_LONG_A_NAME], filters=[trimmed])
    phone = TelField(
        "Your phone",
        description="With its country code, such as +44 20 7946 0018. Test calls go to it: “call my phone first”.",
        filters=[trimmed],
    )


class PasswordForm(NewPasswordForm):
    current = password_field("Present password", "Enter your present password.")


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    return _page()


@bp.post("")
@needs("viewer")
def change() -> ResponseReturnValue:
    form = DetailsForm()
    if form.validate():
        try:
            with writing() as session:
                change_own_details(session, _me().id, form.name.data, form.phone.data, actor(), now())
            flash("Your account is saved.", "success")
            return redirect(url_for("account.show"), 303)
        except Invalid as problem:
            form[problem.field or "name"].errors = [str(problem)]
    return _page(details=form), 422


@bp.post("/password")
@needs("viewer")
def change_password() -> ResponseReturnValue:
    form = PasswordForm()
    if not form.validate():
        return _page(password=form), 422
    try:
        token = _change_password(form.current.data, form.password.data)
    except TooManyTries as refusal:
        form.current.errors = [str(refusal)]
        return _page(password=form), 429, {"Retry-After": str(refusal.retry_after)}
    except Invalid as problem:
        form[problem.field or "current"].errors = [str(problem)]
        return _page(password=form), 422
    answer = auth.signed_in(redirect(url_for("account.show"), 303), token)
    flash("Your password is changed, and every other browser is signed out.", "success")
    return answer


def _change_password(current: str, wanted: str) -> str:
    """The new token of this sign-in. Invalid names the field; wrong passwords count as they do at the sign-in."""
    me = _me()
    passwords.check(wanted, me.name, me.email)
    with writing() as session:
        tried = begin_try(session, me.email, request.remote_addr or "", now())
        known = get_person(session, me.id).password_hash
    if known is None or not passwords.is_right(known, current):
        raise Invalid(WRONG, "current")
    hashed = passwords.hash_password(wanted)
    with writing() as session:
        token = change_own_password(session, me.id, me.sign_in_id, known, hashed, actor(), now())
        forgive(session, tried)  # after the person's lock, as at the sign-in
    return token


@bp.post("/browsers/<int:sign_in_id>/end")
@needs("viewer")
def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    with writing() as session:
        browsers.end_sign_in(session, _me().id, sign_in_id, actor(), now())
    flash("That browser is signed out.", "success")
    return redirect(url_for("account.show"), 303)


def browser_name(user_agent: str) -> str:
    """Firefox on Windows, out of what it says of itself; whatever is unknown is shown as it is, shortened."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or user_agent[:60] or "A browser without a name"


def _me() -> CurrentPerson:
    person = current_person()
    assert person is not None
    return person


def _page(details: DetailsForm | None = None, password: PasswordForm | None = None) -> str:
    session, me = db.session(), _me()
    person = get_person(session, me.id)
    return render_template(
        "account/show.html", person=person, sign_ins=browsers.sign_ins_of(session, me.id, now()), here=me.sign_in_id,
        details=details or DetailsForm(formdata=None, data={"name": person.name, "phone": person.phone}),
        password=password or PasswordForm(formdata=None), plain=PlainForm(),
        browser_name=browser_name,
    )  # fmt: skip
