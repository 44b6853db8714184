"""`make audit`: are there known vulnerabilities in what is pinned? pip-audit asks; this says in plain words what it found."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILES = ("requirements-dev.txt", "requirements-postgresql.txt", "requirements-tools.txt")
UNREACHABLE = "The database of known vulnerabilities is out of reach: nothing was audited."


def main() -> int:
    lines, code = audit(sys.argv[1], [ROOT / name for name in FILES])
    print("\n".join(lines))  # noqa: T201
    return code


def audit(program: str, files: list[Path]) -> tuple[list[str], int]:
    """What to say, and the exit code: 1 where something was found, 0 where nothing was or nobody could be asked."""
    arguments = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    for file in files:
        arguments += ["--requirement", str(file)]
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        # Without an answer it ends like this too, with a traceback of the network's.
        said = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
        return [f"{UNREACHABLE} pip-audit said: {said}"], 0
    return judged({(one["name"], one.get("version", "")): one for one in found})


def judged(found: dict[tuple[str, str], dict[str, Any]]) -> tuple[list[str], int]:
    """pip-audit counts what it could not look up as good; we do not."""
    skipped = [one for one in found.values() if "skip_reason" in one]
    if len(skipped) == len(found):
        return [UNREACHABLE], 0
    lines = [
        f"{name} {version}: {told(one)}" for (name, version), all_ in found.items() for one in all_.get("vulns", [])
    ]
    known = len(lines)
    lines += [f"Not audited: {one['skip_reason']}" for one in skipped]
    lines.append(f"{len(found) - len(skipped)} packages were looked up; known vulnerabilities: {known}.")
    return lines, 1 if known else 0


def told(vulnerability: dict[str, Any]) -> str:
    fixes = ", ".join(vulnerability.get("fix_versions", [])) or "nothing yet"
    words = (vulnerability.get("description") or "").strip().splitlines() or [""]
    return f"{vulnerability['id']}, fixed in {fixes}. {words[0][:200]}".strip()


if __name__ == "__main__":
    sys.exit(main())
