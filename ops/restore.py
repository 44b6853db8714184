"""`make restore FILE=…`: puts a backup back, keeps what was there, and lets nothing call by itself afterwards."""

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Settings, load_or_exit
from core.database import open_engine, writing
from core.restoring import after_restore, spoken
from ops.archive import DATABASE, SECRET_KEY, UPLOADS, Manifest, fingerprint, unpack
from ops.backup import SET_ASIDE, count_rows, given_names, last_line, run_postgresql
from ops.database import first_line, migration_config, upgrade_database
from ops.errors import CannotRestore, CannotStart
from ops.run import only_run

OTHERS = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
OVERWRITE = "OVERWRITE=1 restores over it, and keeps it aside"


def main() -> int:
    file, overwrite = (*sys.argv[1:], "", "")[:2]
    if not file:
        print("Say which backup: make restore FILE=…/callboard-….tar.gz", file=sys.stderr)  # noqa: T201
        return 1
    settings = load_or_exit()
    try:
        lines = restore(settings, os.environ, Path(file), overwrite == "1", datetime.now(UTC))
    except (CannotRestore, CannotStart) as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    print("\n".join(lines))  # noqa: T201
    return 0


def restore(settings: Settings, environ: Mapping[str, str], archive: Path, overwrite: bool, now: datetime) -> list[str]:
    """Put the backup in place of what is there; returns what to say about it. CannotRestore changes nothing."""
    with only_run(settings.data_dir), staged(settings) as folder:
        manifest = unpack(archive, folder)
        check(settings, manifest, environ)
        place = place_sqlite if settings.is_sqlite else place_postgresql
        try:
            place_uploads(settings, folder)
            held, kept = place(settings, folder, manifest, overwrite, now)
            if brings_key(manifest, environ):
                place_key(settings, folder, kept, now)
        except OSError as problem:
            raise CannotRestore(f"The backup could not be put in place: {problem.strerror or problem}.") from None
        except (SQLAlchemyError, sqlite3.Error) as problem:
            raise CannotRestore(f"The database could not be restored: {first_line(problem)}.") from None
    return report(manifest, held, kept, environ)


@contextmanager
def staged(settings: Settings) -> Iterator[Path]:
    """A folder beside the database's file, so that putting that file in place is one rename."""
    beside = Path(make_url(settings.database_url).database or "").parent if settings.is_sqlite else settings.data_dir
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as name:
            yield Path(name)
    except OSError as problem:
        raise CannotRestore(f"{beside} cannot be written: {problem.strerror or problem}.") from None


def check(settings: Settings, manifest: Manifest, environ: Mapping[str, str]) -> None:
    """Does this backup fit this installation?"""
    mine = "sqlite" if settings.is_sqlite else "postgresql"
    if manifest.database != mine:
        raise CannotRestore(
            f"This backup is of {KINDS[manifest.database]}, and DATABASE_URL names {KINDS[mine]}: they cannot be exchanged."
        )
    try:
        ScriptDirectory.from_config(migration_config(settings.database_url)).get_revision(manifest.revision)
    except CommandError:
        raise CannotRestore("This backup was made by a newer version of Callboard: install that one first.") from None
    keys = {fingerprint(key) for key in (settings.secret_key, *settings.secret_key_fallbacks)}
    if not brings_key(manifest, environ) and manifest.key not in keys:
        raise CannotRestore(
            "SECRET_KEY is not the key of this backup, and without that key its stored secrets cannot be read: "
            "set the SECRET_KEY of then, or name it in SECRET_KEY_FALLBACKS."
        )


def brings_key(manifest: Manifest, environ: Mapping[str, str]) -> bool:
    """Does the backup's key file take the place of ours? A key from the environment stays what it is."""
    return SECRET_KEY in manifest.files and not {"SECRET_KEY", "SECRET_KEY_FILE"} & set(given_names(environ))


