"""A restored database calls nobody by itself: each campaign waits until somebody lets it go on."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.audit import CALLBOARD
from core.database import writing
from core.decisions import leave_out, try_again
from core.errors import Conflict, NotFound
from core.models import AuditEntry, Campaign, PersonLink, SignIn
from core.notices import Wanted, choose, notices_due, try_ways
from core.restoring import after_restore
from core.sign_ins import Try, find_sign_in, sign_in
from core.states import CampaignState
from core.wall_links import find_link as find_wall_link
from core.wall_links import make_link as make_wall_link
from tests.core.cast import LAUNCHER, VAULT, claimed, later, launched, tick
from tests.factories import make_person

MADE = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def restore(session, now):
    with writing(session):
        return after_restore(session, MADE, now)


def test_a_running_campaign_waits_with_the_reason_until_it_is_let_go_on(session, now):
    campaign = launched(session, now)
    assert restore(session, now) == 1
    assert tick(session, campaign, now).submit == []
    assert campaign.why.startswith("Restored from a backup of 1 Mar 2026, 03:00 UTC. What was submitted since then")
    with writing(session):
        try_again(session, campaign.id, LAUNCHER, now)
    assert len(tick(session, campaign, now).submit) == 1
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "campaign.try_again")).one()
    assert (entry.summary, entry.before) == (
        "Lena Launcher let the campaign go on after the restore.",
        {"hold": "restored"},
    )


def test_a_wave_that_was_cut_before_the_backup_is_not_sent(session, now):
    campaign = launched(session, now)
    (wave_id,) = tick(session, campaign, now).submit
    restore(session, now)
    assert claimed(session, wave_id, now) is None
    assert tick(session, campaign, now).submit == []


def test_a_scheduled_campaign_says_so_and_does_not_begin_to_call_by_itself(session, now):
    campaign = launched(session, now, start_at=later(now, hours=1))
    restore(session, now)
    tick(session, campaign, now)
    assert "Restored from a backup" in campaign.why
    assert tick(session, campaign, later(now, hours=2)).submit == []
    assert campaign.state == CampaignState.RUNNING


def test_drafts_are_held_too_and_what_is_over_is_left_alone(session, now):
    draft = Campaign(state_since=now, created_at=now)
    over = Campaign(state_since=now, created_at=now, state=CampaignState.COMPLETED)
    session.add_all([draft, over])
    session.commit()
    assert restore(session, now) == 1
    assert (draft.hold, over.hold) == ("restored", None)


def test_a_test_call_of_then_is_stopped(session, now):
    campaign = launched(session, now, people=1, is_test=True)
    assert restore(session, now) == 0
    tick(session, campaign, now)
    assert campaign.state == CampaignState.STOPPED


def test_nobody_is_left_out_because_of_a_restore(session, now):
    campaign = launched(session, now)
    restore(session, now)
    with pytest.raises(Conflict, match="No refusal holds this campaign"), writing(session):
        leave_out(session, campaign.id, LAUNCHER, now)


def test_sign_ins_and_links_of_then_are_good_no_more(session, now):
    with writing(session):
        person = make_person(session)
        token = sign_in(session, person, Try(0, person.email, ""), "a test", now)
        session.add(PersonLink(person_id=person.id, kind="reset", created_at=now, expires_at=later(now, hours=24)))
        _, screen = make_wall_link(session, "Kitchen", LAUNCHER, now)
        choose(session, person.id, Wanted(True, False, None, False, True, None), VAULT, LAUNCHER, now)
        try_ways(session, person.id, now)
    restore(session, now)
    with pytest.raises(NotFound):
        find_wall_link(session, screen)
    assert notices_due(session, later(now, days=9)) == []
    assert find_sign_in(session, token, now) is None
    assert session.scalars(select(SignIn.revoked_at)).all() == [now]
    assert session.scalars(select(PersonLink.revoked_at)).all() == [now]


def test_the_audit_says_that_it_was_restored(session, now):
    launched(session, now)
    restore(session, now)
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "installation.restored")).one()
    words = "Restored from a backup of 1 Mar 2026, 03:00 UTC; campaigns that wait to be let go on: 1."
    assert (entry.actor, entry.summary) == (CALLBOARD.name, words)
