"""People: who may come in, as what, and the links with which they set their passwords."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, StringField
from wtforms.validators import InputRequired

from blueprints.database import db, writing
from blueprints.forms import NOT_TOO_LONG_A_NAME, PlainForm, email_field, trimmed
from blueprints.links import link_address
from blueprints.runtime import now, redis_url, settings
from blueprints.security import actor, needs
from core import accounts
from core.accounts import MOST_SHOWN, account_state, get_person
from core.browsers import sign_ins_of
from core.errors import Invalid
from core.identity import unlink
from core.links import LASTS, link_state, make_link, newest_links
from core.models import Person
from jobs.queue import MAIL, ring

bp = Blueprint("people", __name__, url_prefix="/people")

ROLES = {
    "viewer": "Viewer: sees campaigns and results; numbers are masked",
    "composer": "Composer: also writes drafts, and sees numbers",
    "launcher": "Launcher: also launches, pauses and stops",
    "admin": "Admin: also people, settings, the provider and tokens",
}


class PersonForm(FlaskForm):
    name = StringField("Name", [NOT_TOO_LONG_A_NAME], filters=[trimmed])
    role = RadioField("Role", [InputRequired("Choose a role.")], choices=ROLES, default="viewer", validate_choice=False)


class ChangeForm(PersonForm):
    sure = BooleanField("Yes, take the admin role from me")


class AddForm(PersonForm):
    email = email_field("Enter the person's e-mail address.", "They sign in with it. It cannot be changed later.")


@bp.get("")
@needs("admin")
def index() -> ResponseReturnValue:
    query, moment = trimmed(request.args.get("q")), now()
    found = accounts.people(db.session(), query)
    links = newest_links(db.session(), [person.id for person in found])
    rows = [(person, account_state(person), links.get(person.id)) for person in found]
    return render_template(
        "people/index.html", rows=rows, query=query, most=MOST_SHOWN, link_state=lambda link: link_state(link, moment)
    )


@bp.get("/new")
@needs("admin")
def new() -> ResponseReturnValue:
    return _new_page(AddForm(formdata=None))


@bp.post("/new")
@needs("admin")
def add() -> ResponseReturnValue:
    form = AddForm()
    if form.validate():
        try:
            with writing() as session:
                person = accounts.add_person(session, form.email.data, form.name.data, form.role.data, actor(), now())
                link, token = make_link(session, person.id, actor(), now(), by_mail=settings().mail is not None)
            return _told(link.id, person.id, token)
        except Invalid as problem:
            form[problem.field or "email"].errors = [str(problem)]
    return _new_page(form), 422


@bp.get("/<int:person_id>")
@needs("admin")
def show(person_id: int) -> ResponseReturnValue:
    person = get_person(db.session(), person_id)
    return _page(person, ChangeForm(formdata=None, data={"name": person.name, "role": person.role}))


@bp.post("/<int:person_id>")
@needs("admin")
def change(person_id: int) -> ResponseReturnValue:
    form = ChangeForm()
    if form.validate():
        try:
            with writing() as session:
                person = accounts.change_person(
                    session, person_id, form.name.data, form.role.data, actor(), now(), sure=form.sure.data
                )
            flash(f"{person.email} is saved.", "success")
            is_out = person.id == actor().person_id and person.role != "admin"
            return redirect("/" if is_out else url_for("people.show", person_id=person_id), 303)
        except Invalid as problem:
            form[problem.field or "name"].errors = [str(problem)]
    return _page(get_person(db.session(), person_id), form), 422


@bp.post("/<int:person_id>/link")
@needs("admin")
def new_link(person_id: int) -> ResponseReturnValue:
    by_mail = settings().mail is not None and "by_mail" in request.form
    with writing() as session:
        link, token = make_link(session, person_id, actor(), now(), by_mail=by_mail)
    return _told(link.id, person_id, token)


@bp.post("/<int:person_id>/deactivate")
@needs("admin")
def deactivate(person_id: int) -> ResponseReturnValue:
    with writing() as session:
        person = accounts.deactivate(session, person_id, actor(), now())
    return _done(person, "is deactivated and signed out everywhere.")


@bp.post("/<int:person_id>/activate")
@needs("admin")
def activate(person_id: int) -> ResponseReturnValue:
    with writing() as session:
        person = accounts.activate(session, person_id, actor(), now())
    return _done(person, "may sign in again.")


@bp.post("/<int:person_id>/sign-out")
@needs("admin")
def sign_out(person_id: int) -> ResponseReturnValue:
    with writing() as session:
        person = accounts.sign_out_person(session, person_id, actor(), now())
    return _done(person, "is signed out everywhere.")


@bp.post("/<int:person_id>/unlink")
@needs("admin")
def unlink_identity(person_id: int) -> ResponseReturnValue:
    with writing() as session:
        person = unlink(session, person_id, actor(), now())
    return _done(person, "is no longer linked to single sign-on.")


def _done(person: Person, words: str) -> ResponseReturnValue:
    flash(f"{person.email} {words}", "success")
    return redirect(url_for("people.show", person_id=person.id), 303)


def _told(link_id: int, person_id: int, token: str) -> ResponseReturnValue:
    """The link, on the answer itself and nowhere else; or that it is on its way, if it is to be mailed."""
    if not token:
        ring(redis_url(), MAIL, link_id)
        flash("The link is on its way by mail.", "success")
        return redirect(url_for("people.show", person_id=person_id), 303)
    link = newest_links(db.session(), [person_id])[person_id]
    return render_template("people/link.html", link=link, address=link_address(token), hours=_hours(link.kind))


def _hours(kind: str) -> int:
    return int(LASTS[kind].total_seconds() // 3600)


def _new_page(form: AddForm) -> str:
    return render_template("people/new.html", form=form, by_mail=settings().mail is not None)


def _page(person: Person, form: ChangeForm) -> str:
    link = newest_links(db.session(), [person.id]).get(person.id)
    return render_template(
        "people/show.html", person=person, form=form, plain=PlainForm(), state=account_state(person), link=link,
        link_state=link_state(link, now()), browsers=len(sign_ins_of(db.session(), person.id, now())),
        by_mail=settings().mail is not None,
    )  # fmt: skip
