"""Reproductions: what a restored database may still do wrong. Each asserts what should be true."""

import fcntl
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import jobs.marks
import jobs.runtime
import jobs.submit
from core.database import writing
from core.decisions import try_again
from core.launch import launch, lock_campaign
from core.marks import Finding, KnownSubmission, next_mark
from core.models import Contact, LostSubmission, Setting, Wave
from core.provider_binding import notice_provider
from core.restoring import hold_what_was_found, lost_submissions
from jobs.marks import FOLDER, is_ours
from tests.core.cast import LAUNCHER, launched, number
from tests.factories import make_campaign, make_list
from tests.faults.desk import ON_SQLITE


def as_of_an_older_version(desk, wave_id):
    """That version kept no mark, and this wave was not submitted yet."""
    desk.session.rollback()
    with writing(desk.session):
        desk.session.execute(delete(Setting).where(Setting.name == "submissions"))
        desk.session.get_one(Wave, wave_id).submissions = 0


@ON_SQLITE
def test_a_draft_that_was_launched_since_calls_nobody_of_then_after_it_is_let_go_on_and_launched(session, now):
    draft = make_campaign(session)
    made = make_list(session, draft)
    session.commit()
    with writing(session):
        ours = next_mark(session)
    with writing(session):
        lost = [KnownSubmission(2, now, draft.id, "Spring", 1, (number(0), number(1)))]
        hold_what_was_found(session, Finding.AHEAD, ours, 2, lost, now)
    with writing(session):
        try_again(session, draft.id, LAUNCHER, now)
    with writing(session):
        launch(session, draft.id, campaign_version=draft.version, list_version=made.version, actor=LAUNCHER, now=now)
    ready = session.scalars(select(Contact.number).where(Contact.state == "ready")).all()
    assert ready == [number(2)]


@ON_SQLITE
def test_submissions_of_an_earlier_installation_in_the_same_places_are_not_ours(desk):
    """A trial whose database was removed, not its DATA_DIR or Redis: it numbered its submissions from 1 too."""
    old = {"number": 2, "at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(), "campaign_id": 1, "campaign_name": "Trial",
           "ordinal": 2, "numbers": ["+14155559999"], "installation": "an-earlier-one"}  # fmt: skip
    with Redis.from_url(desk.installation.environment["REDIS_URL"]) as redis:
        redis.lpush(jobs.marks.LOG, json.dumps(old))
    campaign = desk.launch(people=4, wave_size=2, lines=2)
    desk.submit(campaign)
    desk.work(3)
    with writing(desk.session):  # as yesterday's database would say
        row = desk.session.get_one(Setting, "submissions")
        assert row.value["mark"] == 2
        row.value = row.value | {"mark": 1}
    assert not is_ours(desk.session)
    found = [(one.campaign_name, one.numbers) for one in lost_submissions(desk.session)]
    assert [name for name, _ in found] == ["Spring"], found


@ON_SQLITE
def test_a_backup_of_an_older_version_put_back_lists_what_was_submitted_since(desk):
    campaign = desk.launch(people=4, wave_size=2, lines=2)
    desk.submit(campaign)
    desk.work(3)
    as_of_an_older_version(desk, desk.wave(campaign).id)  # one of the two submissions was made since
    assert not is_ours(desk.session)
    assert len(lost_submissions(desk.session)) == 1


@ON_SQLITE
def test_a_backup_of_an_older_version_from_before_the_first_submission_is_held(desk):
    campaign = desk.launch(people=2, wave_size=2, lines=2)
    desk.submit(campaign)
    as_of_an_older_version(desk, desk.wave(campaign).id)
    assert not is_ours(desk.session)


