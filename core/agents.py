"""The provider's voice agents, as we know them: id, name, and the variables that the agent's script needs."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.audit import Actor, changes, note
from core.columns import LONGEST_VARIABLE, REF
from core.errors import Invalid, NotFound
from core.models import Agent, Approval, Campaign
from core.states import LIVE_CAMPAIGNS

MOST_VARIABLES = 100


def all_agents(session: Session) -> Sequence[Agent]:
    """By name."""
    return session.scalars(select(Agent).order_by(Agent.name, Agent.id)).all()


def get_agent(session: Session, agent_id: int) -> Agent:
    agent = session.get(Agent, agent_id)
    if agent is None:
        raise NotFound("There is no such agent.")
    return agent


def find_agent(session: Session, uuid: str) -> Agent | None:
    """By the provider's id, in any spelling of it; Invalid when it is none."""
    return session.scalar(select(Agent).where(Agent.uuid == plain_uuid(uuid)))


def plain_uuid(text: str) -> str:
    """An id as it is kept and sent: lower case, with dashes. Invalid (field "uuid") when it is no UUID."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise Invalid("This is not an agent id. It looks like 123e4567-e89b-12d3-a456-426614174000.", "uuid") from None


def plain_variables(lines: Sequence[str]) -> list[str]:
    """Names of variables, each once, in their order; Invalid (field "variables") names the one that is wrong."""
    names = list(dict.fromkeys(name for line in lines if (name := line.strip())))
    for name in names:
        if len(name) > LONGEST_VARIABLE or not re.fullmatch(r"[\w.-]+", name):
            raise Invalid(
                f"“{name[:LONGEST_VARIABLE]}” cannot be a variable: use letters, digits and _ only, at most {LONGEST_VARIABLE}.",
                "variables",
            )
        if name == REF:
            raise Invalid(f"“{REF}” is the name of our own reference; the script cannot use it.", "variables")
    if len(names) > MOST_VARIABLES:
        raise Invalid(f"An agent has at most {MOST_VARIABLES} variables.", "variables")
    return names


def add_agent(
    session: Session,
    name: str,
    uuid: str,
    variables: Sequence[str],
    actor: Actor,
    now: datetime,
    on_missing: str = "warn",
) -> Agent:
    """Keep an agent under its name. Invalid (field "uuid") when its id is kept already."""
    agent = Agent(
        name=name.strip(),
        uuid=plain_uuid(uuid),
        variables=plain_variables(variables),
        on_missing=on_missing,
        created_at=now,
    )
    with _each_id_once(session, agent.uuid):
        session.add(agent)
    note(session, actor, "agent.add", "agent", agent.id, now, summary=f"Agent {agent.name} added.", after=_facts(agent))
    return agent


def change_agent(
    session: Session, agent: Agent, name: str, uuid: str, variables: Sequence[str], actor: Actor, now: datetime,
    on_missing: str | None = None,
) -> None:  # fmt: skip
    """Change what we know of an agent; `on_missing` None leaves that as it is. A wave that was cut keeps the id it was cut with.

    Invalid (field "uuid"): a second person approved calls by this id that are not over.
    """
    session.refresh(agent, with_for_update={"key_share": True})  # an approval of its calls waits, or has been seen
    before, plain = _facts(agent), plain_uuid(uuid)
    if plain != agent.uuid and _is_approved(session, agent):
        raise Invalid("A campaign was approved with this id and is not over. Add the other one as a new agent.", "uuid")
    with _each_id_once(session, plain):
        agent.name, agent.uuid, agent.variables = name.strip(), plain, plain_variables(variables)
        agent.on_missing = on_missing or agent.on_missing
    before, after = changes(before, _facts(agent))
    if after:
        words = f"Agent {agent.name} changed."
        note(session, actor, "agent.change", "agent", agent.id, now, summary=words, before=before, after=after)


def keep_agent(session: Session, name: str, uuid: str, variables: Sequence[str], actor: Actor, now: datetime) -> Agent:
    """The agent with this id, added or changed to be as told; asking again changes nothing."""
    known = find_agent(session, uuid)
    if known is None:
        try:
            return add_agent(session, name, uuid, variables, actor, now)
        except Invalid:
            known = find_agent(session, uuid)  # somebody added it in this moment
            if known is None:
                raise
    change_agent(session, known, name, uuid, variables, actor, now)
    return known


def ensure_agent(session: Session, uuid: str, actor: Actor, now: datetime) -> Agent:
    """The agent of a pasted or posted id; one that we did not know is kept under its id as its name."""
    plain = plain_uuid(uuid)
    return find_agent(session, plain) or add_agent(session, plain, plain, (), actor, now)


def _is_approved(session: Session, agent: Agent) -> bool:
    approved = (
        select(Approval.id)
        .join(Campaign, Campaign.id == Approval.campaign_id)
        .where(Approval.verdict == "approved", Campaign.agent_id == agent.id, Campaign.state.in_(LIVE_CAMPAIGNS))
    )
    return session.scalar(approved.limit(1)) is not None


@contextmanager
def _each_id_once(session: Session, uuid: str) -> Iterator[None]:
    """The unique key, not a look beforehand, finds the twin; the rest of the transaction goes on."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError:
        known = session.scalar(select(Agent.name).where(Agent.uuid == uuid))
        raise Invalid(f"This id is already kept under the name “{known}”.", "uuid") from None


def _facts(agent: Agent) -> dict[str, object]:
    return {"name": agent.name, "uuid": agent.uuid, "variables": list(agent.variables), "on_missing": agent.on_missing}
