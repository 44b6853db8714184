"""Backup and restore: what was there comes back, whole, on both databases; and nothing calls by itself afterwards."""

import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.orm import Session

from config import Settings
from core.audit import Actor
from core.database import open_engine, writing
from core.models import AuditEntry, Campaign, Contact, ContactList, SignInFailure
from core.suppression_imports import begin_import
from ops.backup import back_up
from ops.database import upgrade_database
from ops.errors import CannotBackUp, CannotRestore, CannotStart
from ops.restore import restore
from ops.run import only_run
from ops.test_tools import find_postgresql
from provider.vault import SecretVault
from tests.core.cast import launched

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = "a key for tests that is long enough to be one"
LIST = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A database file as `make upgrade` leaves it, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    upgrade_database(Settings.from_environment({"DATA_DIR": str(folder)}))
    return folder / "callboard.db"


class Place:
    """An installation that does not run: its folder, its environment, and its database."""

    def __init__(self, folder, **environ):
        self.folder = folder
        self.environ = {"DATA_DIR": str(folder), **environ}
        self.settings = Settings.from_environment(self.environ)

    def fill(self):
        """A running campaign, a draft with an uploaded list, and an upload that no list names."""
        (self.folder / "uploads").mkdir()
        (self.folder / "uploads" / LIST).write_text("phone\n+14155550101\n")
        (self.folder / "uploads" / "nobodys").write_text("x")
        with self.session() as session:
            launched(session, NOW)
            draft = Campaign(name="Draft", state_since=NOW, created_at=NOW)
            session.add(draft)
            session.flush()
            session.add(ContactList(campaign_id=draft.id, stored_as=LIST, state="ready", changed_at=NOW))
            session.commit()

    def session(self):
        engine = open_engine(self.settings.database_url)
        session = Session(engine)
        close = session.close
        session.close = lambda: (close(), engine.dispose())
        return session

    def names(self):
        with self.session() as session:
            return [tuple(row) for row in session.execute(select(Campaign.name, Campaign.hold).order_by(Campaign.id))]

    def back_up(self, target=None, now=NOW):
        return back_up(self.settings, self.environ, target, now)[0]

    def restore(self, archive, overwrite=True):
        return restore(self.settings, self.environ, archive, overwrite, NOW)


@pytest.fixture
def place(tmp_path, migrated):
    """One on SQLite."""
    folder = tmp_path / "var"
    folder.mkdir()
    shutil.copy(migrated, folder / "callboard.db")
    made = Place(folder)
    made.fill()
    return made


@pytest.fixture
def on_postgresql(tmp_path, postgresql_url, monkeypatch):
    """One on a PostgreSQL database of its own, with that server's programs on the path."""
    monkeypatch.setenv("PATH", f"{find_postgresql()}:{os.environ['PATH']}")
    engine = open_engine(postgresql_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS callboard_backup"))
        connection.execute(text("CREATE DATABASE callboard_backup"))
    engine.dispose()
    url = make_url(postgresql_url).set(database="callboard_backup").render_as_string(hide_password=False)
    made = Place(tmp_path, DATABASE_URL=url, SECRET_KEY=KEY)
    upgrade_database(made.settings)
    made.fill()
    return made


@pytest.fixture(params=["place", "on_postgresql"])
def either(request):
    return request.getfixturevalue(request.param)


def test_what_was_there_comes_back_and_every_campaign_waits(either):
    archive = either.back_up()
    (either.folder / "uploads" / LIST).unlink()
    with either.session() as session:
        launched(session, NOW, first=100)
    lines = either.restore(archive)
    assert either.names() == [("Spring", "restored"), ("Draft", "restored")]
    assert (either.folder / "uploads" / LIST).read_text() == "phone\n+14155550101\n"
    assert lines[0] == "Restored the backup of 2 Mar 2026, 12:00 UTC. Campaigns: 2, contacts: 3."
    assert "callboard.db.before_restore_" in lines[3] or "schema before_restore_" in lines[3]
    with either.session() as session:
        assert "installation.restored" in session.scalars(select(AuditEntry.act)).all()


def test_what_was_set_aside_is_whole_and_in_no_later_backup(place, tmp_path):
    archive = place.back_up()
    with place.session() as session:
        launched(session, NOW, first=100)
    place.restore(archive)
    (aside,) = place.folder.glob("callboard.db.before_restore_*")
    with sqlite3.connect(aside) as connection:
        assert connection.execute("SELECT count(*) FROM contact").fetchone() == (6,)
    connection.close()
    with tarfile.open(place.back_up(tmp_path / "later.tar.gz")) as opened:
        assert sorted(opened.getnames()) == ["callboard.db", "manifest.json", "secret_key", f"uploads/{LIST}"]


def test_a_file_that_waits_for_its_import_into_the_do_not_call_list_is_kept(place):
    (place.folder / "uploads" / "waits").write_text("number\n+14155550101\n")
    with place.session() as session:
        begin_import(session, "waits", "list.csv", "US", "", None, Actor("Ada"), NOW)
        session.commit()
    with tarfile.open(place.back_up()) as opened:
        assert "uploads/waits" in opened.getnames()


def test_a_backup_restores_onto_an_empty_machine_with_the_key_of_its_secrets(place, tmp_path):
    sealed = SecretVault(place.settings.secret_key).seal("whsec_of_then")
    new = Place(tmp_path / "new")
    new.restore(place.back_up(), overwrite=False)
    assert new.names() == [("Spring", "restored"), ("Draft", "restored")]
    key = Settings.from_environment(new.environ).secret_key
    assert SecretVault(key).open(sealed) == "whsec_of_then"


def test_only_its_owner_can_read_a_backup_and_nothing_else_is_left(place):
    archive = place.back_up()
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert archive.name == "callboard-20260302T120000Z.tar.gz"
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]
    assert not list(place.folder.glob(".*"))


