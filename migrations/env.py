"""How Alembic meets our database. The address comes from `sqlalchemy.url`, or else from the environment as everywhere."""

from alembic import context

import core.models  # noqa: F401 - fills the metadata
from config import load_or_exit
from core.database import Base, open_engine

url = context.config.get_main_option("sqlalchemy.url") or load_or_exit().database_url
engine = open_engine(url)

# SQLite can neither add a constraint nor drop a column in place: batch mode copies the table.
with engine.connect() as connection:
    context.configure(connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
