"""Brings the database up to date before anything else opens it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Settings
from core.call_times import keep_missing
from core.database import open_engine, writing
from ops.errors import CannotStart

AT_ONCE = 50
MIGRATIONS = Path(__file__).parent.parent / "migrations"


def upgrade_database(settings: Settings) -> None:
    """Run all missing migrations, and keep what earlier versions did not; CannotStart when it cannot be opened or moved on."""
    try:
        command.upgrade(migration_config(settings.database_url), "head")
        _keep_calls(settings.database_url)
    except (SQLAlchemyError, CommandError) as problem:
        raise CannotStart(f"The database cannot be brought up to date: {first_line(problem)}") from problem


def _keep_calls(url: str) -> None:
    """Else each look at a campaign of then would read all its calls. A few waves at a time: whoever dies here goes on later."""
    engine = open_engine(url)
    with Session(engine) as session:
        while True:
            with writing(session):
                kept = keep_missing(session, AT_ONCE)
            if not kept:
                break
    engine.dispose()


def migration_config(database_url: str) -> Config:
    """Alembic's configuration without a file of its own; migrations/env.py reads `sqlalchemy.url` from it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def first_line(problem: Exception) -> str:
    lines = str(getattr(problem, "orig", None) or problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__
