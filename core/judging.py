"""Judging: each row of a list ends in exactly one of the six boxes, which add up to the rows of the file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.bars import Bar
from core.cleaning import MOST_COLUMNS
from core.states import CALLABLE_VERDICTS, RowVerdict

# So many of the rows with the most gaps are remembered: some of them may be corrected before somebody looks.
EMPTIEST = 20
_READY, _REPAIRED, _DUPLICATE, _INVALID = map(
    str, (RowVerdict.READY, RowVerdict.REPAIRED, RowVerdict.DUPLICATE, RowVerdict.INVALID)
)


class JudgedRow(NamedTuple):
    """One row as it is stored, in the order of the columns there."""

    row_number: int
    cells: str
    verdict: str
    reason: str
    number: str | None = None
    caller_id: str | None = None
    time_zone: str | None = None


class Judge:
    """Judges the rows of one list in their order: of a number's rows the first, or the last, counts; the others are duplicates.

    `counts` has the boxes. `replaced` names rows of earlier batches that a later one took the place of: whoever has stored them
    marks them (`as_replaced`) and takes them out of the counts (`forget`).
    """

    def __init__(self, keep: str = "first"):
        self.keeps_last = keep == "last"
        self.counts: Counter[str] = Counter(dict.fromkeys(map(str, RowVerdict), 0))
        self.replaced: dict[int, int] = {}
        self._filled: Counter[int] = Counter()
        self._emptiest: list[tuple[int, int]] = []
        self._enough = MOST_COLUMNS + 1  # a row with so many filled cells is not among the emptiest
        self._rows: dict[int, int] = {}

    def judge(self, rows: Sequence[Sequence[Any]], bars: Mapping[str, Bar]) -> list[JudgedRow]:
        """A batch of `CleanRow`s, or of lists in their order. `bars` has those of its numbers that must not be called."""
        judged: list[JudgedRow] = []
        for row_number, cells, filled, number, caller_id, zone, reason, is_wrong in rows:
            if is_wrong:
                verdict = _INVALID
            else:
                digits = int(number[1:])
                first = self._rows.setdefault(digits, row_number)
                if first != row_number and not self.keeps_last:
                    verdict, reason, caller_id, zone = _DUPLICATE, f"The same number as in row {first}.", None, None
                else:
                    if first != row_number:
                        self._rows[digits] = row_number
                        self.replaced[first] = row_number
                    if bar := bars.get(number):
                        verdict, reason = bar.verdict, bar.reason
                    else:
                        verdict = _REPAIRED if reason else _READY
                        self._filled[filled] += 1
                        if filled.bit_count() < self._enough:
                            self._note_gaps(filled.bit_count(), row_number)
            self.counts[verdict] += 1
            judged.append(JudgedRow(row_number, cells, verdict, reason, number, caller_id, zone))
        if self.replaced:
            self._replace_here(rows, judged)
        return judged

    def _replace_here(self, rows: Sequence[Sequence[Any]], judged: list[JudgedRow]) -> None:
        """Rows of this very batch that a later one took the place of are not stored yet."""
        places = {row.row_number: place for place, row in enumerate(judged)}
        for row_number in [number for number in self.replaced if number in places]:
            place, by = places[row_number], self.replaced.pop(row_number)
            self.forget(judged[place].verdict, rows[place][2])
            judged[place] = judged[place]._replace(**as_replaced(row_number, by))

    def _note_gaps(self, filled: int, row_number: int) -> None:
        worst = self._emptiest
        worst.append((filled, row_number))
        worst.sort()
        del worst[EMPTIEST:]
        if len(worst) == EMPTIEST:
            self._enough = worst[-1][0]

    def forget(self, verdict: str, filled: int) -> None:
        """A row of this verdict is a duplicate now."""
        self.counts[verdict] -= 1
        self.counts[_DUPLICATE] += 1
        if verdict in CALLABLE_VERDICTS:
            self._filled[filled] -= 1

    def gaps(self, columns: int) -> dict[str, int]:
        """How many callable rows have nothing in a column, by column. (Keys are texts, as JSON has them.)"""
        empty: Counter[int] = Counter()
        for filled, rows in self._filled.items():
            for column in range(columns):
                if not filled >> column & 1:
                    empty[column] += rows
        return {str(column): rows for column, rows in sorted(empty.items()) if rows}

    def emptiest(self) -> list[int]:
        """Numbers of the callable rows with the most gaps, the emptiest first; some of them may be duplicates by now."""
        return [row_number for _, row_number in self._emptiest]


def as_replaced(row_number: int, by: int) -> dict[str, Any]:
    """What becomes of a row whose number stands in a later row too, where the last one counts."""
    words = f"The same number as in row {by}, which counts."
    return {"row_number": row_number, "verdict": _DUPLICATE, "reason": words, "caller_id": None, "time_zone": None}
