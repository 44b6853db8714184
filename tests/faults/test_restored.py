"""A database of yesterday, or a copy of it, submits nothing by itself: what stands outside the database tells them apart."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from redis import Redis
from sqlalchemy import make_url, select

import jobs.runtime
from core.models import Campaign
from jobs.marks import FOLDER, is_ours
from jobs.tick import tick_all
from tests.faults.desk import ON_SQLITE

pytestmark = ON_SQLITE


@pytest.fixture
def yesterday(desk, tmp_path):
    """A campaign of six, two of whom were handed over before the backup and two after it; then the backup is put back."""
    campaign = desk.launch(people=6, wave_size=2, lines=2)
    desk.submit(campaign)
    desk.work(2)
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(path_of(desk))) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    desk.work(2)
    return campaign, backup


def path_of(desk):
    return make_url(desk.installation.environment["DATABASE_URL"]).database


def put_back(desk, backup):
    desk.session.close()
    desk.session.get_bind().dispose()
    jobs.runtime.engine().dispose()
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(path_of(desk))) as target:
        source.backup(target)


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
    campaign, backup = yesterday
    page = f"/campaigns/{campaign.id}"
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
