"""Ask the provider how many calls it still allows us; rung now and then while anything is called."""

from dataclasses import asdict

from core.database import writing
from core.provider_state import keep_quota
from jobs.provider import provider
from jobs.runtime import now, session_scope, settings


def ask_quota(_row_id: int) -> None:
    """The job. A provider that does not tell limits nothing."""
    tenant = settings().provider_tenant
    if tenant is None:
        return
    with session_scope() as session:
        answer = provider(session).get_quota(tenant)
        with writing(session):
            keep_quota(session, asdict(answer.value) if answer.value else None, now())
