"""The audit log: entries are added, and never changed or removed, not even by us."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.audit import Actor, note
from core.models import AuditEntry

ADA = Actor("Ada")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'Eve'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "INSERT OR REPLACE INTO audit_entry SELECT id, at, 'Eve', person_id, api_token_id, address, act, subject, subject_id,"
        " summary, before, after FROM audit_entry",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove_an_entry(session, now, statement):
    note(session, ADA, "agent.add", "agent", 1, now)
    session.commit()
    with pytest.raises(DBAPIError, match=r"only grows|syntax error"):
        session.execute(text(statement))
    session.rollback()
    assert session.query(AuditEntry.actor).all() == [("Ada",)]
