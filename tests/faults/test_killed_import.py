"""Fault 1 of lists: the process that reads one is killed in the middle, with its child; the next one leaves each row once."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from core.lists import SILENT_IMPORT, accept_file, waiting_lists
from core.models import ContactList, Row
from jobs.import_list import import_list
from jobs.runtime import now
from tests.factories import make_campaign, make_list

ROOT = Path(__file__).parents[2]
ROWS = 60_000
SOON = 30.0

pytestmark = pytest.mark.usefixtures("job_runtime")


@pytest.fixture
def waiting(session, settings):
    uploads = settings.data_dir / "uploads"
    uploads.mkdir()
    (uploads / "stored").write_text("phone\n" + "".join(f"+1415{5_500_000 + place}\n" for place in range(ROWS)))
    contact_list = make_list(session, make_campaign(session), size=0)
    accept_file(contact_list, source="upload", filename="a.csv", stored_as="stored", size=1, country="US", now=now())
    session.commit()
    return contact_list.id


def look(session, list_id):
    session.rollback()
    return session.get_one(ContactList, list_id, populate_existing=True)


def until(holds):
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_import_that_is_killed_in_the_middle_starts_again_without_doubling(session, waiting):
    work = subprocess.Popen(
        [sys.executable, "-c", f"from jobs.import_list import import_list; import_list({waiting})"],
        cwd=ROOT,
        env=os.environ,
    )
    until(lambda: look(session, waiting).rows_read > 0)
    child = psutil.Process(work.pid).children()[0]
    work.send_signal(signal.SIGKILL)
    work.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)  # nobody reads what it tells
    held = look(session, waiting)
    assert (held.state, 0 < held.rows_read < ROWS) == ("importing", True)
    assert waiting_lists(session, now()) == []  # it may still be alive, for all that anybody knows
    held.changed_at = now() - SILENT_IMPORT - timedelta(seconds=1)
    session.commit()
    assert waiting_lists(session, now()) == [waiting]
    import_list(waiting)
    held = look(session, waiting)
    stored = session.scalar(select(func.count()).where(Row.list_id == waiting))
    assert (held.state, held.rows_read, held.counts["ready"], stored) == ("ready", ROWS, ROWS, ROWS)
