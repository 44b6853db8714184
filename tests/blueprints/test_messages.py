"""The log of what a program is told: for launchers, escaped, without the secret; and sending again."""

import pytest
from sqlalchemy import select

from core.database import writing
from core.models import AuditEntry, Endpoint, Message, MessageTry
from tests.factories import NOW, make_campaign, make_endpoint, make_message

# What both databases do alike stands in tests/core/test_sending.py.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EVIL = "<script>alert(1)</script>"
ACTS = select(AuditEntry.act).where(AuditEntry.subject == "campaign")


@pytest.fixture
def endpoint(session) -> Endpoint:
    with writing(session):
        campaign = make_campaign(session, name="Spring", state="running")
        return make_endpoint(
            session, campaign, url="https://me:pass@crm.example.com:8443/hook?key=k3y", secret="sealed-secret"
        )


@pytest.fixture
def log(endpoint) -> str:
    return f"/campaigns/{endpoint.campaign_id}/messages"


def write(session, endpoint, **given) -> Message:
    with writing(session):
        return make_message(session, endpoint, **given)


def page(browser, address) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_the_log_shows_each_message_and_what_came_of_it(launcher, session, endpoint, log):
    write(session, endpoint, event="campaign.started", state="delivered", words="It answered 204.", tries=1)
    write(session, endpoint, event="call.completed", state="given_up", words="It answered 500.", tries=8)
    shown = page(launcher, log)
    assert "campaign.started" in shown
    assert "Send the one given up again" in shown
    assert "https://crm.example.com:8443/hook?…<" in shown
    assert not any(secret in shown for secret in ("sealed-secret", "me:pass", "k3y"))
    assert "campaign.started" not in page(launcher, f"{log}?state=given_up")
    assert "campaign.started" in page(launcher, f"{log}?state=nonsense&before=x")


def test_a_long_log_is_read_a_page_at_a_time(launcher, session, endpoint, log):
    oldest = write(session, endpoint)
    with writing(session):
        for _ in range(25):
            make_message(session, endpoint)
    assert f'{log}/{oldest.id}"' not in page(launcher, log)
    assert f'{log}/{oldest.id}"' in page(launcher, f"{log}?before={oldest.id + 1}")


def test_whatever_a_server_answers_is_only_shown(launcher, session, endpoint, log):
    message = write(session, endpoint, body=f'{{"context": "{EVIL}"}}', words="It answered 500.")
    with writing(session):
        session.add(MessageTry(message_id=message.id, at=NOW, milliseconds=7, words="It answered 500.", answer=EVIL))
    shown = page(launcher, f"{log}/{message.id}")
    assert EVIL not in shown
    assert shown.count("&lt;script&gt;alert(1)") == 2


def test_one_message_or_all_given_up_are_sent_again(launcher, session, endpoint, log):
    given_up = [write(session, endpoint, state="given_up", tries=8) for _ in range(3)]
    answer = launcher.post(f"{log}/{given_up[0].id}/send-again")
    assert (answer.status_code, answer.location) == (303, f"{log}/{given_up[0].id}")
    assert launcher.post(f"{log}/send-again").status_code == 303
    assert session.execute(select(Message.state, Message.tries)).all() == [("waiting", 0)] * 3
    assert session.scalars(ACTS).all() == ["message.send_again"] * 2
    assert launcher.post(f"{log}/send-again").status_code == 409


def test_an_address_that_said_it_is_gone_is_resumed_by_a_person(launcher, session, endpoint, log):
    assert launcher.post(f"{log}/resume").status_code == 409
    with writing(session):
        made = session.get_one(Endpoint, endpoint.id)
        made.disabled_at, made.disabled_words = NOW, "It answered 410."
    assert "It answered 410." in page(launcher, log)
    assert launcher.post(f"{log}/resume").status_code == 303
    assert "It answered 410." not in page(launcher, log)
    assert session.scalars(ACTS).all() == ["endpoint.resume"]


def test_the_log_is_for_launchers_who_find_it_from_the_campaign(launcher, composer, endpoint, log):
    campaign = f"/campaigns/{endpoint.campaign_id}"
    assert log in page(launcher, campaign)
    assert log not in page(composer, campaign)
    assert "crm.example.com" in page(launcher, log)
    assert composer.get(log).status_code == 403


@pytest.mark.parametrize("rest", ["", "/1", "/99999999999999999999", "/send-again", "/1/send-again", "/resume"])
def test_there_is_no_log_of_a_campaign_that_nobody_listens_to(launcher, session, rest):
    with writing(session):
        campaign = make_campaign(session, state="running")
    ask = launcher.get if rest in ("", "/1", "/99999999999999999999") else launcher.post
    assert ask(f"/campaigns/{campaign.id}/messages{rest}").status_code == 404


def test_a_message_of_another_campaign_is_not_shown_here(launcher, session, endpoint, log):
    with writing(session):
        other = make_message(session, make_endpoint(session, make_campaign(session)))
    assert launcher.get(f"{log}/{other.id}").status_code == 404
    assert launcher.post(f"{log}/{other.id}/send-again").status_code == 404
