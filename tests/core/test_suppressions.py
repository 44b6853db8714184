"""The do-not-call list: adding never weakens, whatever is looked for is found, and each change leaves its entry."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import suppressions
from core.audit import Actor
from core.bars import barred
from core.database import writing
from core.errors import Invalid, NotFound
from core.models import AuditEntry
from core.suppressions import Added, Entry, Filter, add_numbers, find, put, remove
from core.tables import safe_cell
from tests.factories import make_suppression

ADA, GRACE = Actor("Ada"), Actor("Grace")
NUMBER = "+14155552671"
DAY = timedelta(days=1)


def added(session, now, *numbers, reason="", until=None, actor=ADA, source="person"):
    with writing(session):
        return add_numbers(session, numbers or [NUMBER], reason, until, source, actor, now)


def told(session):
    session.rollback()
    return session.execute(select(AuditEntry.act, AuditEntry.actor, AuditEntry.summary)).all()


def test_a_number_on_the_list_is_barred_and_one_that_is_over_is_not(session, now):
    added(session, now, reason="Asked by letter", until=now + DAY)
    assert barred(session, [NUMBER], now)[NUMBER].reason == "On the do-not-call list since 2026-03-02: Asked by letter"
    assert barred(session, [NUMBER], now + DAY) == {}


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [(1, 2, 2), (2, 1, 2), (None, 1, None), (1, None, None), (None, None, None), (1, 1, 1)],
)
def test_added_again_the_later_end_counts_and_none_is_the_latest(session, now, first, second, left):
    first, second, left = (None if days is None else now + days * DAY for days in (first, second, left))
    added(session, now, reason="first", until=first)
    added(session, now + timedelta(hours=1), reason="second", until=second, actor=GRACE)
    kept = find(session, NUMBER)
    assert (kept.expires_at, kept.reason, kept.created_by, kept.created_at) == (left, "first", "Ada", now)


def test_a_reason_is_filled_in_where_there_was_none(session, now):
    added(session, now)
    assert added(session, now + DAY, reason="By letter") == Added(0, 1, changed=1)
    assert find(session, NUMBER).reason == "By letter"


def test_an_entry_that_is_over_begins_anew(session, now):
    added(session, now, reason="first", until=now + DAY)
    assert added(session, now + 2 * DAY, reason="second", actor=GRACE, source="api") == Added(1, 0)
    kept = find(session, NUMBER)
    assert (kept.reason, kept.created_at, kept.created_by, kept.source, kept.expires_at) == (
        "second", now + 2 * DAY, "Grace", "api", None,
    )  # fmt: skip


def test_the_same_number_twice_in_one_go_is_one_entry_as_strong_as_both(session, now):
    with writing(session):
        done = put(session, [Entry(NUMBER, "", now + DAY), Entry(NUMBER, "By letter", now + 2 * DAY)], "file", ADA, now)
    assert done == Added(1, 1)
    kept = find(session, NUMBER)
    assert (kept.reason, kept.expires_at) == ("By letter", now + 2 * DAY)


def test_more_numbers_than_one_statement_takes_are_all_there(session, now):
    numbers = [f"+1415{place}" for place in range(5_552_000, 5_554_500)]
    assert added(session, now, *numbers) == Added(2500, 0)
    assert added(session, now + DAY, *numbers[::-1]) == Added(0, 2500)
    assert suppressions.count_entries(session, Filter("in_force"), now) == 2500


def test_what_can_bar_nobody_is_refused(session, now):
    with pytest.raises(Invalid, match="This day is over") as refused:
        added(session, now, until=now)
    assert refused.value.field == "expires_at"
    with pytest.raises(Invalid, match="At most 255") as refused:
        added(session, now, reason="x" * 256)
    assert refused.value.field == "reason"
    with pytest.raises(Invalid, match="at most 2200"):
        suppressions.end_after(date(9999, 12, 31))


def test_a_last_day_is_barred_until_it_is_over():
    end = suppressions.end_after(date(2026, 12, 31))
    assert (end, suppressions.last_day(end)) == (datetime(2027, 1, 1, tzinfo=UTC), date(2026, 12, 31))


def test_a_change_leaves_one_entry_without_numbers_and_a_repeat_none(session, now):
    added(session, now, reason="By letter")
    added(session, now + DAY, reason="By mail")
    added(session, now + DAY, NUMBER, "+14155552672", "+14155552673")
    with writing(session):
        remove(session, find(session, NUMBER).id, GRACE, now)
    assert told(session) == [
        ("suppression.add", "Ada", "Ada put a number on the do-not-call list."),
        ("suppression.add", "Ada", "Ada put 2 numbers on the do-not-call list."),
        ("suppression.remove", "Grace", "Grace took a number off the do-not-call list; it may be called again."),
    ]
    entries = session.scalars(select(AuditEntry)).all()
    assert "415555" not in str([(entry.before, entry.after, entry.summary) for entry in entries])
    assert entries[0].after == {
        "reason": "By letter",
        "expires_at": None,
        "source": "person",
        "added": 1,
        "there_already": 0,
    }


def test_what_is_not_there_cannot_be_removed(session, now):
    with pytest.raises(NotFound):
        remove(session, 999, ADA, now)


ENTRIES = {
    "+4915112345678": {"reason": "Grüße, 100 % sure"},
    "+14155552671": {"reason": "Ticket 815", "source": "api"},
    "+14155550101": {"reason": "", "expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
}
LOOKED_FOR = {
    "": "+4915112345678 +14155552671 +14155550101", "+49 151 12345678": "+4915112345678", "0151 123": "+4915112345678",
    "00 1 (415) 555-2671": "+14155552671", "671": "+14155552671", "415555": "+14155552671 +14155550101",
    "100 %": "+4915112345678", "_": "", "ticket": "+14155552671", "815": "+14155552671", "000": "", "'": "", "nobody": "",
}  # fmt: skip


@pytest.fixture
def kept(session):
    for number, given in ENTRIES.items():
        make_suppression(session, number, **given)
    session.commit()


def found(session, wanted, now):
    return {entry.number for entry in suppressions.entries_page(session, wanted, None, now).rows}


@pytest.mark.parametrize(("text", "numbers"), LOOKED_FOR.items())
def test_a_number_is_found_in_any_writing_by_some_digits_or_by_its_reason(session, kept, now, text, numbers):
    assert found(session, Filter(text=text), now) == set(numbers.split())


def test_what_is_in_force_what_is_over_and_what_came_from_where_are_told_apart(session, kept, now):
    assert found(session, Filter("in_force"), now) == {"+4915112345678", "+14155552671"}
    assert found(session, Filter("expired"), now) == {"+14155550101"}
    assert found(session, Filter(source="api"), now) == {"+14155552671"}
    assert suppressions.count_entries(session, Filter("expired", source="api"), now) == 0


def test_pages_and_batches_go_on_where_the_last_one_ended(session, kept, now, monkeypatch):
    first = suppressions.entries_page(session, Filter(), None, now, most=2)
    second = suppressions.entries_page(session, Filter(), first.next_key, now, most=2)
    assert [len(first.rows), len(second.rows), second.next_key] == [2, 1, None]
    monkeypatch.setattr(suppressions, "BATCH", 2)
    batches = [[entry.number for entry in batch] for batch in suppressions.all_entries(session, Filter(), now)]
    assert batches == [["+14155550101", "+14155552671"], ["+4915112345678"]]


@pytest.mark.parametrize("reason", ["=cmd()", "a;=b", "'=x", "''=x", "+49 151", "plain", "a; '=x", " -  x\n y\0", "@'"])
def test_a_reason_comes_back_from_a_spreadsheet_as_it_was(reason):
    plain = suppressions.plain_reason(reason)
    assert suppressions.plain_reason(safe_cell(plain)) == plain


def test_many_who_add_the_same_numbers_at_once_do_not_wait_for_each_other(engine):
    numbers = [f"+1415555{place:04d}" for place in range(300)]

    def add(order):
        with Session(engine) as session:
            return added(session, datetime.now(UTC), *order).added

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(add, [numbers, numbers[::-1]] * 4))
    with Session(engine) as session:
        assert suppressions.count_entries(session, Filter(), datetime.now(UTC)) == sum(done) == 300
