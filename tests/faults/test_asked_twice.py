"""The same thing asked for twice: a launch, a number, a create."""

import re
import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from core.database import writing
from core.models import Campaign
from jobs.tick import tick
from tests.core.cast import launched
from tests.factories import make_campaign, make_list, make_token
from tests.faults.desk import ON_SQLITE


def together(*acts):
    """Run these at the same moment; what each of them answered."""
    answers, start = {}, threading.Barrier(len(acts))

    def run(place, act):
        start.wait()
        answers[place] = act()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(acts))]


def test_a_double_click_in_two_tabs_launches_once_and_the_second_is_told_so(desk, sign_in_here):
    """Fault 6: a replayed form too."""
    with writing(desk.session):
        campaign = make_campaign(desk.session)
        make_list(desk.session, campaign)
    path = f"/campaigns/{campaign.id}/compose"
    tabs = [sign_in_here("launcher") for _ in range(4)]
    page = tabs[0].get(f"{path}/check").text
    form = dict(re.findall(r'name="([a-z]+_version)"[^>]*value="(\d+)"', page)) | {"confirmed": "y"}
    answers = together(*(lambda tab=tab: tab.post(f"{path}/launch", data=form) for tab in tabs))
    assert [answer.status_code for answer in answers] == [303] * 4
    assert (
        sum("already launched" in tab.get(answer.location).text for tab, answer in zip(tabs, answers, strict=True)) == 3
    )
    assert tabs[0].post(f"{path}/launch", data=form).status_code == 303
    assert desk.contacts() == {"ready": 3}
    desk.finish()
    assert len(desk.sandbox.truth()["posts"]) == 1


def test_a_number_in_two_campaigns_launched_at_once_is_called_by_one_after_the_other(desk):
    """Fault 44: one open wave at a time holds it; the other campaign waits and says so."""
    desk.sandbox.post_admin("settings", {"speed": 1})
    desk.sandbox.misbehave("no_webhooks")
    campaigns = [launched(desk.session, datetime.now(UTC), people=2) for _ in range(2)]
    together(*(lambda one=one: tick(one.id) for one in campaigns * 4))
    assert desk.contacts() == {"queued": 2, "ready": 2}
    desk.work()
    desk.session.expire_all()
    whys = [desk.session.get_one(Campaign, one.id).why for one in campaigns]
    assert sum("is being called by “Spring”" in why for why in whys) == 1
    desk.sandbox.post_admin("settings", {"speed": 0})
    desk.finish()
    assert len(desk.sandbox.truth()["posts"]) == 2


@ON_SQLITE
def test_a_number_twice_in_one_call_and_written_differently_is_called_once(installation, desk):
    """Fault 44: the others are excluded, with the reason."""
    installation.start("web")
    installation.create(["+14155550123", "+1 (415) 555-0123", "+14155550123", "+14155550124"])
    assert desk.contacts() == {"ready": 2, "excluded": 2}
    desk.finish()
    called = [one["to_number"] for one in desk.sandbox.get_admin("truth/calls")["contacts"]]
    assert sorted(called) == ["+14155550123", "+14155550124"]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "order-17"}])
def test_a_create_that_is_asked_for_again_after_a_timeout_calls_nobody_twice(desk, faulty_app, key):
    """Fault 46: at once, in parallel, and later when its calls are made; with a key and without."""
    with writing(desk.session):
        make_token(desk.session, token="a program")
    headers = {"Authorization": "Bearer a program"} | key
    body = {"agent_id": str(uuid4()), "name": "Spring", "targets": [{"to_number": "+14155550123"}]}

    def ask():
        return faulty_app.test_client().post("/api/v1/campaigns", json=body, headers=headers, csrf=False)

    answers = together(*[ask] * 4)
    desk.finish()
    answers.append(ask())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["campaign_id"] for answer in answers}) == 1
    assert [answer.headers.get("X-Callboard-Repeat") for answer in answers].count(None) == 1
    assert answers[-1].json["status"] == "completed"
    assert len(desk.sandbox.truth()["posts"]) == 1
