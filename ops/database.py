"""Brings the database up to date before anything else opens it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from config import Settings
from ops.errors import CannotStart

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def upgrade_database(settings: Settings) -> None:
    """Run all migrations that are still missing; raises CannotStart when the database cannot be opened or moved on."""
    try:
        command.upgrade(migration_config(settings.database_url), "head")
    except (SQLAlchemyError, CommandError) as problem:
        raise CannotStart(f"The database cannot be brought up to date: {first_line(problem)}") from problem


def migration_config(database_url: str) -> Config:
    """Alembic's configuration without a file of its own; migrations/env.py reads `sqlalchemy.url` from it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def first_line(problem: Exception) -> str:
    lines = str(getattr(problem, "orig", None) or problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__
