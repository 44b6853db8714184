"""Gives a sandbox installation the sandbox's own agents, so that a first campaign needs no id from elsewhere."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from config import Settings
from core.agents import add_agent, all_agents
from core.audit import CALLBOARD
from core.database import open_engine, writing

# As the sandbox names them at GET /agents; a test holds the two together.
SANDBOX_AGENTS = (
    ("b9c1f0de-0001-4a6e-8f10-000000000001", "Alva, appointment reminder", ("name", "appointment_date")),
    ("b9c1f0de-0002-4a6e-8f10-000000000002", "Bruno, payment reminder", ("name", "amount", "due_date")),
    ("b9c1f0de-0003-4a6e-8f10-000000000003", "Clara, customer survey", ("first_name", "product")),
    ("b9c1f0de-0004-4a6e-8f10-000000000004", "Dario, event invitation", ("name", "event", "city")),
)


def prepare_first_agents(settings: Settings) -> None:
    """Keep the sandbox's agents, unless this is no sandbox or an agent is known already."""
    if not settings.is_sandbox:
        return
    engine = open_engine(settings.database_url)
    with Session(engine) as session, writing(session):
        if not all_agents(session):
            for uuid, name, variables in SANDBOX_AGENTS:
                add_agent(session, name, uuid, variables, CALLBOARD, datetime.now(UTC))
    engine.dispose()
