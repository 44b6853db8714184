"""The benchmark of imports runs, and what it measures is a list that was really read."""

import re

from bench.imports import main


def test_a_small_run_prints_both_ratios_last(postgresql_url, capsys):
    small = ["--rounds", "1", "--rows", "400", "--workbook-rows", "50", "--suppressions", "10"]
    assert main(small) == 0
    last_lines = capsys.readouterr().out.splitlines()[-2:]
    assert [re.sub(r"\d+", "0", line) for line in last_lines] == ["ratio sqlite 0.0", "ratio postgresql 0.0"]
