"""The sandbox shares no code with what it is there to test."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALLOWED = {"sandbox", "flask", "werkzeug", "gevent", "urllib3"} | sys.stdlib_module_names


def imported(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add((node.module or "").split(".")[0])
    return names


def test_the_sandbox_imports_nothing_of_ours() -> None:
    sources = list((ROOT / "sandbox").rglob("*.py"))
    assert len(sources) > 10
    assert {name for source in sources for name in imported(source)} <= ALLOWED
