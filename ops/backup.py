"""`make backup`: one archive of what a restore needs, made while Callboard runs."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, func, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

import core.models  # noqa: F401 - fills the metadata
from config import Settings, load_or_exit
from core.database import Base, open_engine
from core.models import ContactList, SuppressionImport
from ops.archive import DATABASE, SECRET_KEY, UPLOADS, Manifest, digests, fingerprint, pack
from ops.database import first_line
from ops.errors import CannotBackUp

# What an earlier restore put aside stays where it is.
SET_ASIDE = "before_restore_"
COUNTED = {"campaign": "Campaigns", "contact": "contacts", "person": "people"}


def main() -> int:
    settings, chosen = load_or_exit(), sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        target, manifest = back_up(settings, os.environ, Path(chosen) if chosen else None, datetime.now(UTC))
    except CannotBackUp as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    print("\n".join(report(target, manifest)))  # noqa: T201
    return 0


def back_up(
    settings: Settings, environ: Mapping[str, str], target: Path | None, now: datetime
) -> tuple[Path, Manifest]:
    """Make the archive at `target`, by default in DATA_DIR/backups. CannotBackUp leaves nothing behind."""
    target = target or settings.data_dir / "backups" / f"callboard-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    if target.exists():
        raise CannotBackUp(f"{target} is there already; a backup does not replace another.")
    kind = "sqlite" if settings.is_sqlite else "postgresql"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.data_dir) as name:
            folder = Path(name)
            # Once before the database and once after: a list that comes or goes meanwhile is in one of the two.
            keep_uploads(settings, folder)
            with copied_database(settings, folder / DATABASE[kind]) as connection:
                rows, revision, lists = count_rows(connection), revision_of(connection), lists_of(connection)
            keep_uploads(settings, folder, lists)
            if key_file_in_use(settings):
                shutil.copyfile(settings.data_dir / SECRET_KEY, folder / SECRET_KEY)
            manifest = Manifest(
                now, kind, revision, rows, fingerprint(settings.secret_key), given_names(environ), digests(folder)
            )
            pack(folder, manifest, target)
    except OSError as problem:
        raise CannotBackUp(f"The backup could not be written: {problem.strerror or problem}.") from None
    except (SQLAlchemyError, sqlite3.Error) as problem:
        raise CannotBackUp(f"The database could not be read: {first_line(problem)}.") from None
    return target, manifest


@contextmanager
def copied_database(settings: Settings, copy: Path) -> Iterator[Connection]:
    """Copy the database as it is at one moment; yields a connection that sees exactly that moment."""
    if settings.is_sqlite:
        copy_sqlite(Path(make_url(settings.database_url).database or ""), copy)
        engine = create_engine(f"sqlite:///{copy}")
    else:
        engine = open_engine(settings.database_url).execution_options(isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as connection:
            if not settings.is_sqlite:
                snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
                dump_postgresql(make_url(settings.database_url), str(snapshot), copy)
            yield connection
    finally:
        engine.dispose()


def copy_sqlite(source: Path, copy: Path) -> None:
    """SQLite's own online backup, in one step: whoever writes meanwhile is neither held up nor half in it."""
    if not source.exists():
        raise CannotBackUp(f"There is nothing to back up: {source} does not exist.")
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as live,
        closing(sqlite3.connect(copy)) as kept,
    ):
        live.backup(kept)
        kept.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = kept.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        raise CannotBackUp(f"The database is damaged, so no backup was made of it: {verdict}.")


def dump_postgresql(url: URL, snapshot: str, copy: Path) -> None:
    arguments = ["--format=custom", "--no-owner", "--no-privileges", f"--exclude-schema={SET_ASIDE}*"]
    done = run_postgresql("pg_dump", url, [*arguments, f"--snapshot={snapshot}", f"--file={copy}"])
    if done is None:
        raise CannotBackUp(
            "pg_dump was not found: install PostgreSQL's client programs, as new as the server or newer."
        )
    if done.returncode:
        raise CannotBackUp(f"pg_dump could not read the database: {last_line(done.stderr)}")


def run_postgresql(program: str, url: URL, arguments: list[str]) -> "subprocess.CompletedProcess[str] | None":
    """One of PostgreSQL's own programs on this database; None where it is not installed. The password is on no command line."""
    found = shutil.which(program)
    if found is None:
        return None
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    environment = {**os.environ, "PGPASSWORD": str(url.password)} if url.password else {**os.environ}
    return subprocess.run(  # noqa: S603
        [found, f"--dbname={address.render_as_string()}", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def last_line(words: str) -> str:
    return (words.strip().splitlines() or ["it did not say why"])[-1]


def count_rows(connection: Connection) -> dict[str, int]:
    """How many rows each of our tables has; a database of an earlier version has fewer tables."""
    there = set(inspect(connection).get_table_names())
    tables = [table for table in Base.metadata.sorted_tables if table.name in there]
    return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def revision_of(connection: Connection) -> str:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        raise CannotBackUp("There is nothing to back up: the database has no tables of Callboard.")
    return revision


def lists_of(connection: Connection) -> list[str]:
    """The files that a draft names, or an import into the do-not-call list; a database of an earlier version has not all of them."""
    found = inspect(connection)
    there = {(table, one["name"]) for table in found.get_table_names() for one in found.get_columns(table)}
    columns = (ContactList.stored_as, ContactList.correction, SuppressionImport.stored_as)
    names = [column for column in columns if (column.class_.__tablename__, column.key) in there]
    return [
        Path(found or "").name for name in names for found in connection.scalars(select(name).where(name.is_not(None)))
    ]


def keep_uploads(settings: Settings, folder: Path, only: list[str] | None = None) -> None:
    """Hard links where that is possible: a list never changes once it lies there, so a name is as good as a copy."""
    source, kept = settings.data_dir / UPLOADS, folder / UPLOADS
    kept.mkdir(exist_ok=True)
    names = only if only is not None else [path.name for path in source.glob("*")]
    for name in names:
        if (source / name).is_file() and not (kept / name).exists():
            try:
                (kept / name).hardlink_to(source / name)
            except FileNotFoundError:
                continue  # gone since it was listed, so the database does not name it either
            except OSError:
                shutil.copyfile(source / name, kept / name)
    if only is not None:
        for path in kept.iterdir():
            if path.name not in only:
                path.unlink()


def key_file_in_use(settings: Settings) -> bool:
    """Is the secret key the one that was generated into DATA_DIR? One from the environment is never written anywhere."""
    path = settings.data_dir / SECRET_KEY
    return path.is_file() and path.read_text(encoding="utf-8").strip() == settings.secret_key


class Noted(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def given_names(environ: Mapping[str, str]) -> list[str]:
    """The names of the settings that the environment holds."""
    noted = Noted(environ)
    Settings.from_environment(noted)
    return sorted(name for name in noted.asked if environ.get(name, "").strip())


def report(target: Path, manifest: Manifest) -> list[str]:
    rows = manifest.rows
    counted = ", ".join(f"{words}: {rows.get(table, 0):,}" for table, words in COUNTED.items())
    lines = [f"Backed up to {target}. {counted}."]
    if SECRET_KEY in manifest.files:
        lines.append(
            "The secret key is in it: whoever has this file can read everything. Keep it where nobody else can."
        )
    else:
        lines.append(
            "SECRET_KEY came from the environment and is not in it. Keep that key too: without it, secrets stay sealed."
        )
    if manifest.environment:
        lines.append(f"Settings of the environment are in it by name only: {', '.join(manifest.environment)}.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
