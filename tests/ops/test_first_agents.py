"""The agents that a new sandbox installation can choose from at once."""

from sqlalchemy import select

from core.models import Agent
from ops.first_agents import SANDBOX_AGENTS, prepare_first_agents
from sandbox.api import AGENTS


def test_a_new_sandbox_installation_knows_the_agents_of_the_sandbox_once(settings, session):
    prepare_first_agents(settings)
    prepare_first_agents(settings)
    known = session.scalars(select(Agent).order_by(Agent.uuid)).all()
    assert [(agent.uuid, agent.name, tuple(agent.variables)) for agent in known] == list(SANDBOX_AGENTS)
    assert [(uuid, name, tuple(variables)) for uuid, name, variables in AGENTS] == list(SANDBOX_AGENTS)
