"""Signing in and out."""

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField

from blueprints import passwords
from blueprints.database import writing
from blueprints.forms import email_field, password_field
from blueprints.requests import local_path
from blueprints.runtime import now, redis_url, settings
from blueprints.security import actor, cookie_name, current_person, needs, open_door
from core import links, sign_ins
from core.people import find_person, lock_person
from core.sign_ins import TooManyTries
from jobs.queue import MAIL, ring

bp = Blueprint("auth", __name__)

WRONG = "The e-mail address or the password is wrong."


class SignInForm(FlaskForm):
    email = email_field("Enter your e-mail address.")
    password = password_field("Password", "Enter your password.")
    next = HiddenField()


class ForgottenForm(FlaskForm):
    email = email_field("Enter your e-mail address.")


@bp.get("/")
@needs("viewer")
def start() -> ResponseReturnValue:
    return redirect(url_for("campaigns.index"), 303)


@bp.get("/sign-in")
@open_door("whoever wants to sign in has not done so yet")
def sign_in() -> ResponseReturnValue:
    wanted = local_path(request.args.get("next"))
    if current_person():
        return redirect(wanted or "/", 303)
    return _page(SignInForm(formdata=None, next=wanted))


@bp.post("/sign-in")
@open_door("whoever wants to sign in has not done so yet")
def check_sign_in() -> ResponseReturnValue:
    form = SignInForm()
    if not form.validate():
        return _page(form), 422
    try:
        token = _try(form.email.data, form.password.data)
    except TooManyTries as refusal:
        form.password.errors = [str(refusal)]
        return _page(form), 429, {"Retry-After": str(refusal.retry_after)}
    if token is None:
        form.password.errors = [WRONG]
        return _page(form), 422
    return signed_in(redirect(local_path(form.next.data) or "/", 303), token)


def _try(email: str, password: str) -> str | None:
    """The token of a new sign-in, or None. No transaction is open while the password is checked."""
    with writing() as db_session:
        tried = sign_ins.begin_try(db_session, email, request.remote_addr or "", now())
        person = find_person(db_session, email)
        known = (person.id, person.password_hash) if person and person.is_active else None
    if not passwords.is_right(known[1] if known else None, password) or known is None:
        return None
    with writing() as db_session:
        person = lock_person(db_session, known[0])
        if not person.is_active or person.password_hash != known[1]:
            return None  # changed while the old password was looked at
        return sign_ins.sign_in(
            db_session, person, tried, request.user_agent.string, now(), instead_of=request.cookies.get(cookie_name())
        )


@bp.get("/forgotten-password")
@open_door("whoever has forgotten the password cannot sign in")
def forgotten() -> ResponseReturnValue:
    return _forgotten_page(ForgottenForm(formdata=None))


@bp.post("/forgotten-password")
@open_door("whoever has forgotten the password cannot sign in")
def ask_for_link() -> ResponseReturnValue:
    form = ForgottenForm()
    if settings().mail is None or not form.validate():
        return _forgotten_page(form), 422
    try:
        ring(redis_url(), MAIL, _ask_for_link(form.email.data), always=True)
    except TooManyTries as refusal:
        form.email.errors = ["Too many links were asked for. Try again in a quarter of an hour."]
        return _forgotten_page(form), 429, {"Retry-After": str(refusal.retry_after)}
    flash("If there is an account with this address, a link is on its way to it. It lasts 24 hours.", "success")
    return redirect(url_for("auth.sign_in"), 303)


def _ask_for_link(email: str) -> int:
    """The id of the link to be mailed, or 0: the bell is rung all the same, so that no answer tells whether there is an account.

    Counted like wrong passwords, but apart from them: whoever used those up needs the link most.
    """
    with writing() as db_session:
        address = request.remote_addr or ""
        sign_ins.begin_try(db_session, f"link for {email}", address, now())
        person = find_person(db_session, email)
        link = links.ask_for_link(db_session, person.id, address, now()) if person else None
        return link.id if link else 0


@bp.post("/sign-out")
@needs("viewer")
def sign_out() -> ResponseReturnValue:
    with writing() as db_session:
        sign_ins.sign_out(db_session, request.cookies[cookie_name()], actor(), now())
    return _signed_out("You are signed out.")


@bp.post("/sign-out-everywhere")
@needs("viewer")
def sign_out_everywhere() -> ResponseReturnValue:
    who = actor()
    assert who.person_id is not None
    with writing() as db_session:
        sign_ins.sign_out_everywhere(db_session, who.person_id, who, now())
    return _signed_out("You are signed out on every device.")


def _forgotten_page(form: ForgottenForm) -> str:
    return render_template("auth/forgotten.html", form=form, by_mail=settings().mail is not None)


def _page(form: SignInForm) -> str:
    return render_template("auth/sign_in.html", form=form)


def signed_in(response: Response, token: str) -> Response:
    """The answer after which this browser is signed in with this token."""
    session.clear()  # and with it the CSRF token that was given out to nobody in particular
    response.set_cookie(
        cookie_name(), token, max_age=sign_ins.LONGEST, secure=settings().secure_cookies, httponly=True, samesite="Lax"
    )
    return response


def _signed_out(words: str) -> Response:
    session.clear()
    flash(words, "success")
    response = redirect(url_for("auth.sign_in"), 303)
    response.delete_cookie(cookie_name(), secure=settings().secure_cookies, httponly=True, samesite="Lax")
    # No page is stored, but browsers may keep one in memory for their "back" button.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
