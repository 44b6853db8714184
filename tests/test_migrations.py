"""Migrations: they lead to exactly the tables of the models."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from core.database import Base, open_engine
from ops.database import migration_config

SQLITE_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
POSTGRESQL_TRIGGERS = (
    "SELECT tgname, pg_get_triggerdef(t.oid), prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE NOT tgisinternal ORDER BY tgname"
)


def differences(url):
    engine = open_engine(url)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
    engine.dispose()
    return found


def rows(url, query):
    """What Alembic does not compare."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(query)).all()
    engine.dispose()
    return found


def test_they_lead_to_the_models_on_sqlite(tmp_path, empty_sqlite):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    command.upgrade(migration_config(url), "head")
    assert differences(url) == []
    assert rows(url, SQLITE_TRIGGERS) == rows(f"sqlite:///{empty_sqlite}", SQLITE_TRIGGERS) != []


def test_they_lead_to_the_models_on_postgresql(postgresql_url, postgresql_tables):
    engine = open_engine(postgresql_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE callboard_migrations"))
    engine.dispose()
    url = make_url(postgresql_url).set(database="callboard_migrations").render_as_string(hide_password=False)
    command.upgrade(migration_config(url), "head")
    assert differences(url) == []
    assert rows(url, POSTGRESQL_TRIGGERS) == rows(postgresql_tables, POSTGRESQL_TRIGGERS) != []
