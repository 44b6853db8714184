"""The variables that an agent's script needs: who has none, and what follows from that."""

import pytest

from core.drafts import problems
from core.lists import list_of
from core.variables import Gap, missing_variables, why_blocked, without_variables
from tests.factories import NOW, make_agent, make_campaign, make_list


@pytest.fixture
def campaign(session):
    agent = make_agent(session, variables=["first_name", "policy", "city"])
    campaign = make_campaign(session, agent=agent, context={"city": "Rome"})
    make_list(session, campaign, mapping={"number": 0, "variables": {"first_name": 1}}, reading={"gaps": {"1": 2}})
    return campaign


def test_missing_columns_and_empty_values_are_counted_by_name(session, campaign):
    assert missing_variables(campaign, list_of(session, campaign.id)) == [
        Gap("policy", 3, column=False), Gap("first_name", 2, column=True)
    ]  # fmt: skip


def test_a_launch_is_only_warned_of_unless_the_agent_says_otherwise(session, campaign):
    assert problems(session, campaign, NOW)["who"] == []
    campaign.agent.on_missing = "block"
    assert problems(session, campaign, NOW)["who"] == why_blocked(campaign, list_of(session, campaign.id)) == [
        "The agent needs “policy”, and no column and no context gives it.",
        "The agent needs “first_name”, and 2 people have nothing there. Correct the rows, or let the agent only warn of it.",
    ]  # fmt: skip


def test_a_programs_targets_are_held_to_it_too(session, campaign):
    targets = [{"first_name": "Ada", "policy": "1"}, {"first_name": "", "policy": "2"}]
    assert without_variables(campaign.agent, campaign.context, targets) is None
    campaign.agent.on_missing = "block"
    words = without_variables(campaign.agent, campaign.context, targets)
    assert words == "The agent needs “first_name”, and target 1 has none."
    assert without_variables(campaign.agent, campaign.context, targets[:1]) is None
