"""Step 1, What: name, agent, context for everyone, note. The first save makes the draft."""

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from htmx_flask import make_response

from blueprints.compose import bp
from blueprints.compose.forms import MOST_ROWS_OF_CONTEXT, WhatForm
from blueprints.compose.frame import already_launched, autosaved, complaints, frame, save
from blueprints.database import db, writing
from blueprints.requests import whole_number
from blueprints.runtime import now
from blueprints.security import actor, needs
from core import drafts
from core.errors import Conflict, Invalid
from core.models import Agent, Campaign
from core.schedule import zone_names


@bp.route("/new", methods=["GET", "POST"])
@needs("composer")
def new() -> ResponseReturnValue:
    form = WhatForm(data={"name": drafts.default_name(now()), "agent": _likely_agent()})
    draft_id = whole_number("draft", request.form)
    if draft_id is not None:  # an autosave of this very page has made the draft already
        address = url_for("compose.what", campaign_id=draft_id)
        # Else the same POST, at the draft's own address.
        return _save(draft_id, form) if request.htmx else redirect(address, 307)
    if form.validate_on_submit():
        try:
            with writing() as session:
                campaign = drafts.create_draft(session, actor(), now(), zone=_zone_of_browser(), **_values(form))
                draft_id = campaign.id
            return _created(draft_id, form)
        except Invalid as error:
            form.complain(error)
    if form.errors and request.htmx:  # there is no draft yet, so nothing else of the page follows from what was typed
        return render_template("compose/_unsaved.html", form=form, sentences=complaints(form)), 422
    status = 422 if form.errors else 200
    agents = drafts.saved_agents(db.session())
    return render_template("compose/new.html", form=form, agents=agents, agent_words=agent_words, changes=[]), status


def _created(draft_id: int, form: WhatForm) -> ResponseReturnValue:
    if request.htmx:
        fragments = autosaved(drafts.get_draft(db.session(), draft_id), "what", form, [])
        return make_response(fragments, replace_url=url_for("compose.what", campaign_id=draft_id))
    goes = "compose.what" if {"add_row", "stay"} & set(request.form) else "compose.who"
    return redirect(url_for(goes, campaign_id=draft_id), 303)


@bp.route("/<int:campaign_id>/compose/what", methods=["GET", "POST"])
@needs("composer")
def what(campaign_id: int) -> ResponseReturnValue:
    try:
        if request.method == "POST":
            return _save(campaign_id, WhatForm())
        campaign = drafts.get_draft(db.session(), campaign_id)
    except Conflict as error:
        return already_launched(campaign_id, error)
    return _show(campaign, _form_of(campaign), [])


def _save(campaign_id: int, form: WhatForm) -> ResponseReturnValue:
    return save(campaign_id, "what", form, lambda: _values(form), _show)


def _values(form: WhatForm) -> dict[str, Any]:
    text = form.agent.data
    agent = drafts.chosen_agent(db.session(), text, actor(), now()) if text else None
    return {
        "name": form.name.data, "agent_id": agent.id if agent else None, "context": form.context_values(),
        "note": form.note.data,
    }  # fmt: skip


def _form_of(campaign: Campaign) -> WhatForm:
    context = [*({"key": key, "value": value} for key, value in campaign.context.items()), {}][:MOST_ROWS_OF_CONTEXT]
    seen = drafts.fingerprint(campaign, "what")
    agent = agent_words(campaign.agent) if campaign.agent else ""
    return WhatForm(
        data={"name": campaign.name, "agent": agent, "context": context, "note": campaign.note, "seen": seen}
    )


def _show(campaign: Campaign, form: WhatForm, changes: list[drafts.Change]) -> str:
    if "add_row" in request.form and len(form.context.entries) < form.context.max_entries:
        form.context.append_entry()
    # What is typed stays in the form; the next press overwrites what it now has been told of.
    if changes or not form.errors:
        form.seen.data = drafts.fingerprint(campaign, "what")
    agents = drafts.saved_agents(db.session())
    return render_template(
        "compose/what.html",
        form=form,
        changes=changes,
        agents=agents,
        agent_words=agent_words,
        **frame(campaign, "what"),
    )


def agent_words(agent: Agent) -> str:
    """How an agent stands in the form: name and UUID, so that two of the same name are told apart."""
    return agent.uuid if agent.name == agent.uuid else f"{agent.name} · {agent.uuid}"


def _likely_agent() -> str:
    agents = drafts.saved_agents(db.session())
    return agent_words(agents[0]) if len(agents) == 1 else ""


def _zone_of_browser() -> str:
    zone = request.cookies.get("zone", "")
    return zone if zone in zone_names() else "UTC"
