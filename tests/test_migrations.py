"""Migrations: they lead to exactly the tables of the models."""

from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, MetaData, func, make_url, select, text

from core.database import Base, open_engine
from core.models import Endpoint, Row, Wave
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
    url = new_postgresql(postgresql_url, "callboard_migrations")
    command.upgrade(migration_config(url), "head")
    assert differences(url) == []
    assert rows(url, POSTGRESQL_TRIGGERS) == rows(postgresql_tables, POSTGRESQL_TRIGGERS) != []


def new_postgresql(server, name):
    engine = open_engine(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def first_version(request, tmp_path):
    """The tables of the first version, of one kind or the other."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'first.db'}"
    else:
        url = new_postgresql(request.getfixturevalue("postgresql_url"), "callboard_first_version")
    command.upgrade(migration_config(url), "0001")
    return url


def add(connection, table, **given):
    """A row of an old table: zeroes and empty texts where nothing is said."""
    plain = {str: "", int: 0, bool: False, datetime: datetime(2026, 3, 2, tzinfo=UTC)}
    needed = [column for column in table.columns if not column.nullable and not column.primary_key]
    empty = {c.name: [] if isinstance(c.type, JSON) else plain[c.type.python_type] for c in needed}
    connection.execute(table.insert().values(empty | given))


def fill(connection):
    """Campaigns with an address and without; one is over, and of one a wave is open."""
    old = MetaData()
    old.reflect(connection)
    campaign, wave = old.tables["campaign"], old.tables["wave"]
    told = {"webhook_url": "https://crm.example.com/a", "webhook_secret": "sealed"}
    add(connection, campaign, id=1, state="running", name="Told of calls", notify_on_call_complete=True, **told)
    add(connection, campaign, id=2, state="completed", name="Over", webhook_url="https://crm.example.com/b")
    add(connection, campaign, id=3, state="running", name="Told to nobody", notify_on_call_complete=True)
    over = datetime(2026, 3, 2, tzinfo=UTC)
    add(connection, wave, id=1, campaign_id=1, ordinal=1, token_hash="a", state="finished", finished_at=over)
    add(connection, wave, id=2, campaign_id=1, ordinal=2, token_hash="b", state="accepted")
    add(connection, wave, id=3, campaign_id=3, ordinal=1, token_hash="c", state="accepted")
    add(connection, old.tables["contact_list"], id=7, campaign_id=1, state="ready")
    for place in (3, 2):
        add(connection, old.tables["row"], id=place, list_id=7, row_number=place, cells=[str(place)])
    add(connection, old.tables["audit_entry"], id=1, summary="Kept.")


def test_what_the_first_version_kept_is_kept_and_its_addresses_are_told_from_now_on(first_version):
    engine = open_engine(first_version)
    with engine.begin() as connection:
        fill(connection)
    command.upgrade(migration_config(first_version), "head")
    told = select(
        Endpoint.campaign_id, Endpoint.url, Endpoint.secret, Endpoint.events, Endpoint.progress_at.is_not(None)
    )
    with engine.connect() as connection:
        assert connection.execute(told.order_by(Endpoint.id)).all() == [
            (1, "https://crm.example.com/a", "sealed", ["campaign", "call"], True),
            (2, "https://crm.example.com/b", None, ["campaign"], False),
        ]
        tells = select(Wave.id).where(Wave.tells_calls)
        assert connection.scalars(tells).all() == [2]
        tables = [Base.metadata.tables[name] for name in ("campaign", "wave", "audit_entry")]
        rows = connection.execute(select(Row.list_id, Row.row_number, Row.cells).order_by(Row.row_number))
        assert rows.all() == [(7, 2, ["2"]), (7, 3, ["3"])]
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in tables]
    engine.dispose()
    assert counts == [3, 3, 1]
    assert differences(first_version) == []
