"""The benchmark of receiving runs, and finds everything that was answered kept and applied."""

import re

from bench.receive import main


def test_a_small_run_prints_both_ratios_last(postgresql_url, capsys):
    small = ["--rounds", "1", "--people", "3", "--warm-up", "1", "--connections", "2", "--workers", "1", "--no-memory"]
    assert main(small) == 0
    last_lines = capsys.readouterr().out.splitlines()[-2:]
    assert [re.sub(r"\d", "0", line) for line in last_lines] == ["ratio sqlite 0.00", "ratio postgresql 0.00"]