def make_ready(url: str, settings: Settings, manifest: Manifest, now: datetime) -> int:
    """Check the loaded rows, bring them up to date, and hold every campaign; returns how many are held."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            if any(manifest.rows.get(name, count) != count for name, count in count_rows(connection).items()):
                raise CannotRestore("The restored database does not have the rows that were backed up.")
        upgrade_database(replace(settings, database_url=url))
        with Session(engine) as session, writing(session):
            return after_restore(session, manifest.made_at, now)
    finally:
        engine.dispose()


def place_sqlite(
    settings: Settings, folder: Path, manifest: Manifest, overwrite: bool, now: datetime
) -> tuple[int, str]:
    """Everything is done to the copy; then the old file makes way for it. Returns how many are held, and the old one's name."""
    target, copy = Path(make_url(settings.database_url).database or ""), folder / DATABASE["sqlite"]
    if target.exists() and not overwrite:
        raise CannotRestore(f"There is a database already, {target}. {OVERWRITE}.")
    held = make_ready(f"sqlite:///{copy}", settings, manifest, now)
    alone(copy)
    kept = target.with_name(f"{target.name}.{SET_ASIDE}{now:%Y%m%dT%H%M%SZ}") if target.exists() else None
    if kept:
        alone(target)
    for rest in ("", "-wal", "-shm"):
        if (old := target.with_name(target.name + rest)).exists():
            old.rename(f"{kept}{rest}") if kept else old.unlink()
    copy.rename(target)
    return held, str(kept or "")


def alone(path: Path) -> None:
    """Make the database one file without a log beside it; that needs nobody else to have it open."""
    with closing(sqlite3.connect(path, timeout=1)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as problem:
            raise CannotRestore(f"{path} is in use ({problem}): stop everything of Callboard first.") from None
        except sqlite3.DatabaseError:
            return  # too damaged to be opened, which may be why there is a restore at all


def place_postgresql(
    settings: Settings, folder: Path, manifest: Manifest, overwrite: bool, now: datetime
) -> tuple[int, str]:
    """The old tables move into a schema of their own, and back if the new ones cannot be loaded."""
    engine = create_engine(settings.database_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            if count := connection.scalar(text(OTHERS)):
                raise CannotRestore(
                    f"The database is in use by {count} connections: stop Callboard on every host first."
                )
            there = inspect(connection).get_table_names()
            if there and not overwrite:
                raise CannotRestore(f"The database has tables already. {OVERWRITE}.")
            aside = f"{SET_ASIDE}{now:%Y%m%dt%H%M%Sz}"
            with set_aside(connection, aside):
                load_postgresql(settings, folder / DATABASE["postgresql"])
                held = make_ready(settings.database_url, settings, manifest, now)
            if not there:
                with suppress(SQLAlchemyError):  # not empty after all: it stays
                    connection.execute(text(f"DROP SCHEMA {aside}"))
            return held, f"schema {aside}" if there else ""
    finally:
        engine.dispose()


@contextmanager
def set_aside(connection: Connection, name: str) -> Iterator[None]:
    """Room for other tables; whatever goes wrong there, the old ones come back."""
    connection.execute(text(f"ALTER SCHEMA public RENAME TO {name}"))
    connection.execute(text("CREATE SCHEMA public"))
    try:
        yield
    except BaseException:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text(f"ALTER SCHEMA {name} RENAME TO public"))
        raise


def load_postgresql(settings: Settings, dump: Path) -> None:
    arguments = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(dump)]
    done = run_postgresql("pg_restore", make_url(settings.database_url), arguments)
    if done is None:
        raise CannotRestore("pg_restore was not found: install PostgreSQL's client programs.")
    if done.returncode:
        raise CannotRestore(f"pg_restore could not load the database: {last_line(done.stderr)}")


def place_uploads(settings: Settings, folder: Path) -> None:
    """The uploaded lists join those that are there: their names are random."""
    uploads = settings.data_dir / UPLOADS
    for path in (folder / UPLOADS).glob("*"):
        uploads.mkdir(exist_ok=True)
        shutil.move(path, uploads / path.name)


def place_key(settings: Settings, folder: Path, kept: str, now: datetime) -> None:
    """An earlier key stays, beside the database that it belongs to."""
    key, new = settings.data_dir / SECRET_KEY, folder / SECRET_KEY
    if kept and key.exists() and key.read_bytes() != new.read_bytes():
        key.rename(key.with_name(f"{SECRET_KEY}.{SET_ASIDE}{now:%Y%m%dT%H%M%SZ}"))
    shutil.move(new, key)


def report(manifest: Manifest, held: int, kept: str, environ: Mapping[str, str]) -> list[str]:
    lines = [
        f"Restored the backup of {spoken(manifest.made_at)}. Campaigns: {manifest.rows.get('campaign', 0):,}, "
        f"contacts: {manifest.rows.get('contact', 0):,}.",
        f"Campaigns that are held: {held:,}. What was submitted since the backup is not known here: compare each with the "
        "provider; a launcher lets it go on from its page.",
        "Everybody has to sign in again. People, roles and API tokens are as they were then: look through them.",
    ]
    if kept:
        lines.append(f"What was there before is kept: {kept}.")
    if missing := sorted(set(manifest.environment) - set(given_names(environ))):
        lines.append(f"Set then and not now: {', '.join(missing)}.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
