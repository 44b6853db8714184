"""The variables that an agent's script needs, and who on a list would be called without some of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.lists import callable_count
from core.models import Agent, Campaign, ContactList


@dataclass(frozen=True, slots=True)
class Gap:
    """A variable that the agent's script needs and `people` would be called without; `column` says whether a column gives it."""

    name: str
    people: int
    column: bool


def variable_columns(contact_list: ContactList) -> dict[str, int]:
    variables = contact_list.mapping.get("variables") or {}
    return {name: column for name, column in variables.items() if column is not None}


def missing_variables(campaign: Campaign, contact_list: ContactList) -> list[Gap]:
    """The agent's variables that some people would be called without, the widest gap first."""
    needed: Sequence[str] = campaign.agent.variables if campaign.agent else []
    people, columns = callable_count(contact_list), variable_columns(contact_list)
    empty = contact_list.reading.get("gaps") or {}
    gaps = []
    for name in needed if contact_list.mapping.get("context") is None else ():
        if name in columns:
            without = int(empty.get(str(columns[name]), 0))
        else:
            without = 0 if campaign.context.get(name) else people
        if without:
            gaps.append(Gap(name, without, column=name in columns))
    return sorted(gaps, key=lambda gap: -gap.people)


def why_blocked(campaign: Campaign, contact_list: ContactList) -> list[str]:
    """What keeps a list from being called by an agent that must not call anybody without its variables."""
    if campaign.agent is None or campaign.agent.on_missing != "block":
        return []
    return [_words(gap) for gap in missing_variables(campaign, contact_list)]


def _words(gap: Gap) -> str:
    if not gap.column:
        return f"The agent needs “{gap.name}”, and no column and no context gives it."
    people = "1 person has" if gap.people == 1 else f"{gap.people:,} people have"
    return (
        f"The agent needs “{gap.name}”, and {people} nothing there. Correct the rows, or let the agent only warn of it."
    )


def without_variables(agent: Agent, shared: Mapping[str, Any], contexts: Iterable[Mapping[str, Any]]) -> str | None:
    """Why a program's targets must not be called by this agent; None when nothing keeps them."""
    if agent.on_missing != "block":
        return None
    needed = [name for name in agent.variables if not shared.get(name)]
    for place, context in enumerate(contexts if needed else ()):
        if missing := [name for name in needed if not context.get(name)]:
            return f"The agent needs “{missing[0]}”, and target {place} has none."
    return None
