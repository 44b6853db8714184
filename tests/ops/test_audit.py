"""The dependency audit says what was found, and does not call it good when nobody could be asked."""

import json
import sys

import pytest

from ops.audit import UNREACHABLE, audit

CLEAN = {"name": "flask", "version": "3.1.3", "vulns": []}
WRONG = {
    "name": "jinja2",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"], "description": "Escapes.\nX"}],
}
SKIPPED = {"name": "rq", "skip_reason": "Dependency not found and could not be audited: rq (3.0.0)"}


@pytest.fixture
def says(tmp_path):
    """A program that answers as pip-audit does: this text, these words of trouble, this exit code."""

    def program(text, trouble="", code=0):
        path = tmp_path / "pip-audit"
        words = f"import sys; sys.stdout.write({text!r}); sys.stderr.write({trouble!r}); sys.exit({code})"
        path.write_text(f"#!{sys.executable}\n{words}\n")
        path.chmod(0o700)
        return str(path)

    return program


def answer(*dependencies):
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_what_is_known_to_be_vulnerable_is_named_and_fails(says):
    lines, code = audit(says(answer(CLEAN, WRONG, SKIPPED), code=1), [])
    assert code == 1
    assert lines[0] == "jinja2 1.0: PYSEC-1, fixed in 3.1. Escapes."
    assert lines[1] == "Not audited: Dependency not found and could not be audited: rq (3.0.0)"
    assert lines[2] == "2 packages were looked up; known vulnerabilities: 1."


def test_nothing_known_is_good(says):
    assert audit(says(answer(CLEAN)), []) == (["1 packages were looked up; known vulnerabilities: 0."], 0)


@pytest.mark.parametrize(
    ("text", "trouble", "code"),
    [(answer(SKIPPED), "No known vulnerabilities found", 0), (answer(), "", 0), ("", "ConnectionError: no route", 1)],
)
def test_a_database_out_of_reach_is_said_and_does_not_fail(says, text, trouble, code):
    lines, exit_code = audit(says(text, trouble, code), [])
    assert lines[0].startswith(UNREACHABLE)
    assert exit_code == 0