def test_settings_of_the_environment_are_in_it_by_name_only(place):
    place.environ |= {"API_TOKEN": "token-of-the-backup-tests", "HOME": "/nowhere"}
    archive = place.back_up()
    with tarfile.open(archive) as opened:
        contents = b"".join(opened.extractfile(member).read() for member in opened)
        manifest = json.load(opened.extractfile("manifest.json"))
    assert manifest["environment"] == ["API_TOKEN", "DATA_DIR"]
    assert b"token-of-the-backup-tests" not in contents
    del place.environ["API_TOKEN"]
    assert place.restore(archive)[-1] == "Set then and not now: API_TOKEN."


def test_a_backup_made_while_somebody_writes_is_of_one_moment(place):
    """Every transaction writes two rows, so an odd number would be half of one."""
    stop = threading.Event()
    begun = threading.Event()

    def write():
        with place.session() as session:
            while not stop.is_set():
                with writing(session):
                    session.add_all(SignInFailure(at=NOW, email="x", address="x") for _ in range(2))
                begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(10)
    archives = [place.back_up(place.folder / f"{number}.tar.gz") for number in range(3)]
    stop.set()
    writer.join()
    counts = [manifest_of(archive)["rows"]["sign_in_failure"] for archive in archives]
    assert counts[0] > 0
    assert all(count % 2 == 0 for count in counts)


def manifest_of(archive):
    with tarfile.open(archive) as opened:
        return json.load(opened.extractfile("manifest.json"))


def changed(archive, **contents):
    """The same archive with other contents of some of its files, or with more files."""
    with tarfile.open(archive) as opened:
        members = {member.name: opened.extractfile(member).read() for member in opened}
    with tarfile.open(archive, "w:gz") as written:
        for name, content in (members | contents).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
    return archive


