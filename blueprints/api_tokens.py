"""API tokens: programs' keys, made, shown once and revoked here."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import DateField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput

from blueprints.database import db, writing
from blueprints.forms import NOT_TOO_LONG_A_NAME, PlainForm, trimmed
from blueprints.runtime import now
from blueprints.security import actor, needs
from core.errors import Invalid
from core.tokens import add_token, all_tokens, get_token, revoke_token, shut

bp = Blueprint("api_tokens", __name__, url_prefix="/api-tokens")

PERMITS = {
    "read": "Read: campaigns, their contacts with full numbers, deliveries, messages, agents and the do-not-call list",
    "compose": "Compose: keep agents and the do-not-call list; calls nobody",
    "launch": "Launch: create campaigns that call people",
}


class TokenForm(FlaskForm):
    name = StringField(
        "Name",
        [InputRequired("Say which program it is for."), NOT_TOO_LONG_A_NAME],
        description="The program that will use it, such as “Nightly renewals”. The audit log names it.",
        filters=[trimmed],
    )
    scopes = SelectMultipleField(
        "What it permits",
        [InputRequired("Choose what the token permits.")],
        choices=PERMITS,
        default=["read"],
        option_widget=CheckboxInput(),
    )
    last_day = DateField(
        "Last day",
        [Optional()],
        description="In UTC. Leave it empty for a token that works until it is revoked.",
    )


@bp.get("")
@needs("admin")
def index() -> ResponseReturnValue:
    tokens, moment = all_tokens(db.session()), now()
    rows = [(token, maker, shut(token, moment)) for token, maker in tokens]
    return render_template("api_tokens/index.html", rows=rows)


@bp.get("/new")
@needs("admin")
def new() -> ResponseReturnValue:
    return render_template("api_tokens/new.html", form=TokenForm(formdata=None))


@bp.post("/new")
@needs("admin")
def add() -> ResponseReturnValue:
    """The answer itself shows the token: an address that shows it would show it twice."""
    form = TokenForm()
    if form.validate():
        try:
            with writing() as session:
                token, text = add_token(session, form.name.data, form.scopes.data, form.last_day.data, actor(), now())
                name = token.name
            return render_template("api_tokens/made.html", name=name, text=text)
        except Invalid as problem:
            form[problem.field or "name"].errors = [str(problem)]
    return render_template("api_tokens/new.html", form=form), 422


@bp.get("/<int:token_id>/revoke")
@needs("admin")
def ask(token_id: int) -> ResponseReturnValue:
    return render_template("api_tokens/revoke.html", token=get_token(db.session(), token_id), form=PlainForm())


@bp.post("/<int:token_id>/revoke")
@needs("admin")
def revoke(token_id: int) -> ResponseReturnValue:
    with writing() as session:
        name = revoke_token(session, token_id, actor(), now()).name
    flash(f"{name} is revoked: programs that still use it are refused from now on.", "success")
    return redirect(url_for("api_tokens.index"), 303)
