"""Links with which people set a password: once, for a while, the newest only."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.database import writing
from core.errors import Conflict, NotFound
from core.links import (
    ask_for_link,
    find_link,
    give_token,
    link_state,
    make_link,
    note_unsent,
    unmailed_links,
    use_link,
)
from core.models import AuditEntry, PersonLink
from core.sign_ins import Try, find_sign_in, sign_in
from tests.factories import make_person


@pytest.fixture
def grace(session):
    person = make_person(session, email="grace@example.com", password_hash=None)
    session.commit()
    return person


@pytest.fixture
def admin(session):
    return Actor("An admin", make_person(session, role="admin").id)


@pytest.fixture
def made(session, admin):
    """`made(grace, now)`: the token of a link that an admin hands over."""
    return lambda person, now: make_link(session, person.id, admin, now, by_mail=False)[1]


@pytest.mark.parametrize(("password_hash", "kind", "hours"), [(None, "invitation", 72), ("known", "reset", 24)])
def test_a_link_lasts_as_long_as_its_kind(session, grace, now, password_hash, kind, hours, made):
    grace.password_hash = password_hash
    token = made(grace, now)
    assert find_link(session, token, now + timedelta(hours=hours, seconds=-1)).kind == kind
    with pytest.raises(NotFound):
        find_link(session, token, now + timedelta(hours=hours))


def test_only_its_hash_is_kept_and_no_audit_entry_holds_it(session, grace, now, made):
    token = made(grace, now)
    assert token not in session.scalar(select(PersonLink.token_hash))
    entry = session.scalars(select(AuditEntry)).one()
    assert token not in f"{entry.summary}{entry.before}{entry.after}"


def test_a_newer_link_makes_the_older_void(session, grace, now, made):
    older, newer = made(grace, now), made(grace, now)
    assert find_link(session, newer, now).person is grace
    with pytest.raises(NotFound):
        use_link(session, older, "hash", "", now)


def test_a_link_is_used_once_signs_out_everywhere_and_voids_the_others(session, grace, now, made):
    cookie = sign_in(session, grace, Try(0, grace.email, ""), "", now)
    token = made(grace, now)
    mailed = ask_for_link(session, grace.id, "192.0.2.7", now)
    assert use_link(session, token, "hash", "192.0.2.7", now).password_hash == "hash"
    assert find_sign_in(session, cookie, now) is None
    assert give_token(session, mailed.id, now) is None
    with pytest.raises(NotFound):
        use_link(session, token, "another hash", "", now)
    assert grace.password_hash == "hash"


def test_of_two_who_use_a_link_at_once_one_is_first(session, engine, grace, now, made):
    token = made(grace, now)
    session.commit()

    def use(password_hash):
        with Session(engine) as own, writing(own):
            use_link(own, token, password_hash, "", now)

    with ThreadPoolExecutor(2) as pool:
        errors = [using.exception() for using in [pool.submit(use, each) for each in ("one", "two")]]
    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "NotFound"]


def test_whoever_left_gets_no_link_and_has_none(session, grace, now, made):
    token = made(grace, now)
    grace.is_active = False
    with pytest.raises(NotFound):
        find_link(session, token, now)
    with pytest.raises(Conflict, match="Activate the account first"):
        made(grace, now)
    assert ask_for_link(session, grace.id, "", now) is None


def test_a_stranger_who_asks_voids_nothing_and_fills_no_mailbox(session, grace, now, made):
    token = made(grace, now)
    first = ask_for_link(session, grace.id, "", now)
    assert ask_for_link(session, grace.id, "", now + timedelta(minutes=4)) is None
    assert ask_for_link(session, grace.id, "", now + timedelta(minutes=6)).id > first.id
    assert find_link(session, token, now).person is grace
    assert give_token(session, first.id, now) is None


def test_a_mailed_link_gets_one_token_and_its_bell_is_rung_again_for_a_while(session, grace, now, admin):
    link, token = make_link(session, grace.id, admin, now, by_mail=True)
    assert (token, link_state(link, now)) == ("", "mailing")
    rung = [unmailed_links(session, now + timedelta(seconds=later)) for later in (1, 60, 1000)]
    assert rung == [[], [link.id], []]
    _, token = give_token(session, link.id, now)
    assert give_token(session, link.id, now) is None
    assert (find_link(session, token, now), link_state(link, now)) == (link, "open")


def test_a_link_that_could_not_be_mailed_is_void_and_may_be_asked_for_again(session, grace, now):
    link = ask_for_link(session, grace.id, "", now)
    _, token = give_token(session, link.id, now)
    note_unsent(session, link.id, now)
    session.refresh(link)
    assert link_state(link, now) == "unsent"
    with pytest.raises(NotFound):
        find_link(session, token, now)
    assert ask_for_link(session, grace.id, "", now) is not None
