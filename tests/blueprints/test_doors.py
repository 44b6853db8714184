"""Whom each door lets in: the whole table, and every route asked by everybody."""

import zlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from blueprints.security import door_of
from core.audit import Actor
from core.models import ApiToken, Contact, Person, SignIn
from core.people import Role, may
from core.suppression_imports import begin_import
from core.tokens import SCOPES
from tests.core.cast import accepted, launched
from tests.factories import make_campaign, make_list, make_person, make_suppression, make_token

# A changed door shows in the change of this table. viewer < composer < launcher < admin; read, compose, launch: programs.
DOORS = {
    "open": """
        api.describe auth.ask_for_link auth.check_sign_in auth.forgotten auth.sign_in health.healthz health.livez identity.begin
        identity.come_back links.show links.use live.linked_screen live.linked_screen_now static wall.show_linked webhooks.webhook
    """,
    "viewer": """
        account.change account.change_password account.end_sign_in account.show agents.index approvals.show auth.sign_out
        auth.sign_out_everywhere auth.start campaigns.contact campaigns.contacts campaigns.index campaigns.show campaigns.wave
        inbox.index inbox.show restored.show live.board live.board_now live.campaign live.campaign_now
        live.screen live.screen_now notices.change notices.edit notices.try_ways wall.show
    """,
    "composer": """
        agents.add agents.change agents.edit agents.new approvals.take_back campaigns.never_call_again compose.cancel_import
        compose.check compose.correct compose.delete compose.download compose.judge_again compose.keep compose.mapping
        compose.new compose.progress compose.reading compose.row compose.rules compose.save_row compose.use_kept
        compose.use_unreached compose.what compose.when compose.who do_not_call.add do_not_call.index do_not_call.new
        kept_lists.index kept_lists.remove
    """,
    "launcher": """
        approvals.approve approvals.refuse campaigns.it_was_sent campaigns.leave_out campaigns.send_again campaigns.try_again
        provider.try_again control.ask_stop control.pause control.resume control.stop control.unschedule
        compose.ask compose.launch compose.place_test_call compose.test_call messages.index messages.resume messages.send_again
        messages.send_all_again messages.show wall.ask_revoke wall.list_links wall.make_link wall.revoke_link
    """,
    "admin": """
        api_tokens.add api_tokens.ask api_tokens.index api_tokens.new api_tokens.revoke audit.export_csv audit.export_jsonl
        audit.index do_not_call.ask do_not_call.cancel_import do_not_call.choose_file do_not_call.export_csv
        do_not_call.progress do_not_call.remove do_not_call.show_import do_not_call.start_import inbox.ask_replay
        inbox.change_connection inbox.connection_tests inbox.explain_word inbox.list_replays inbox.replay_many inbox.replay_one
        inbox.replays_now inbox.show_connection inbox.test_connection inbox.words people.activate people.add
        people.change people.deactivate people.index people.new people.new_link people.show people.sign_out
        people.unlink_identity provider.rebind provider.show provider.try_it settings.change settings.edit
    """,
    "read": "api.agents api.campaigns api.contacts api.deliveries api.list_suppressions api.messages api.show",
    "compose": "api.keep api.suppress api.unsuppress",
    "launch": "api.create api.pause api.resume api.stop",
}
TOKENS = {scope: scope for scope in SCOPES} | {"every": " ".join(SCOPES), "no": ""}


@pytest.fixture
def database_url(sqlite_url):
    """Who may pass does not depend on the kind of the database."""
    return sqlite_url


@pytest.fixture
def ids(session):
    """What stands for the variable parts of addresses: real rows, so that the views are really reached."""
    moment = datetime.now(UTC)
    draft = make_campaign(session)
    make_list(session, draft)
    agent = draft.agent_id
    somebody, barred = make_person(session), make_suppression(session)
    begun = begin_import(session, "a-file", "list.csv", "US", "", None, Actor("Ada"), moment)
    session.commit()
    campaign = launched(session, moment)
    accepted(session, campaign, moment)
    contact = session.query(Contact.id).filter_by(campaign_id=campaign.id).first()[0]
    return {
        "draft": draft.id, "campaign_id": campaign.id, "contact_id": contact, "ordinal": 1, "agent_id": agent,
        "person_id": somebody.id, "delivery_id": 1, "message_id": 1, "token_id": 1, "sign_in_id": 1,
        "link_id": 1, "suppression_id": barred.id, "number": barred.number, "import_id": begun.id,
        "token": "x" * 43, "filename": "app.css", "row_number": 2, "list_id": 1,
    }  # fmt: skip


@pytest.fixture
def callers(app, session, sign_in_as):
    """Everybody who may knock, each with the cookie or the header that they bring."""
    for name, scopes in TOKENS.items():
        make_token(session, f"token-{name}", scopes=scopes)
    session.commit()
    cookies = {role.value: {"Cookie": f"callboard={sign_in_as(role).get_cookie('callboard').value}"} for role in Role}
    bearers = {f"a program with {name} scope": {"Authorization": f"Bearer token-{name}"} for name in TOKENS}
    return {"nobody": {}} | cookies | bearers


def knock(app, method, path, headers):
    """The status for somebody who comes with these headers; a stream is left as soon as it begins.

    At each door from another address: whoever tries many without a token is kept waiting.
    """
    place = {"REMOTE_ADDR": f"10.0.{zlib.crc32(path.encode()) % 65536 // 256}.{zlib.crc32(path.encode()) % 256}"}
    browser = app.test_client()
    for cookie in headers.get("Cookie", "").split():
        browser.set_cookie(*cookie.split("=", 1))
    with browser.open(
        path, method=method, environ_base=place, headers={"Accept": "application/json"} | headers
    ) as answer:
        return answer.status_code


def lets_in(door, name):
    if door.role:
        return name in set(Role) and may(name, door.role)
    return not door.scope or name in (f"a program with {door.scope} scope", "a program with every scope")


def addresses(app, ids):
    """Each method of each route with an address of its own."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        known = ids | {"campaign_id": ids["draft"]} if rule.endpoint.startswith("compose.") else ids
        values = {name: known[name] for name in rule.arguments}
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, adapter.build(rule.endpoint, values, method)


def undo(session):
    """Whatever a let-in caller did to the callers themselves."""
    session.rollback()
    session.execute(update(SignIn).values(revoked_at=None))
    session.execute(update(ApiToken).values(revoked_at=None))
    session.execute(update(Person).values(is_active=True))
    session.commit()


def test_the_table_of_doors_is_what_the_views_say(app):
    said = {name: door_of(app, name) for name in app.view_functions}
    written = {name: whom for whom, names in DOORS.items() for name in names.split()}
    assert {name: door and (door.role or door.scope or "open") for name, door in said.items()} == written


def test_every_route_lets_in_whom_its_door_names_and_nobody_else(app, session, ids, callers):
    wrong = []
    for endpoint, method, path in addresses(app, ids):
        door = door_of(app, endpoint)
        assert door is not None, f"{endpoint} does not say whom it lets in"
        for name, headers in callers.items():
            status = knock(app, method, path, headers)
            if (status not in (401, 403)) != lets_in(door, name) or status == 500:
                wrong.append(f"{method} {path} ({endpoint}) answers {status} to {name}")
            if method != "GET":
                undo(session)
    assert "\n".join(wrong) == ""
