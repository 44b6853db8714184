"""The page behind a link: whoever holds it sets the password of the person it was made for."""

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints import auth, passwords
from blueprints.database import db, writing
from blueprints.forms import NewPasswordForm
from blueprints.runtime import now, settings, site_address
from blueprints.security import cookie_name, open_door
from core.errors import Invalid, NotFound
from core.links import find_link, use_link
from core.sign_ins import Try, sign_in

bp = Blueprint("links", __name__, url_prefix="/links")

# A token has 256 random bits: nobody finds one by trying, so tries are not counted.
HOLDERS = "whoever holds the link is the person it was made for"


def link_address(token: str) -> str:
    """Where the link leads."""
    return site_address() + url_for("links.show", token=token)


@bp.after_request
def keep_the_address(response: Response) -> Response:
    """The address of this page is a secret: wherever it leads, only the host is told.

    Not "no-referrer": over TLS a form must say which site it comes from.
    """
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


@bp.get("/<token>")
@open_door(HOLDERS)
def show(token: str) -> ResponseReturnValue:
    try:
        return _page(find_link(db.session(), token, now()).person.email, NewPasswordForm(formdata=None))
    except NotFound:
        return _over()


@bp.post("/<token>")
@open_door(HOLDERS)
def use(token: str) -> ResponseReturnValue:
    form = NewPasswordForm()
    try:
        person = find_link(db.session(), token, now()).person
        if form.validate():
            passwords.check(form.password.data, person.name, person.email)
            return _use(token, form.password.data)
    except NotFound:
        return _over()
    except Invalid as problem:
        form.password.errors = [str(problem)]
    return _page(person.email, form), 422


def _use(token: str, password: str) -> ResponseReturnValue:
    db.session.rollback()  # no transaction is open while the password is hashed
    address, hashed = request.remote_addr or "", passwords.hash_password(password)
    with writing() as session:
        person = use_link(session, token, hashed, address, now())
        cookie = sign_in(
            session, person, Try(0, person.email, address), request.user_agent.string, now(),
            instead_of=request.cookies.get(cookie_name()),
        )  # fmt: skip
    answer = auth.signed_in(redirect("/", 303), cookie)
    flash("Your password is set, and you are signed in.", "success")
    return answer


def _page(email: str, form: NewPasswordForm) -> str:
    return render_template("links/show.html", email=email, form=form, address=request.path)


def _over() -> ResponseReturnValue:
    return make_response(render_template("links/over.html", by_mail=settings().mail is not None), 404)
