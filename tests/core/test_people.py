"""People: roles in their order; somebody who may sign in first; the first token."""

from itertools import pairwise

import pytest
from sqlalchemy import select

from core.models import ApiToken, AuditEntry, Person
from core.people import Role, ensure_first_person, may
from core.tokens import ensure_first_token, find_token, shut


def hashed(password):
    return f"hash of {password}"


@pytest.mark.parametrize(("lesser", "greater"), list(pairwise(Role)))
def test_roles_rise(lesser, greater):
    assert may(greater, lesser)
    assert not may(lesser, greater)


def test_the_first_person_gets_a_password_that_is_told_once(session, now):
    password = ensure_first_person(session, "Ada@Example.com", None, now, hashed)
    assert len(password) >= 16
    ada = session.scalars(select(Person)).one()
    assert (ada.email, ada.role, ada.password_hash) == ("ada@example.com", "admin", f"hash of {password}")
    assert session.scalars(select(AuditEntry.act)).all() == ["person.add"]
    assert ensure_first_person(session, "eve@example.com", "x", now, hashed) is None
    assert session.scalars(select(Person)).all() == [ada]


def test_a_given_password_is_not_told(session, now):
    assert ensure_first_person(session, "ada@example.com", "given", now, hashed) is None
    assert session.scalar(select(Person.password_hash)) == "hash of given"


def test_the_first_token_is_made_once_and_stays_revoked(session, now):
    ensure_first_token(session, "a token", now)
    ensure_first_token(session, "a token", now)
    token = session.scalars(select(ApiToken)).one()
    assert find_token(session, "a token") is token
    token.revoked_at = now
    ensure_first_token(session, "a token", now)
    assert "revoked" in shut(find_token(session, "a token"), now)
