"""What is installed is pinned, byte for byte: every requirement has a version and the hashes of its files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))
PIN = re.compile(r"[a-z0-9-]+(\[[a-z,]+\])?==[\w.+!]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


def requirements(name: str) -> list[str]:
    """The requirements of a file, each as one line."""
    text = (ROOT / name).read_text().replace("\\\n", "")
    return [" ".join(line.split()) for line in text.splitlines() if not line.startswith("#")]


def pins(name: str) -> dict[str, str]:
    return dict(line.split(" ")[0].split("==") for line in requirements(name))


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_has_a_version_and_hashes_and_names_no_place(name):
    wrong = [line.partition(" --hash")[0] for line in requirements(name) if not PIN.fullmatch(line)]
    assert wrong == []
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", FILES)
def test_what_we_ask_for_is_what_is_pinned(name):
    asked = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)$", (ROOT / name).with_suffix(".in").read_text(), re.MULTILINE)
    pinned = {re.sub(r"\[.*", "", one): version for one, version in pins(name).items()}
    assert {one: pinned.get(re.sub(r"[-_.]+", "-", one).lower()) for one, _ in asked} == dict(asked)


def test_tests_run_with_the_versions_that_are_run_with():
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_the_makefile_installs_only_what_has_a_hash():
    installs = re.findall(r"^.*pip install.*$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert installs
    assert all("--require-hashes" in line for line in installs)
