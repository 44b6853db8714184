"""Imports go one way: wsgi → app → blueprints → jobs → provider → core; the sandbox stands alone."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each room and the rooms of ours that it may import. `config` reads the environment and imports none.
MAY_IMPORT = {
    "config": set(),
    "core": set(),
    "sandbox": set(),
    "provider": {"core", "config"},
    "jobs": {"core", "config", "provider"},
    "blueprints": {"core", "config", "provider", "jobs"},
    "app": {"core", "config", "provider", "jobs", "blueprints"},
    "wsgi": {"app"},
    "ops": {"core", "config", "provider", "jobs", "blueprints", "app"},
    "migrations": {"core", "config"},
}
DOMAIN_MAY_USE = sys.stdlib_module_names | {"sqlalchemy", "phonenumbers"}
ROOMS_WITHOUT_THE_WEB = ("provider", "jobs")


def files(room: str) -> list[Path]:
    return [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").exists() else sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The first names of everything that a file imports, wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0] if node.level == 0 else path.relative_to(ROOT).parts[0])
    return names


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it(room):
    others = (MAY_IMPORT.keys() | {"tests", "bench"}) - MAY_IMPORT[room] - {room}
    wrong = {str(path.relative_to(ROOT)): found for path in files(room) if (found := imported(path) & others)}
    assert files(room)
    assert wrong == {}


def test_the_domain_needs_nothing_but_its_database_and_the_numbering_plan():
    wrong = {path.name: found for path in files("core") if (found := imported(path) - DOMAIN_MAY_USE - {"core"})}
    assert wrong == {}


@pytest.mark.parametrize("room", ROOMS_WITHOUT_THE_WEB)
def test_work_does_not_know_the_web(room):
    web = {"flask", "werkzeug", "wtforms", "flask_wtf", "flask_sqlalchemy", "htmx_flask"}
    assert {path.name: found for path in files(room) if (found := imported(path) & web)} == {}


@pytest.mark.parametrize("room", ["core", "provider", "blueprints", "app", "wsgi"])
def test_settings_come_from_one_file(room):
    assert [path.name for path in files(room) if "os.environ" in path.read_text(encoding="utf-8")] == []