def with_link(archive):
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json").read()
    with tarfile.open(archive, "w:gz") as written:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(manifest)
        written.addfile(member, io.BytesIO(manifest))
        link = tarfile.TarInfo("callboard.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        written.addfile(link)


def with_name(archive, name):
    """A manifest that knows a file of this name, and the file."""
    manifest = manifest_of(archive)
    manifest["files"][name] = "0" * 64
    changed(archive, **{"manifest.json": json.dumps(manifest).encode(), name: b"x"})


DAMAGE = {
    "cut": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
    "no archive": (lambda path: path.write_bytes(b"PK\x03\x04 no tar"), "no backup of Callboard"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
    "no manifest": (lambda path: changed(path, **{"manifest.json": b"[]"}), "manifest cannot be read"),
    "another form": (lambda path: changed(path, **{"manifest.json": b'{"format": 2}'}), "another version"),
    "another list": (lambda path: changed(path, **{f"uploads/{LIST}": b"phone\n"}), f"uploads/{LIST} is not what was"),
    "one more file": (lambda path: changed(path, **{"../../evil": b"x"}), "'../../evil' does not belong"),
    "a link": (with_link, "'callboard.db' does not belong"),
    "up and away": (lambda path: with_name(path, "../evil"), "names files that do not belong"),
    "an upload above": (lambda path: with_name(path, "uploads/.."), "names files that do not belong"),
    "an absolute name": (lambda path: with_name(path, "/tmp/evil"), "names files that do not belong"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_archive_is_refused_and_nothing_changes(place, damage):
    archive = place.back_up()
    change, words = DAMAGE[damage]
    change(archive)
    with pytest.raises(CannotRestore, match=words):
        place.restore(archive)
    assert place.names() == [("Spring", None), ("Draft", None)]
    assert not list(place.folder.glob(".restore-*"))
    assert not list(place.folder.parent.glob("evil"))


def test_a_database_is_not_restored_over_without_a_word(either):
    archive = either.back_up()
    with pytest.raises(CannotRestore, match="OVERWRITE=1 restores over it"):
        either.restore(archive, overwrite=False)
    assert either.names() == [("Spring", None), ("Draft", None)]


def test_nothing_is_restored_while_callboard_runs(either):
    archive = either.back_up()
    with only_run(either.folder), pytest.raises(CannotStart, match="already running"):
        either.restore(archive)
    with either.session() as session:
        session.scalars(select(Contact)).first()
        with pytest.raises(CannotRestore, match="in use"):
            either.restore(archive)
    assert either.names() == [("Spring", None), ("Draft", None)]


def test_what_cannot_be_loaded_leaves_the_old_tables_where_they_were(on_postgresql):
    archive = on_postgresql.back_up()
    manifest = manifest_of(archive)
    manifest["rows"]["contact"] = 4
    changed(archive, **{"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(CannotRestore, match="does not have the rows"):
        on_postgresql.restore(archive)
    assert on_postgresql.names() == [("Spring", None), ("Draft", None)]


def test_a_backup_of_the_other_database_is_refused(place, on_postgresql):
    with pytest.raises(CannotRestore, match="of SQLite, and DATABASE_URL names PostgreSQL"):
        on_postgresql.restore(place.back_up())


def test_a_backup_of_another_key_or_of_a_newer_version_is_refused(place, tmp_path):
    archive = place.back_up()
    with pytest.raises(CannotRestore, match="SECRET_KEY is not the key of this backup"):
        Place(tmp_path / "other", SECRET_KEY=KEY).restore(archive)
    fitting = Place(tmp_path / "other", SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=place.settings.secret_key)
    assert fitting.restore(archive)[0].startswith("Restored the backup")
    changed(archive, **{"manifest.json": json.dumps(manifest_of(archive) | {"revision": "9999_later"}).encode()})
    with pytest.raises(CannotRestore, match="newer version of Callboard"):
        place.restore(archive)


def test_a_damaged_database_makes_way_for_a_good_one(place):
    archive = place.back_up()
    database = place.folder / "callboard.db"
    database.write_bytes(b"no database any more" * 100)
    place.restore(archive)
    assert place.names() == [("Spring", "restored"), ("Draft", "restored")]
    (aside,) = place.folder.glob("callboard.db.before_restore_*")
    assert aside.read_bytes().startswith(b"no database")


def test_what_cannot_be_backed_up_is_one_sentence(place, on_postgresql, tmp_path, monkeypatch):
    archive = place.back_up()
    with pytest.raises(CannotBackUp, match="is there already"):
        place.back_up(archive)
    with pytest.raises(CannotBackUp, match="nothing to back up"):
        Place(tmp_path / "fresh").back_up()
    (place.folder / "callboard.db").write_bytes(b"no database any more" * 100)
    with pytest.raises(CannotBackUp, match="could not be read: file is not a database"):
        place.back_up(Path(tmp_path / "damaged.tar.gz"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBackUp, match="pg_dump was not found"):
        on_postgresql.back_up()
    assert not list(tmp_path.glob("*.gz"))