@ON_SQLITE
def test_a_process_frozen_while_it_writes_does_not_keep_others_from_writing(desk):
    """Redis takes it, so the note in the file may wait for another time."""
    desk.submit(desk.launch())
    with writing(desk.session):
        mark = next_mark(desk.session)
    with (desk.installation.folder / FOLDER / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held by somebody who was stopped
        other = threading.Thread(target=jobs.marks._write, args=(mark, None), daemon=True)
        other.start()
        other.join(4)
        stuck = other.is_alive()
    other.join()
    assert not stuck, "nobody else can submit or tick for as long as one process is frozen"


@ON_SQLITE
def test_what_was_provably_not_sent_is_not_taken_for_handed_over(desk):
    """The provider throttled it; then an older database is put back. Nobody was called, so nobody may be left out."""
    desk.sandbox.misbehave("throttle", times=1, retry_after=1)
    campaign = desk.launch()
    assert desk.submit(campaign).state == "planned"
    with writing(desk.session):
        row = desk.session.get_one(Setting, "submissions")
        row.value = row.value | {"mark": 0}
    assert not is_ours(desk.session)
    assert [one.numbers for one in lost_submissions(desk.session)] == []


@ON_SQLITE
def test_a_draft_without_a_name_has_a_link_to_read(desk, sign_in_here):
    with writing(desk.session):
        make_campaign(desk.session, name="", hold="restored")
        desk.session.add(Setting(name="restored", value={"found": "ahead"}))
    page = sign_in_here("viewer").get("/restored").text
    assert "<bdi></bdi></a>" not in page


@ON_SQLITE
def test_every_number_submitted_since_can_be_seen(desk, sign_in_here):
    with writing(desk.session):
        desk.session.add(Setting(name="restored", value={"found": "ahead"}))
        at = datetime.now(UTC)
        for place in range(201):
            desk.session.add(LostSubmission(campaign_id=1, campaign_name="Spring", ordinal=place + 1,
                numbers=[number(place)], submitted_at=at + timedelta(seconds=place), found_at=at))  # fmt: skip
    page = sign_in_here("launcher").get("/restored").text
    assert "415-555-0000" in page or 'rel="next"' in page


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_finding_it_out_and_a_claim_wait_for_each_other_in_one_order(engine, session, now):
    """The claim's order is campaign, wave, mark."""
    campaign = launched(session, now)
    with writing(session):
        ours = next_mark(session)
    problems = []

    def find_out():
        try:
            with Session(engine) as other, writing(other):
                hold_what_was_found(other, Finding.AHEAD, ours, 5, [], now)
        except Exception as problem:
            problems.append(problem)

    with writing(session):
        lock_campaign(session, campaign.id)
        finder = threading.Thread(target=find_out)
        finder.start()
        finder.join(1)
        next_mark(session)
    finder.join(10)
    assert problems == []


@ON_SQLITE
def test_a_host_with_other_settings_does_not_submit_although_another_host_set_the_name_right(desk, monkeypatch):
    """Both share the database; the right one looks between the wrong one's look and its claim."""
    desk.submit(desk.launch())
    posts = len(desk.sandbox.get_admin("truth", calls=0)["posts"])
    campaign = desk.launch(first=50)
    monkeypatch.setenv("SANDBOX", "0")
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "1")
    jobs.runtime.settings.cache_clear()
    real = jobs.submit.is_ours

    def the_other_host_looks(session):
        with writing(session):
            notice_provider(session, "sandbox")
        return real(session)

    monkeypatch.setattr(jobs.submit, "is_ours", the_other_host_looks)
    desk.submit(campaign)
    assert len(desk.sandbox.get_admin("truth", calls=0)["posts"]) == posts


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_workers_that_start_together_on_a_new_database_all_start(engine, session):
    """One has noticed the provider and not committed yet as the next one looks."""
    problems = []

    def another_starts():
        try:
            with Session(engine) as other, writing(other):
                notice_provider(other, "sandbox")
        except Exception as problem:
            problems.append(problem)

    with writing(session):
        notice_provider(session, "sandbox")
        session.flush()
        starter = threading.Thread(target=another_starts)
        starter.start()
        starter.join(1)
    starter.join(10)
    assert problems == []
