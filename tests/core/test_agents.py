"""The agent of calls that a second person approved."""

import pytest

from core.agents import change_agent
from core.approvals import approve, ask, substance_of
from core.audit import Actor
from core.database import writing
from core.errors import Invalid
from tests.factories import NOW, make_campaign, make_list, make_person

OTHER = "00000000-0000-4000-8000-00000000beef"


def test_another_agent_does_not_make_the_calls_that_were_approved(session):
    with writing(session):
        ada, grace = (Actor(name, make_person(session).id) for name in ("Ada", "Grace"))
        campaign = make_campaign(session)
        make_list(session, campaign)
        substance = substance_of(session, campaign.id)
        ask(session, campaign.id, substance, campaign_version=1, list_version=1, actor=ada, now=NOW)
        approve(session, campaign.id, substance.digest, grace, NOW)
    agent = campaign.agent
    with pytest.raises(Invalid, match="approved") as told, writing(session):
        change_agent(session, agent, agent.name, OTHER, [], ada, NOW)
    assert told.value.field == "uuid"
    with writing(session):
        change_agent(session, agent, "A better name", agent.uuid, [], ada, NOW)
        campaign.state = "completed"
        session.flush()
        change_agent(session, agent, agent.name, OTHER, [], ada, NOW)
    assert (agent.name, agent.uuid) == ("A better name", OTHER)
