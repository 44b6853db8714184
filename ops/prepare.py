"""`make upgrade`: what must be done before anything starts, once for each new version; `make run` does it by itself."""

import sys

from config import Settings, load_or_exit
from ops.database import upgrade_database
from ops.errors import CannotStart
from ops.first_agents import prepare_first_agents
from ops.first_person import prepare_first_person


def prepare(settings: Settings) -> str:
    """Bring the database up to date, with its first person, token and agents; returns the line about the first sign-in."""
    upgrade_database(settings)
    prepare_first_agents(settings)
    sign_in = prepare_first_person(settings)
    if sign_in.new_password:
        return f"First sign-in: {sign_in.email}, password {sign_in.new_password} (shown only this once)"
    if settings.admin_password:
        return f"First sign-in: {sign_in.email}, ADMIN_PASSWORD"
    return "First sign-in: done before"


def main() -> int:
    try:
        print(prepare(load_or_exit()))  # noqa: T201
    except CannotStart as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
