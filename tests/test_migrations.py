"""Migrations: they lead to exactly the tables of the models."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from core.database import Base, open_engine
from ops.database import migration_config


def differences(url):
    engine = open_engine(url)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
    engine.dispose()
    return found


def test_they_lead_to_the_models_on_sqlite(tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    command.upgrade(migration_config(url), "head")
    assert differences(url) == []


def test_they_lead_to_the_models_on_postgresql(postgresql_url):
    engine = open_engine(postgresql_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE callboard_migrations"))
    engine.dispose()
    url = make_url(postgresql_url).set(database="callboard_migrations").render_as_string(hide_password=False)
    command.upgrade(migration_config(url), "head")
    assert differences(url) == []
