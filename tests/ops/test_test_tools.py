"""Tools for the tests are found where they are, and their absence stops nothing."""

import pytest

from ops import test_tools


@pytest.fixture
def empty_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_apt_nothing_is_installed_and_nothing_fails(empty_path):
    assert test_tools.apt_install("chromium") is False


def test_postgresql_on_the_path_comes_first(empty_path):
    for name in ("initdb", "postgres"):
        (empty_path / name).write_text("#!/bin/sh\n")
        (empty_path / name).chmod(0o755)
    assert test_tools.find_postgresql() == empty_path.resolve()


def test_the_newest_installed_postgresql_is_used(empty_path, monkeypatch):
    for version in ("9", "15", "17"):
        programs = empty_path / version / "bin"
        programs.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (programs / name).write_text("")
    monkeypatch.setattr(test_tools, "POSTGRESQL_PLACES", (f"{empty_path}/*/bin",))
    assert test_tools.find_postgresql() == empty_path / "17" / "bin"


def test_a_command_that_fails_says_its_last_words(capsys):
    assert test_tools.succeeds(["/bin/sh", "-c", "echo sorry; exit 1"]) is False
    assert capsys.readouterr().out == "sorry\n"
