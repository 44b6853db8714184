"""How Alembic meets our database. The address comes from `sqlalchemy.url`, or else from the environment as everywhere."""

from typing import Any, Literal

from alembic import context

import core.models  # noqa: F401 - fills the metadata
from config import load_or_exit
from core.database import Base, Instant, open_engine


def render(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """A migration must run as it was written, whatever our own types become later: it names the database's."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Instant) else False


url = context.config.get_main_option("sqlalchemy.url") or load_or_exit().database_url
engine = open_engine(url)

# SQLite can neither add a constraint nor drop a column in place: batch mode copies the table. While the old one is dropped
# nothing may look after foreign keys, and that can only be said before the transaction.
with engine.connect() as connection:
    if engine.dialect.name == "sqlite":
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
    context.configure(connection, target_metadata=Base.metadata, render_as_batch=True, render_item=render)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
