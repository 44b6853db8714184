"""Lists that are kept: each name once, and a way to be rid of them."""

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.database import writing
from core.errors import Conflict, Invalid, NotFound
from core.kept_lists import begin_forgetting, find_kept, forget_list, keep_list, kept_lists
from core.lists import waiting_lists
from core.models import AuditEntry, Row
from core.row_store import drop_rows
from tests.factories import NOW, make_campaign, make_list

ADA = Actor("Ada")


@pytest.fixture
def draft(session):
    draft = make_campaign(session)
    make_list(session, draft, filename="people.csv")
    session.commit()
    return draft


def keep(session, draft, name="Everybody"):
    with writing(session):
        return keep_list(session, draft.id, name, ADA, NOW)


def test_a_list_that_is_kept_waits_for_its_copy_and_stands_in_the_audit_log(session, draft):
    kept = keep(session, draft)
    assert (kept.campaign_id, kept.filename, kept.created_by) == (None, "people.csv", "Ada")
    assert waiting_lists(session, NOW) == [kept.id]
    assert session.scalars(select(AuditEntry.after).where(AuditEntry.act == "list.keep")).one()["people"] == 3


def test_a_name_is_kept_once(session, draft):
    keep(session, draft)
    with pytest.raises(Invalid, match="kept already"):
        keep(session, draft)
    assert [kept.name for kept in kept_lists(session)] == ["Everybody"]


def test_a_list_that_is_being_read_is_not_kept(session, draft):
    with pytest.raises(Conflict):
        keep_list(session, make_draft_that_reads(session).id, "Half", ADA, NOW)


def make_draft_that_reads(session):
    draft = make_campaign(session)
    make_list(session, draft, state="importing")
    return draft


def test_a_list_of_a_draft_is_no_kept_one(session, draft):
    with pytest.raises(NotFound):
        find_kept(session, 1)


def test_a_list_that_is_removed_takes_its_rows_along(session, draft):
    kept = keep(session, draft)
    session.add(Row(list_id=kept.id, row_number=2, cells=[], verdict="ready"))
    session.commit()
    with writing(session):
        assert drop_rows(session, begin_forgetting(session, kept.id).id) == 1
    with writing(session):
        forget_list(session, kept.id, ADA, NOW)
    assert kept_lists(session) == []
    assert len(session.scalars(select(Row)).all()) == 3
