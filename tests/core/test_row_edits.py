"""A row is corrected in place, and everything that follows from it is right at once."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.audit import Actor
from core.cleaning import Cleaner
from core.database import writing
from core.errors import Conflict, Invalid, NotFound
from core.judging import Judge
from core.models import AuditEntry, ContactList, Row, Suppression
from core.row_edits import edit_row, seen_of
from core.row_store import all_rows, row_of, store_rows
from core.states import CALLABLE_VERDICTS
from tests.factories import NOW, make_campaign, make_list

ADA = Actor("Ada")
MAPPING = {"number": 0, "variables": {"name": 1}}
NUMBERS = ["+14155552671", "(415) 555-2671", "'4155552672", "x", "", "+14155550000"]


def imported(session, rows, keep="first"):
    """A list of these rows as an import leaves it."""
    contact_list = make_list(
        session, make_campaign(session), size=0, headers=["phone", "name"], mapping=MAPPING, keep=keep
    )
    judge, cleaner = Judge(keep), Cleaner("US", MAPPING)
    store_rows(session, contact_list.id, judge.judge([cleaner.clean(n, cells) for n, cells in enumerate(rows, 2)], {}))
    contact_list.counts = dict(judge.counts)
    contact_list.reading = {"gaps": judge.gaps(2), "emptiest": judge.emptiest()}
    session.commit()
    return contact_list


def edit(session, contact_list, row_number, cells):
    seen = seen_of(row_of(session, contact_list.id, row_number))
    with writing(session):
        return edit_row(session, contact_list.campaign_id, row_number, cells, seen, ADA, NOW)


def stored(session, contact_list):
    session.expire_all()
    return [(row.cells, row.verdict, row.reason) for rows in all_rows(session, contact_list.id) for row in rows]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(["Ada", ""])).map(list), min_size=2, max_size=6),
    edits=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(NUMBERS), st.sampled_from(["Bo", ""])), max_size=4),
    keep=st.sampled_from(["first", "last"]),
)
def test_a_list_corrected_row_by_row_is_the_list_that_a_right_file_would_have_given(session, rows, edits, keep):
    contact_list = imported(session, rows, keep)
    for place, number, name in edits:
        rows[place % len(rows)] = [number, name]
        edit(session, contact_list, place % len(rows) + 2, [number, name])
    other = imported(session, rows, keep)
    assert stored(session, contact_list) == stored(session, other)
    contact_list, other = session.get_one(ContactList, contact_list.id), session.get_one(ContactList, other.id)
    assert Counter(contact_list.counts) == Counter(other.counts)
    assert Counter(contact_list.reading["gaps"]) == Counter(other.reading["gaps"])
    assert sum(contact_list.counts.values()) == len(rows)


def test_the_duplicate_of_a_corrected_number_counts_now(session):
    contact_list = imported(session, [["+14155552671", "Ada"], ["4155552671", "Bob"]])
    edit(session, contact_list, 2, ["+14155552672", "Ada"])
    assert [verdict for _, verdict, _ in stored(session, contact_list)] == ["ready", "ready"]
    assert session.get_one(ContactList, contact_list.id).edited == 1


def test_a_number_on_the_do_not_call_list_is_barred_at_once(session):
    contact_list = imported(session, [["12", "Ada"]])
    session.add(Suppression(number="+14155552671", created_at=NOW))
    session.commit()
    row = edit(session, contact_list, 2, ["+14155552671", "Ada"])
    assert (row.verdict, row.reason) == ("do_not_call", "On the do-not-call list since 2026-03-02.")


def test_the_entry_says_which_row_and_not_whose_number(session):
    contact_list = imported(session, [["12", "Ada"]])
    edit(session, contact_list, 2, ["+14155552671", "Ada"])
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "draft.row")).one()
    assert (entry.after, "4155" in entry.summary) == ({"row": 2, "verdict": "ready"}, False)


def test_the_same_cells_change_nothing(session):
    contact_list = imported(session, [["12", "Ada"]])
    version = contact_list.version
    edit(session, contact_list, 2, ["12", "Ada"])
    assert session.get_one(ContactList, contact_list.id).version == version


def test_what_somebody_else_corrected_meanwhile_is_not_overwritten(session):
    contact_list = imported(session, [["12", "Ada"]])
    seen = seen_of(row_of(session, contact_list.id, 2))
    edit(session, contact_list, 2, ["+14155552671", "Ada"])
    with pytest.raises(Conflict, match="Somebody else"), writing(session):
        edit_row(session, contact_list.campaign_id, 2, ["13", "Ada"], seen, ADA, NOW)


def test_a_cell_can_be_cleared_and_a_short_row_gets_longer(session):
    contact_list = imported(session, [["+14155552671", "Ada"]])
    assert edit(session, contact_list, 2, ["+14155552671", ""]).cells == ["+14155552671", ""]
    assert edit(session, contact_list, 2, ["+14155552671", "", "more"]).cells == ["+14155552671", "", "more"]


@pytest.mark.parametrize(
    ("given", "row_number", "cells", "error"),
    [
        ({}, 99, ["1"], NotFound),
        ({}, 2, ["x" * 40_000], Invalid),
        ({"state": "importing"}, 2, ["1"], Conflict),
        ({"mapping": {"number": 0, "context": 2}}, 2, ["1"], Conflict),
    ],
)
def test_what_cannot_be_corrected_says_why(session, given, row_number, cells, error):
    contact_list = imported(session, [["12", "Ada"]])
    for name, value in given.items():
        setattr(contact_list, name, value)
    session.commit()
    row = session.get(Row, (contact_list.id, row_number))
    with pytest.raises(error), writing(session):
        edit_row(session, contact_list.campaign_id, row_number, cells, seen_of(row) if row else "", ADA, NOW)


def test_only_callable_rows_count_as_people(session):
    contact_list = imported(session, [["+14155552671", ""], ["x", "Bob"]])
    edit(session, contact_list, 3, ["+14155552672", ""])
    contact_list = session.get_one(ContactList, contact_list.id)
    assert sum(contact_list.counts[verdict] for verdict in CALLABLE_VERDICTS) == 2
    assert contact_list.reading["gaps"] == {"1": 2}
