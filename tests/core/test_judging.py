"""Judging: each row in one box, whatever the order; of a number's rows one counts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bar
from core.cleaning import Cleaner
from core.judging import Judge
from core.states import CALLABLE_VERDICTS, RowVerdict

MAPPING = {"number": 0, "caller_id": 1, "variables": {"name": 2}}
CELLS = st.lists(st.sampled_from(["+14155552671", "4155552672", "x", "", "'4155552673", "+4915112345678"]), max_size=3)
BARS = {
    "+14155552672": Bar(RowVerdict.DO_NOT_CALL, "Asked."),
    "+4915112345678": Bar(RowVerdict.CALLED_RECENTLY, "Lately."),
}


def judged(rows, keep="first", bars=BARS, batch=100):
    """What becomes of these rows in the end, by their numbers; and the judge."""
    judge, cleaner, stored = Judge(keep), Cleaner("US", MAPPING), {}
    clean = [cleaner.clean(number, list(cells)) for number, cells in rows]
    for start in range(0, len(clean), batch):
        some = {row.row_number: row for row in judge.judge(clean[start : start + batch], bars)}
        for number, by in judge.replaced.items():
            judge.forget(stored[number].verdict, clean[[n for n, _ in rows].index(number)].filled)
            stored[number] = stored[number]._replace(verdict="duplicate", reason=f"replaced by {by}")
        judge.replaced.clear()
        stored |= some
    return stored, judge


def numbered(rows):
    return list(enumerate(rows, 2))


def test_the_first_of_the_same_number_is_kept_however_it_is_written():
    rows, _ = judged(numbered([["(415) 555-2671"], ["+14155552671"]]))
    assert [row.verdict for row in rows.values()] == [RowVerdict.READY, RowVerdict.DUPLICATE]
    assert rows[3].reason == "The same number as in row 2."


def test_or_the_last_also_when_it_comes_in_a_later_batch():
    for batch in (1, 2, 100):
        rows, judge = judged(numbered([["(415) 555-2671"], ["x"], ["+14155552671"]]), "last", batch=batch)
        assert [row.verdict for row in rows.values()] == ["duplicate", "invalid", "ready"]
        assert {box: count for box, count in judge.counts.items() if count} == {
            "duplicate": 1,
            "invalid": 1,
            "ready": 1,
        }


def test_a_number_whose_first_row_cannot_be_called_is_not_a_duplicate():
    rows, _ = judged(numbered([["+14155552671", "nobody"], ["+14155552671", ""]]))
    assert [row.verdict for row in rows.values()] == [RowVerdict.INVALID, RowVerdict.READY]


def test_who_must_not_be_called_stands_in_a_box_of_its_own_with_the_reason():
    rows, _ = judged(numbered([["4155552672"], ["+49 151 12345678"]]))
    assert [(row.verdict, row.reason) for row in rows.values()] == [
        ("do_not_call", "Asked."),
        ("called_recently", "Lately."),
    ]


@given(st.lists(CELLS, max_size=20), st.sampled_from(["first", "last"]), st.integers(1, 7))
def test_the_boxes_always_add_up(rows, keep, batch):
    stored, judge = judged(numbered(rows), keep, batch=batch)
    assert sum(judge.counts.values()) == len(rows)
    for box in RowVerdict:
        assert judge.counts[box] == sum(row.verdict == box for row in stored.values())
    numbers = [row.number for row in stored.values() if row.verdict in CALLABLE_VERDICTS]
    assert len(set(numbers)) == len(numbers)


@given(st.lists(CELLS, max_size=12), st.randoms(use_true_random=False), st.sampled_from(["first", "last"]))
def test_the_order_of_rows_decides_only_which_of_a_number_counts(rows, chance, keep):
    shuffled = numbered(rows)
    chance.shuffle(shuffled)
    one, _ = judged(numbered(rows), keep)
    other, _ = judged(shuffled, keep)

    def boxes(stored):
        """Each number with the box of the row that counts; a repair is one row's own."""
        kinds = {"repaired": "ready"}
        return {
            (row.number, kinds.get(row.verdict, row.verdict)) for row in stored.values() if row.verdict != "duplicate"
        }

    assert boxes(one) == boxes(other)
    assert sum(row.verdict == "duplicate" for row in one.values()) == sum(
        row.verdict == "duplicate" for row in other.values()
    )


@given(st.lists(CELLS, max_size=20), st.sampled_from(["first", "last"]), st.integers(1, 7))
def test_gaps_count_the_callable_people_only(rows, keep, batch):
    stored, judge = judged(numbered(rows), keep, batch=batch)
    people = [json.loads(row.cells) for row in stored.values() if row.verdict in CALLABLE_VERDICTS]
    empty = {
        str(column): sum(not cells[column : column + 1] or not cells[column] for cells in people) for column in range(3)
    }
    assert judge.gaps(3) == {column: count for column, count in empty.items() if count}


def test_the_emptiest_callable_rows_are_named():
    rows = [["+14155552671", "", "Ada"], ["+14155552674"], ["bad", "", ""], ["+14155552675", "", "Bo"]]
    _, judge = judged(numbered(rows))
    assert judge.emptiest() == [3, 2, 5]
