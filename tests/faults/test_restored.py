"""A database of yesterday, or a copy of it, submits nothing by itself: what stands outside the database tells them apart."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from redis import Redis
from sqlalchemy import create_engine, make_url, select, text

import jobs.runtime
from core.models import Campaign
from jobs.marks import FOLDER, is_ours
from jobs.tick import tick_all


@pytest.fixture
def yesterday(desk, tmp_path):
    """A campaign of six, two of whom were handed over before the backup and two after it; then the backup is put back."""
    campaign = desk.launch(people=6, wave_size=2, lines=2)
    desk.submit(campaign)
    desk.work(2)
    url, campaign_id = url_of(desk), campaign.id
    backup = url.set(database=f"{tmp_path / 'backup.db'}" if is_sqlite(url) else f"{url.database}_backup")
    copy(desk, url, backup)
    desk.work(2)
    return campaign_id, backup


def url_of(desk):
    return make_url(desk.installation.environment["DATABASE_URL"])


def is_sqlite(url):
    return url.get_backend_name() == "sqlite"


def put_back(desk, backup):
    copy(desk, backup, url_of(desk))


def copy(desk, source, target):
    """As a file, or as a database, by somebody who does not ask Callboard."""
    desk.session.close()
    desk.session.get_bind().dispose()
    jobs.runtime.engine().dispose()
    if is_sqlite(source):
        with closing(sqlite3.connect(source.database)) as old, closing(sqlite3.connect(target.database)) as new:
            old.backup(new)
        return
    server = create_engine(source.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        both = {"some": [source.database, target.database]}
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(:some)"), both
        )
        connection.execute(text(f'DROP DATABASE IF EXISTS "{target.database}"'))
        connection.execute(text(f'CREATE DATABASE "{target.database}" TEMPLATE "{source.database}"'))
    server.dispose()


def wipe_redis(desk):
    with Redis.from_url(desk.installation.environment["REDIS_URL"]) as redis:
        redis.flushall()


def wipe_files(desk):
    shutil.rmtree(desk.installation.folder / FOLDER)


LOSSES = {"nothing": (), "Redis": (wipe_redis,), "DATA_DIR": (wipe_files,), "both": (wipe_redis, wipe_files)}


@pytest.mark.parametrize("lost", LOSSES)
def test_yesterdays_database_submits_nothing_and_says_why(desk, yesterday, sign_in_here, lost):
    _, backup = yesterday
    posts = len(desk.sandbox.get_admin("truth", calls=0)["posts"])
    put_back(desk, backup)
    for lose in LOSSES[lost]:
        lose(desk)
    tick_all()
    desk.work(2)
    assert len(desk.sandbox.get_admin("truth", calls=0)["posts"]) == posts
    held = desk.session.scalars(select(Campaign)).one()
    assert held.hold == "restored"
    page = sign_in_here("launcher").get("/restored").text
    assert "Let it go on" in page
    assert ("was put back from an earlier day" if lost != "both" else "it is a copy") in page
    if lost != "both":
        assert "+1 415-555-000" in page


def test_a_campaign_that_is_let_go_on_calls_nobody_a_second_time(desk, yesterday, sign_in_here):
    campaign_id, backup = yesterday
    page = f"/campaigns/{campaign_id}"
    put_back(desk, backup)
    tick_all()
    sign_in_here("launcher").post(f"{page}/try-again")
    desk.work(12)
    called = [
        target["to_number"]
        for one in desk.sandbox.get_admin("truth", calls=0)["campaigns"]
        for target in one["request"]["targets"]
    ]
    assert sorted(called) == sorted(set(called))


@pytest.mark.parametrize("lost", ["Redis", "DATA_DIR"])
def test_one_place_that_agrees_is_enough_and_repairs_the_other(desk, yesterday, lost):
    for lose in LOSSES[lost]:
        lose(desk)
    assert is_ours(desk.session)
    for lose in LOSSES["DATA_DIR" if lost == "Redis" else "Redis"]:
        lose(desk)
    assert is_ours(desk.session)
    desk.finish()


def test_a_copy_of_the_database_started_elsewhere_with_another_provider_does_not_submit(desk, yesterday, monkeypatch):
    posts = len(desk.sandbox.get_admin("truth", calls=0)["posts"])
    monkeypatch.setenv("SANDBOX", "0")
    jobs.runtime.settings.cache_clear()
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "1")
    desk.submit(desk.launch(first=50))
    desk.work(2)
    assert len(desk.sandbox.get_admin("truth", calls=0)["posts"]) == posts
    desk.session.rollback()
    newest = desk.session.scalars(select(Campaign).order_by(Campaign.id.desc())).first()
    assert "belongs to the sandbox" in newest.why
