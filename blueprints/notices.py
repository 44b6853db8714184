"""What one is told of campaigns by mail or in a chat room: chosen by each person for themselves."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, PasswordField
from wtforms.validators import Length, NumberRange, Optional

from blueprints.database import db, writing
from blueprints.forms import PlainForm, trimmed
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import actor, current_person, needs
from core import notices
from core.errors import Invalid
from core.models import NoticeChoice
from jobs.queue import NOTICE, ring
from provider.chat import check

bp = Blueprint("notices", __name__, url_prefix="/account/notices")


class NoticesForm(FlaskForm):
    ended = BooleanField("A campaign has ended")
    attention = BooleanField("A campaign needs attention")
    failing_percent = IntegerField(
        "More than this part of those dialled failed, in percent",
        [Optional(), NumberRange(1, 100, "A percentage from 1 to 100, or nothing.")],
        description=f"Told once for each campaign, from {notices.FEWEST} people on. Empty: never.",
    )
    only_own = BooleanField("Only of campaigns that I made")
    by_mail = BooleanField("By e-mail")
    chat = PasswordField(
        "Address of a chat room",
        [Length(max=notices.LONGEST_ADDRESS, message="This address is too long.")],
        description="The webhook's address that Slack, Microsoft Teams, Discord, Google Chat and others give you for a room, or an "
        "address as Apprise writes them. It is a key: it is kept sealed and not shown again. Empty: what is set stays.",
        filters=[trimmed],
    )
    no_chat = BooleanField("No chat room any more")


@bp.get("")
@needs("viewer")
def edit() -> ResponseReturnValue:
    choice = notices.choice_of(db.session(), _me())
    return _page(NoticesForm(formdata=None, obj=choice), choice)


@bp.post("")
@needs("viewer")
def change() -> ResponseReturnValue:
    form = NoticesForm()
    if form.validate():
        try:
            wanted = _wanted(form)
            with writing() as session:
                notices.choose(session, _me(), wanted, vault(), actor(), now())
            flash("That is what you are told of from now on.", "success")
            return redirect(url_for("notices.edit"), 303)
        except Invalid as problem:
            form[problem.field or "chat"].errors = [str(problem)]
    return _page(form, notices.choice_of(db.session(), _me())), 422


@bp.post("/try")
@needs("viewer")
def try_ways() -> ResponseReturnValue:
    with writing() as session:
        count = notices.try_ways(session, _me(), now())
    for notice_id in notices.notices_due(db.session(), now()):
        ring(redis_url(), NOTICE, notice_id)
    if count:
        flash("It is on its way; below stands what came of it.", "success")
    else:
        flash("Choose e-mail or a chat room first, and save.", "error")
    return redirect(url_for("notices.edit"), 303)


def _wanted(form: NoticesForm) -> notices.Wanted:
    chat = "" if form.no_chat.data else form.chat.data or None
    hint = check(chat, allow_private=settings().allow_private_addresses) if chat else ""
    return notices.Wanted(
        form.ended.data,
        form.attention.data,
        form.failing_percent.data,
        form.only_own.data,
        form.by_mail.data,
        chat,
        hint,
    )


def _me() -> int:
    person = current_person()
    assert person is not None
    return person.id


def _page(form: NoticesForm, choice: NoticeChoice) -> str:
    told = notices.newest_notices(db.session(), _me())
    return render_template(
        "notices/edit.html",
        form=form,
        choice=choice,
        told=told,
        has_mail=settings().mail is not None,
        plain=PlainForm(),
    )
