"""What programs read: pages that neither skip nor repeat, filters, and complaints about a query in the one shape."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select

from core.database import writing
from core.models import AuditEntry, Contact, Delivery, Endpoint, Message
from tests.blueprints.test_api import AGENT, DOCUMENTED_KEYS, TOKEN, Program, request_of
from tests.core.cast import launched, tick
from tests.factories import NOW, make_agent, make_campaign, make_token

LISTS = ("contacts", "deliveries", "messages")
WRONG_VARIABLES = (
    None,
    "a",
    [1],
    [""],
    [" a"],
    ["a b"],
    ["callboard_ref"],
    ["x" * 65],
    ["a\0"],
    [str(n) for n in range(101)],
)


class Reader(Program):
    """A program that reads."""

    def get(self, path: str, **query):
        return self.client.get(f"/api/v1{path}", query_string=query, headers=self.headers)

    def pages(self, path: str, **query):
        """Each page of a list, to its end."""
        cursor = {}
        while cursor is not None:
            answer = self.get(path, **query, **cursor)
            assert (answer.status_code, set(answer.json)) == (200, {"items", "next_cursor"}), answer.text
            yield answer.json["items"]
            cursor = {"cursor": answer.json["next_cursor"]} if answer.json["next_cursor"] else None

    def all(self, path: str, key: str, **query) -> list:
        return [item[key] for page in self.pages(path, **query) for item in page]

    def keep(self, agent_id: str, **body):
        return self.client.put(f"/api/v1/agents/{agent_id}", json=body, headers=self.headers, csrf=False)


@pytest.fixture
def program(app, session) -> Reader:
    with writing(session):
        make_token(session, token=TOKEN)
    return Reader(app)


def test_campaigns_come_newest_first_and_a_new_one_moves_no_page(program, session):
    known = [launched(session, NOW, people=1, first=place) for place in range(5)]
    with writing(session):
        make_campaign(session)
        make_campaign(session, state="running", is_test=True)
    pages = program.pages("/campaigns", limit=2)
    told = next(pages)
    launched(session, NOW, people=1, first=9)
    told += [item for page in pages for item in page]
    assert [item["campaign_id"] for item in told] == [str(one.id) for one in reversed(known)]
    assert set(told[0]) == DOCUMENTED_KEYS


def test_campaigns_can_be_looked_for(program, session):
    first, second, third = (launched(session, NOW + timedelta(days=day), 1, day) for day in range(3))
    with writing(session):
        first.name, second.name, second.state = "50% off", "Ärger", "paused"
        agent_id = third.agent.uuid
    for query, found in (
        ({"state": "running"}, {third, first}), ({"state": "stopped"}, set()), ({"agent_id": agent_id.upper()}, {third}),
        ({"agent_id": AGENT}, set()), ({"search": "0%"}, {first}), ({"search": "_"}, set()), ({"search": "SPRING"}, {third}),
        ({"created_after": "2026-03-02T12:00:00Z"}, {second, third}), ({"created_before": "2026-03-03T13:00:00+01:00"}, {first}),
        ({"created_after": "2026-03-02T12:00:00Z", "created_before": "2026-03-04T12:00:00Z", "search": ""}, {second}),
    ):  # fmt: skip
        assert set(program.all("/campaigns", "campaign_id", **query)) == {str(one.id) for one in found}, query


def test_a_long_page_of_campaigns_takes_as_many_statements_as_a_short_one(program, session, engine):
    for place in range(12):
        campaign = launched(session, NOW, people=2, first=2 * place, retry_attempts=place % 2)
        tick(session, campaign, NOW)
    asked = []
    event.listen(Engine, "before_cursor_execute", note_it := lambda *args: asked.append(args[2]))
    answers = [(program.get("/campaigns", limit=limit).json["items"], len(asked)) for limit in (2, 12)]
    event.remove(Engine, "before_cursor_execute", note_it)
    (few, short), (many, both) = answers
    assert (len(few), len(many)) == (2, 12)
    assert both <= 2 * short
    each = [program.get(f"/campaigns/{item['campaign_id']}").json for item in many]
    assert [{key: one[key] for key in DOCUMENTED_KEYS} for one in each] == many


def test_contacts_come_in_the_order_of_the_list(program, session):
    campaign = launched(session, NOW, people=5, lines=2, wave_size=2)
    tick(session, campaign, NOW)
    path = f"/campaigns/{campaign.id}/contacts"
    assert program.all(path, "to_number", limit=2) == [f"+1415555000{place}" for place in range(5)]
    assert program.all(path, "state") == ["queued"] * 2 + ["ready"] * 3
    assert program.all(path, "to_number", state="ready", limit=2) == [f"+1415555000{place}" for place in (2, 3, 4)]
    assert program.all(path, "to_number", state="busy") == []


def test_a_contact_is_told_with_what_became_of_it(program, session):
    campaign = launched(session, NOW, people=1)
    with writing(session):
        contact = session.scalars(select(Contact)).one()
        contact.state, contact.reason, contact.attempts, contact.context = "busy", "Line busy.", 2, {"name": "Ada"}
        contact.due_at = contact.last_event_at = NOW
    (told,) = program.get(f"/campaigns/{campaign.id}/contacts").json["items"]
    assert told == {
        "contact_id": str(contact.id), "to_number": "+14155550000", "from_number": None, "context": {"name": "Ada"},
        "state": "busy", "reason": "Line busy.", "attempts": 2, "settled_at": None, "due_at": NOW.isoformat(),
        "last_event_at": NOW.isoformat(),
    }  # fmt: skip


def test_deliveries_are_told_without_what_was_in_them(program, session):
    campaign = launched(session, NOW, people=1)
    tick(session, campaign, NOW)
    with writing(session):
        contact = session.scalars(select(Contact)).one()
        for place, verdict in enumerate(["applied", "bad_signature", "repeat"]):
            about = {"number": contact.number, "contact_id": contact.id} if verdict == "applied" else {}
            session.add(
                Delivery(wave_id=contact.wave_id, campaign_id=campaign.id, key=f"{place}", received_at=NOW, body=b"secret",
                         headers=[["X-Signature", "secret"]], verdict=verdict, event="call.completed", **about)
            )  # fmt: skip
    path = f"/campaigns/{campaign.id}/deliveries"
    assert program.all(path, "verdict", limit=2) == ["repeat", "bad_signature", "applied"]
    answer = program.get(path, verdict="applied")
    assert "secret" not in answer.text
    (told,) = answer.json["items"]
    assert told == {
        "delivery_id": told["delivery_id"], "wave": 1, "received_at": NOW.isoformat(), "verdict": "applied",
        "event": "call.completed", "status": None, "contact_id": str(contact.id), "to_number": "+14155550000",
    }  # fmt: skip


def test_messages_are_told_to_whom_they_are_for(program, session):
    campaign = launched(session, NOW, people=1)
    path = f"/campaigns/{campaign.id}/messages"
    assert program.all(path, "event") == []
    with writing(session):
        endpoint = Endpoint(campaign_id=campaign.id, url="https://crm.example.com", secret="secret", created_at=NOW)
        session.add(endpoint)
        session.flush()
        for place, state in enumerate(["delivered", "given_up", "waiting"]):
            session.add(
                Message(endpoint_id=endpoint.id, uid=f"msg_{place}", key=f"{place}", event="campaign.progress", body="secret",
                        created_at=NOW, next_at=NOW, give_up_at=NOW, state=state)
            )  # fmt: skip
    assert program.all(path, "message_id", limit=1) == ["msg_2", "msg_1", "msg_0"]
    answer = program.get(path, state="given_up")
    assert [(told["message_id"], told["next_at"]) for told in answer.json["items"]] == [("msg_1", None)]
    assert "secret" not in answer.text


def test_an_agent_is_kept_and_changed_and_asking_again_changes_nothing(program, session):
    for name, variables in (("Renewals", ["a"]), ("Renewals", ["a"]), ("Winter", [])):
        answer = program.keep(AGENT.upper(), name=name, variables=variables)
        assert (answer.status_code, answer.json) == (200, {"agent_id": AGENT, "name": name, "variables": variables})
    acts = session.execute(select(AuditEntry.act, AuditEntry.actor).order_by(AuditEntry.id)).all()
    assert [tuple(act) for act in acts] == [("agent.add", "A program"), ("agent.change", "A program")]
    with writing(session):
        others = [make_agent(session).uuid for _ in range(2)]
    assert program.all("/agents", "agent_id", limit=2) == [AGENT, *others]


def test_an_agent_that_cannot_be_is_refused_in_the_documented_shape(program):
    good = {"name": "Renewals", "variables": []}
    for agent_id, body, places in (
        ("12-34", good, [["path", "agent_id"]]),
        (AGENT, {}, [["body", "name"], ["body", "variables"]]),
        (AGENT, good | {"name": " "}, [["body", "name"]]),
        (AGENT, good | {"name": "x" * 256}, [["body", "name"]]),
        *((AGENT, good | {"variables": wrong}, [["body", "variables"]]) for wrong in WRONG_VARIABLES),
    ):
        answer = program.keep(agent_id, **body)
        assert (answer.status_code, [told["loc"] for told in answer.json["detail"]]) == (422, places), body


def test_a_query_that_cannot_be_is_refused_in_the_documented_shape(program, session):
    campaign = launched(session, NOW, people=2)
    other = program.get(f"/campaigns/{campaign.id}/contacts", limit=1).json["next_cursor"]
    wrong = [
        ("limit", "0"), ("limit", "101"), ("limit", "-1"), ("limit", "1.0"), ("limit", "٣"), ("limit", ""), ("limit", "9" * 5000),
        ("cursor", ""), ("cursor", "x"), ("cursor", other), ("cursor", other[:-1]), ("cursor", "\0"), ("cursor", "é.é"),
        ("state", "draft"), ("state", "Running"), ("state", ""), ("agent_id", "x"), ("search", "x" * 256), ("search", "\0"),
        ("created_after", "yesterday"), ("created_before", "2026-03-02T12:00:00"), ("status", "running"), ("\0", "1"),
    ]  # fmt: skip
    for name, value in wrong:
        answer = program.get("/campaigns", **{name: value})
        told = [(complaint["loc"], bool(complaint["msg"])) for complaint in answer.json["detail"]]
        assert (answer.status_code, told) == (422, [(["query", name], True)]), (name, value[:20])
    twice = program.client.get("/api/v1/campaigns?limit=1&limit=2&status=x", headers=program.headers)
    assert [told["loc"][1] for told in twice.json["detail"]] == ["limit", "status"]


def test_drafts_and_test_calls_are_never_seen(program, session):
    with writing(session):
        draft, test = make_campaign(session), make_campaign(session, state="running", is_test=True)
    assert program.all("/campaigns", "campaign_id") == []
    for hidden in (draft, test):
        assert program.look(hidden.id).status_code == 404
        answers = [program.get(f"/campaigns/{hidden.id}/{listed}") for listed in LISTS]
        assert [(answer.status_code, list(answer.json)) for answer in answers] == [(404, ["detail"])] * 3


def test_each_scope_opens_its_own_doors_and_no_other(app, session):
    with writing(session):
        for scope in ("read", "compose", "launch"):
            make_token(session, token=scope, scopes=scope)
    opened = {}
    for scope in ("read", "compose", "launch"):
        reader = Reader(app, scope)
        answers = (reader.get("/campaigns"), reader.keep(AGENT, name="x", variables=[]), reader.create(request_of()))
        opened[scope] = [answer.status_code for answer in answers]
    assert opened == {"read": [200, 403, 403], "compose": [403, 200, 403], "launch": [403, 403, 200]}
