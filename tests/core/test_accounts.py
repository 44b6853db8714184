"""Accounts: added once, changed by an admin, closed at once; and never the last door shut from inside."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.accounts import (
    activate,
    add_person,
    change_own_details,
    change_own_password,
    change_person,
    deactivate,
    people,
    sign_out_person,
)
from core.audit import Actor
from core.browsers import end_sign_ins, renew_token
from core.database import writing
from core.errors import Conflict, DomainError, Invalid
from core.links import find_link, make_link
from core.models import AuditEntry, Person, SignIn
from core.people import lock_person
from core.sign_ins import Try, find_sign_in, sign_in, sign_out_everywhere
from tests.factories import make_person
from tests.sandbox_process import wait_until

WAITING_FOR_ME = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def ada(session):
    person = make_person(session, email="ada@example.com", role="admin")
    session.commit()
    return person


@pytest.fixture
def by_ada(ada):
    return Actor("Ada", ada.id)


def test_somebody_is_added_in_plain_form_and_audited(session, by_ada, now):
    person = add_person(session, " Grace@Example.COM ", " Grace\n\0 Hopper\u202e", "launcher", by_ada, now)
    assert (person.email, person.name, person.role) == ("grace@example.com", "Grace Hopper", "launcher")
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.act, entry.person_id) == ("person.add", by_ada.person_id)
    assert entry.after == {"email": "grace@example.com", "name": "Grace Hopper", "role": "launcher"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("ADA@example.com", "", "viewer"), "email"),
        (("a\0da@example.com", "", "viewer"), "email"),
        (("ada@example.com\nBcc: eve@example.com", "", "viewer"), "email"),
        (("<ada@x.example>", "", "viewer"), "email"),
        (("a@b@c", "", "viewer"), "email"),
        (("a..b@example.com", "", "viewer"), "email"),
        (("ädä@example.com", "", "viewer"), "email"),
        (("a" * 250 + "@example.com", "", "viewer"), "email"),
        (("", "", "viewer"), "email"),
        (("bob@example.com", "x" * 256, "viewer"), "name"),
        (("bob@example.com", "", "emperor"), "role"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(session, by_ada, now, given, field):
    with pytest.raises(Invalid) as refused:
        add_person(session, *given, by_ada, now)
    assert refused.value.field == field
    assert session.scalars(select(Person)).one().email == "ada@example.com"


def test_a_change_says_what_was_before(session, by_ada, now):
    grace = make_person(session, email="grace@example.com", role="viewer")
    change_person(session, grace.id, "Grace", "launcher", by_ada, now)
    change_person(session, grace.id, "Grace", "launcher", by_ada, now)
    entry = session.scalars(select(AuditEntry)).one()
    assert entry.summary == "grace@example.com changed from viewer to launcher."
    assert (entry.before["role"], entry.after["role"]) == ("viewer", "launcher")


def test_whoever_is_deactivated_is_out_at_once_and_their_links_are_void(session, by_ada, now):
    grace = make_person(session)
    cookie = sign_in(session, grace, Try(0, grace.email, ""), "", now)
    _, token = make_link(session, grace.id, by_ada, now, by_mail=False)
    deactivate(session, grace.id, by_ada, now)
    activate(session, grace.id, by_ada, now)
    assert grace.is_active
    assert find_sign_in(session, cookie, now) is None
    with pytest.raises(DomainError):
        find_link(session, token, now)


def test_the_last_admin_who_can_come_in_stays(session, ada, by_ada, now):
    make_person(session, role="admin", password_hash=None)  # invited, never came
    make_person(session, role="admin", is_active=False)
    with pytest.raises(Invalid, match="the only admin who can sign in"):
        change_person(session, ada.id, "", "viewer", by_ada, now, sure=True)
    with pytest.raises(DomainError, match="the only admin who can sign in"):
        deactivate(session, ada.id, Actor("Another admin", 0), now)


def test_nobody_gives_up_being_an_admin_by_accident(session, ada, by_ada, now):
    make_person(session, role="admin")
    with pytest.raises(Invalid, match="only another admin can give it back"):
        change_person(session, ada.id, "", "launcher", by_ada, now)
    with pytest.raises(DomainError, match="your own account"):
        deactivate(session, ada.id, by_ada, now)
    assert change_person(session, ada.id, "", "launcher", by_ada, now, sure=True).role == "launcher"


def test_of_two_admins_who_leave_at_once_one_stays(session, engine, ada, now):
    both = [ada.id, make_person(session, role="admin").id]
    session.commit()

    def leave(person_id):
        with Session(engine) as own, writing(own):
            change_person(own, person_id, "", "viewer", Actor("", person_id), now, sure=True)

    with ThreadPoolExecutor(2) as pool:
        errors = [leaving.exception() for leaving in [pool.submit(leave, person_id) for person_id in both]]
    assert sorted(type(error).__name__ for error in errors) == ["Invalid", "NoneType"]
    assert len(session.scalars(select(Person.id).where(Person.role == "admin")).all()) == 1


def test_a_new_password_ends_every_other_sign_in_and_renews_this_one(session, ada, by_ada, now):
    old, other = (sign_in(session, ada, Try(0, ada.email, ""), "", now) for _ in range(2))
    here = find_sign_in(session, old, now)
    new = change_own_password(session, ada.id, here.id, ada.password_hash, "new hash", by_ada, now)
    assert [find_sign_in(session, token, now) for token in (old, other, new)] == [None, None, here]
    with pytest.raises(Conflict, match="from another browser"):
        change_own_password(session, ada.id, here.id, "old hash", "newer hash", by_ada, now)
    assert session.scalars(select(SignIn.revoked_at).order_by(SignIn.id)).all() == [None, now]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("end_all", [sign_out_everywhere, sign_out_person])
def test_a_new_password_and_a_sign_out_everywhere_do_not_wait_for_each_other(
    session, engine, ada, by_ada, now, end_all
):
    with writing(session):
        tokens = [sign_in(session, ada, Try(0, ada.email, ""), "", now) for _ in range(2)]
    here = find_sign_in(session, tokens[1], now).id

    def sign_out():
        with Session(engine) as own, writing(own):
            end_all(own, by_ada.person_id, by_ada, now)

    with ThreadPoolExecutor(1) as pool:
        with writing(session):
            lock_person(session, ada.id)
            renew_token(session, here, now)
            other = pool.submit(sign_out)
            wait_until(lambda: session.scalar(text(WAITING_FOR_ME)))
            end_sign_ins(session, ada.id, now, but=here)
        other.result()
    assert all(find_sign_in(session, token, now) is None for token in tokens)


def test_ones_own_number_is_kept_whole_and_stays_out_of_the_audit(session, ada, by_ada, now):
    change_own_details(session, ada.id, "Ada", " +44 20 7946-0018 ", by_ada, now)
    assert (ada.name, ada.phone) == ("Ada", "+442079460018")
    entry = session.scalars(select(AuditEntry)).one()
    assert entry.summary == "ada@example.com changed their own name and phone."
    assert "7946" not in f"{entry.summary}{entry.before}{entry.after}"
    for rubbish in ("020 7946 0018", "12", "call me", "+", "\0", "9" * 3000):
        with pytest.raises(Invalid, match="country code"):
            change_own_details(session, ada.id, "Ada", rubbish, by_ada, now)
    change_own_details(session, ada.id, "Ada", " ", by_ada, now)
    assert ada.phone is None


def test_people_are_found_by_name_and_address_without_wildcards(session, ada):
    make_person(session, name="Grace 100%", is_active=False)
    assert [person.name for person in people(session, "100%")] == ["Grace 100%"]
    assert people(session, "EXAMPLE.com")[0] is ada
    assert people(session, "a%e") == []
