"""Which person somebody is whom an identity provider vouches for."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.database import writing
from core.errors import DomainError
from core.identity import Identity, NotLetIn, person_of, unlink
from core.models import AuditEntry, Person
from tests.factories import make_person

ADA = Identity("https://id.example.com", "248289761001", " Ada@Example.com ", True, "Ada")
AGAIN = Identity("https://id.example.com", "another subject", "ada@example.com")


def come(session, now, identity=ADA, role=None):
    return person_of(session, identity, role, "192.0.2.7", now)


def test_a_person_is_found_by_address_once_and_by_subject_ever_after(session, now):
    ada = make_person(session, email="ada@example.com")
    assert come(session, now).id == ada.id
    ada.email = "ada.byron@example.com"
    session.flush()
    assert come(session, now).id == ada.id
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.act, entry.person_id, entry.address) == ("person.link", ada.id, "192.0.2.7")
    assert (entry.before, entry.after) == ({"signs_in_at": None}, {"signs_in_at": "https://id.example.com"})


def test_a_second_subject_with_the_address_is_refused_until_an_admin_unlinks(session, now):
    ada = make_person(session, email="ada@example.com")
    come(session, now)
    with pytest.raises(NotLetIn, match="belongs to another"):
        come(session, now, AGAIN)
    unlink(session, ada.id, Actor("Grace"), now)
    assert come(session, now, AGAIN).id == ada.id


def test_the_last_admins_only_way_in_is_not_forgotten(session, now):
    ada = make_person(session, email="ada@example.com", role="admin", password_hash=None)
    come(session, now)
    with pytest.raises(DomainError, match="only admin who can sign in"):
        unlink(session, ada.id, Actor("Ada", ada.id), now)
    make_person(session, email="grace@example.com", role="admin")
    assert unlink(session, ada.id, Actor("Grace"), now).oidc_subject is None


def test_the_same_subject_of_another_issuer_is_somebody_else(session, now):
    make_person(session, email="ada@example.com")
    come(session, now)
    with pytest.raises(NotLetIn, match="There is no account"):
        come(session, now, Identity("https://other.example.com", ADA.subject, "grace@example.com"))


def test_many_first_sign_ins_at_once_make_one_person(engine, now):
    def come_at_once(_):
        with Session(engine) as session, writing(session):
            return come(session, now, role="viewer").id

    def settled(number):
        try:
            return come_at_once(number)
        except DomainError:
            return None

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(settled, range(8))) - {None}
    with Session(engine) as session:
        assert {session.scalar(select(Person.id))} == found
        assert session.scalar(select(func.count(AuditEntry.id))) == 2
