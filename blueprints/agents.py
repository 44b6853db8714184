"""The agents people choose from: a list, one form to add or to change."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired

from blueprints.database import db, writing
from blueprints.forms import NOT_TOO_LONG_A_NAME, trimmed
from blueprints.runtime import now
from blueprints.security import actor, needs
from core.agents import add_agent, all_agents, change_agent, get_agent
from core.errors import Invalid
from core.models import Agent

bp = Blueprint("agents", __name__, url_prefix="/agents")


class AgentForm(FlaskForm):
    name = StringField(
        "Name",
        [InputRequired("Give the agent a name."), NOT_TOO_LONG_A_NAME],
        description="What people choose from, such as “Renewals, friendly”.",
        filters=[trimmed],
    )
    uuid = StringField(
        "Agent id",
        [InputRequired("Paste the agent's id.")],
        description="The UUID that the provider shows for this agent.",
    )
    variables = TextAreaField(
        "Variables of its script",
        description="One name on each line, such as first_name. The columns of a list are matched to them.",
    )
    on_missing = RadioField(
        "Where somebody has no value for one of them",
        choices={"warn": "Warn before the launch", "block": "Do not launch"},
        default="warn",
    )


@bp.get("")
@needs("viewer")
def index() -> ResponseReturnValue:
    return render_template("agents/index.html", agents=all_agents(db.session()))


@bp.get("/new")
@needs("composer")
def new() -> ResponseReturnValue:
    return _page(AgentForm(formdata=None), None)


@bp.post("/new")
@needs("composer")
def add() -> ResponseReturnValue:
    return _save(None, lambda session, form: add_agent(session, *_values(form), actor(), now(), form.on_missing.data))


@bp.get("/<int:agent_id>")
@needs("composer")
def edit(agent_id: int) -> ResponseReturnValue:
    agent = get_agent(db.session(), agent_id)
    known = {
        "name": agent.name, "uuid": agent.uuid, "variables": "\n".join(agent.variables), "on_missing": agent.on_missing
    }  # fmt: skip
    return _page(AgentForm(formdata=None, data=known), agent)


@bp.post("/<int:agent_id>")
@needs("composer")
def change(agent_id: int) -> ResponseReturnValue:
    def write(session: Session, form: AgentForm) -> None:
        change_agent(session, get_agent(session, agent_id), *_values(form), actor(), now(), form.on_missing.data)

    return _save(get_agent(db.session(), agent_id), write)


def _save(agent: Agent | None, write: Callable[[Session, AgentForm], object]) -> ResponseReturnValue:
    """Check the form, write, go to the list; or show the form again with what was typed and what is wrong."""
    form = AgentForm()
    if form.validate():
        try:
            with writing() as session:
                write(session, form)
            flash(f"{form.name.data} is saved.", "success")
            return redirect(url_for("agents.index"), 303)
        except Invalid as problem:
            form[problem.field or "name"].errors = [str(problem)]
    return _page(form, agent), 422


def _values(form: AgentForm) -> tuple[str, str, list[str]]:
    return form.name.data, form.uuid.data, (form.variables.data or "").splitlines()


def _page(form: AgentForm, agent: Agent | None) -> str:
    return render_template("agents/edit.html", form=form, agent=agent, address=request.path)
