"""docs/security.md is complete and true: each requirement has one row, and each test that it names exists."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "security.md").read_text()
# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 begins with; those of level 3 come after them.
LEVEL_2 = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6,
    "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12,
    "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2,
    "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2,
    "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1,
    "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5,
    "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
IDS = re.compile(r"(\d+\.\d+)\.(\d+)(?:–\1\.(\d+))?(³?)")


def requirements() -> list[str]:
    """The ids in the first column of the tables by chapter, ranges written out; those of level 3 left out."""
    found = []
    for row in re.findall(r"^\| ([\d.–,³ ]+)", TABLE.partition("## V1 ")[2], re.MULTILINE):
        for section, first, last, level_3 in IDS.findall(row):
            if not level_3:
                found += [f"{section}.{number}" for number in range(int(first), int(last or first) + 1)]
    return found


def test_every_requirement_of_level_2_has_one_row():
    wanted = [f"{section}.{number}" for section, most in LEVEL_2.items() for number in range(1, most + 1)]
    found = requirements()
    assert sorted(found) == sorted(wanted)
    assert len(found) == 253


def test_every_test_that_it_names_exists():
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)
    missing = [f"{file}::{test}" for file, test in named if not has(TESTS / file, test)]
    assert len(named) > 150
    assert missing == []


def has(file: Path, test: str) -> bool:
    return file.is_file() and f"def {test}(" in file.read_text()
