"""Programs keep the agents that people choose from: a PUT with the agent's id adds it or changes it, and may be repeated."""

from typing import Any

from flask import Response, jsonify

from blueprints.api import body_of_request, bp
from blueprints.api.validation import Fields, Refused, complaint, read_object
from blueprints.database import writing
from blueprints.runtime import now
from blueprints.security import actor, needs_token
from core.agents import MOST_VARIABLES, keep_agent
from core.errors import Invalid
from core.models import Agent


@bp.put("/agents/<agent_id>")
@needs_token("compose")
def keep(agent_id: str) -> Response:
    body, _hash = read_object(body_of_request())
    read = Fields(body, ("body",), [])
    name, variables = read.name("name"), read.texts("variables", MOST_VARIABLES)
    if read.complaints:
        raise Refused(read.complaints)
    try:
        with writing() as session:
            answer = agent_answer(keep_agent(session, name, agent_id, variables, actor(), now()))
    except Invalid as problem:
        raise Refused([_complaint(problem, agent_id, body)]) from None
    return jsonify(answer)


def _complaint(problem: Invalid, agent_id: str, body: dict[str, Any]) -> dict[str, Any]:
    if problem.field == "uuid":
        return complaint(("path", "agent_id"), "uuid_parsing", str(problem), agent_id)
    field = problem.field or "name"
    return complaint(("body", field), "value_error", str(problem), body.get(field))


def agent_answer(agent: Agent) -> dict[str, Any]:
    return {"agent_id": agent.uuid, "name": agent.name, "variables": list(agent.variables)}
