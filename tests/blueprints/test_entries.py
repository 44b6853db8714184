"""Every door that changes something leaves an entry in the audit log; a new door has to stand in one of two tables here."""

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from config import Mail
from core import approvals
from core.audit import Actor
from core.kept_lists import keep_list
from core.links import make_link
from core.models import (
    AuditEntry,
    Campaign,
    Contact,
    Delivery,
    HeardWord,
    Person,
    ProviderState,
    Row,
    Setting,
    Suppression,
    Wave,
)
from core.row_edits import seen_of
from core.sign_ins import Try, sign_in
from core.suppression_imports import begin_import
from core.wall_links import make_link as make_wall_link
from tests.blueprints.test_api import request_of
from tests.blueprints.test_compose import ROLES, WHEN, launch_form, path, seen
from tests.conftest import COMPILED, Browser, close_app
from tests.core.cast import accepted, launched
from tests.factories import (
    PASSWORD,
    make_agent,
    make_campaign,
    make_delivery,
    make_endpoint,
    make_list,
    make_message,
    make_person,
    make_suppression,
    make_token,
)  # fmt: skip

WITHOUT_ENTRY = {
    "webhooks.webhook": "the delivery itself is kept, and shown in the inbox",
    "notices.try_ways": "the notice itself is kept, and shown to whom it went",
}
NEW_PASSWORD = "a sentence that nobody guesses"
UUID = "6f0d3b1e-1111-4222-8333-944455556666"
BEARER = {"Authorization": "Bearer token-of-a-program"}
GRACE = Actor("Grace")
SEEN = seen_of(Row(cells=["+14155550000"]))
# Nothing of this that the acts below send has a place in an entry: passwords, tokens, secrets, numbers.
SECRETS = (PASSWORD, NEW_PASSWORD, "token-of-a-program", "s3cret", "/links/", "+1415", "+1 415", "5552671", "5552699")


@dataclass
class Desk:
    """One act: the admin who does it in a browser, and the rows that it needs."""

    app: Flask
    session: Session
    me: Person
    browser: Browser

    def draft(self, size: int = 1, **given) -> Campaign:
        draft = make_campaign(self.session)
        make_list(self.session, draft, **{"size": size, "headers": ["phone"], "stored_as": "a-file"} | given)
        self.session.commit()
        return draft

    def on_draft(self, step: str, form: dict, **given) -> tuple[str, dict]:
        draft = self.draft(**given)
        return path(draft, step), form | ({"seen": seen(self.browser, draft, step)} if step in ("what", "when") else {})

    def kept(self) -> int:
        kept = keep_list(self.session, self.draft().id, f"Kept for {self.me.id}", GRACE, datetime.now(UTC))
        kept.state = "ready"
        self.session.commit()
        return kept.id

    def checked(self, act: str, size: int = 1) -> tuple[str, dict]:
        draft = self.draft(size)
        return path(draft, act), launch_form(self.browser, draft)

    def asked(self, answer: str, **form: str) -> tuple[str, dict]:
        draft, now = self.draft(4), datetime.now(UTC)
        found = approvals.substance_of(self.session, draft.id)
        asked = approvals.ask(self.session, draft.id, found, campaign_version=1, list_version=1, actor=GRACE, now=now)
        self.session.commit()
        return f"/campaigns/{draft.id}/approval/{answer}", {"digest": asked.digest, **form}

    def undecided(self, act: str, **form: str) -> tuple[str, dict]:
        campaign = launched(self.session, datetime.now(UTC), first=self.me.id * 10)
        wave = accepted(self.session, campaign, datetime.now(UTC))
        wave.state = "needs_person"
        self.session.commit()
        return f"/campaigns/{campaign.id}/waves/1/{act}", form

    def held(self, act: str) -> tuple[str, dict]:
        campaign = launched(self.session, datetime.now(UTC), first=self.me.id * 10)
        accepted(self.session, campaign, datetime.now(UTC))
        self.session.query(Wave).filter_by(campaign_id=campaign.id).update({"state": "refused"})
        campaign.hold = "refused"
        self.session.commit()
        return f"/campaigns/{campaign.id}/{act}", {}

    def running(self, act: str, state: str = "running", api: str = "") -> tuple[str, dict]:
        campaign = launched(self.session, datetime.now(UTC), first=self.me.id * 10)
        campaign.state = state
        self.session.commit()
        return f"{api}/campaigns/{campaign.id}/{act}", {}

    def provider_in_trouble(self, act: str) -> tuple[str, dict]:
        if act == "rebind":
            self.session.merge(Setting(name="provider_binding", value={"to": "https://a.example", "named": "sandbox"}))
        else:
            state = self.session.get(ProviderState, 1) or ProviderState(id=1, failures=0)
            state.key_refused_at, state.key_refused_words = datetime.now(UTC), "No."
            self.session.merge(state)
        self.session.commit()
        return f"/provider/{act}", {}

    def told(self, act: str, **given) -> tuple[str, dict]:
        campaign = make_campaign(self.session, state="running")
        message = make_message(self.session, make_endpoint(self.session, campaign, **given), state="given_up")
        self.session.commit()
        return f"/campaigns/{campaign.id}/messages/{act.format(message.id)}", {}

    def somebody(self, act: str = "", form: dict | None = None, **given) -> tuple[str, dict]:
        person = make_person(self.session, **given)
        self.session.commit()
        return f"/people/{person.id}{act}", form or {}

    def other_browser(self) -> str:
        sign_in(self.session, self.me, Try(0, self.me.email, ""), "another", datetime.now(UTC))
        self.session.commit()
        page = self.browser.get("/account").text
        return page.split("/account/browsers/")[1].split("/")[0]

    def link(self) -> str:
        person = make_person(self.session, password_hash=None)
        _, token = make_link(self.session, person.id, GRACE, datetime.now(UTC), by_mail=False)
        self.session.commit()
        return f"/links/{token}"

    def agent(self) -> tuple[str, dict]:
        agent = make_agent(self.session)
        self.session.commit()
        return f"/agents/{agent.id}", {"name": "Other", "uuid": agent.uuid}

    def suppressed(self) -> Suppression:
        entry = make_suppression(self.session, f"+1415556{self.me.id:04d}")
        self.session.commit()
        return entry

    def contact(self) -> str:
        campaign = launched(self.session, datetime.now(UTC), first=self.me.id * 10)
        contact = self.session.scalars(select(Contact.id).where(Contact.campaign_id == campaign.id)).first()
        return f"/campaigns/{campaign.id}/contacts/{contact}"

    def imported(self) -> str:
        begun = begin_import(self.session, "a-file", "list.csv", "US", "", None, GRACE, datetime.now(UTC))
        self.session.commit()
        return f"/do-not-call/imports/{begun.id}"

    def delivered(self) -> Delivery:
        wave = accepted(
            self.session, launched(self.session, datetime.now(UTC), first=self.me.id * 10), datetime.now(UTC)
        )
        delivery = make_delivery(self.session, wave)
        self.session.commit()
        return delivery

    def heard(self) -> str:
        self.session.add(HeardWord(word=f"warbled_{self.me.id}", first_heard_at=datetime.now(UTC)))
        self.session.commit()
        return f"warbled_{self.me.id}"

    def wall_link(self) -> int:
        link, _ = make_wall_link(self.session, f"Screen {self.me.id}", GRACE, datetime.now(UTC))
        self.session.commit()
        return link.id

    def token(self) -> str:
        token = make_token(self.session, f"token-{self.me.id}")
        self.session.commit()
        return f"/api-tokens/{token.id}/revoke"


# The act that an entry names, then where and what is sent. A program's doors get JSON.
ENTRIES = {
    "account.change": ("person.change_own", lambda d: ("/account", {"name": "Ada L.", "phone": "+1 415 555 2671"})),
    "account.change_password": ("person.change_password", lambda d: (
        "/account/password", {"current": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD})),
    "account.end_sign_in": ("person.end_sign_in", lambda d: (f"/account/browsers/{d.other_browser()}/end", {})),
    "agents.add": ("agent.add", lambda d: ("/agents/new", {"name": "Spring", "uuid": UUID})),
    "agents.change": ("agent.change", lambda d: d.agent()),
    "api.create": ("campaign.launch", lambda d: ("/api/v1/campaigns", request_of(1))),
    "api.keep": ("agent.change", lambda d: (f"/api/v1/agents/{UUID}", {"name": "Summer", "variables": []})),
    "api.suppress": ("suppression.add", lambda d: ("/api/v1/suppressions", {"number": "+14155552671"})),
    "api.unsuppress": ("suppression.remove", lambda d: (f"/api/v1/suppressions/{d.suppressed().number}", {})),
    "api_tokens.add": ("token.add", lambda d: ("/api-tokens/new", {"name": "Nightly", "scopes": "read"})),
    "api_tokens.revoke": ("token.revoke", lambda d: (d.token(), {})),
    "approvals.approve": ("campaign.launch", lambda d: d.asked("approve")),
    "approvals.refuse": ("campaign.refuse", lambda d: d.asked("refuse", words="Too early.")),
    "approvals.take_back": ("campaign.take_back", lambda d: d.asked("take-back")),
    "auth.ask_for_link": ("person.ask_for_link", lambda d: ("/forgotten-password", {"email": d.me.email})),
    "auth.check_sign_in": ("person.sign_in", lambda d: ("/sign-in", {"email": d.me.email, "password": PASSWORD})),
    "auth.sign_out": ("person.sign_out", lambda d: ("/sign-out", {})),
    "auth.sign_out_everywhere": ("person.sign_out_everywhere", lambda d: ("/sign-out-everywhere", {})),
    "campaigns.it_was_sent": ("wave.it_was_sent", lambda d: d.undecided("it-was-sent")),
    "campaigns.leave_out": ("campaign.leave_out", lambda d: d.held("leave-out")),
    "campaigns.never_call_again": ("suppression.add", lambda d: (f"{d.contact()}/never-call-again", {})),
    "campaigns.send_again": ("wave.send_again", lambda d: d.undecided("send-again", typed="3")),
    "api.pause": ("campaign.pause", lambda d: d.running("pause", api="/api/v1")),
    "api.resume": ("campaign.resume", lambda d: d.running("resume", "paused", api="/api/v1")),
    "api.stop": ("campaign.stop", lambda d: d.running("stop", api="/api/v1")),
    "provider.rebind": ("provider.rebind", lambda d: d.provider_in_trouble("rebind")),
    "provider.try_again": ("provider.try_again", lambda d: d.provider_in_trouble("try-again")),
    "control.pause": ("campaign.pause", lambda d: d.running("pause")),
    "control.resume": ("campaign.resume", lambda d: d.running("resume", "paused")),
    "control.stop": ("campaign.stop", lambda d: d.running("stop")),
    "control.unschedule": ("campaign.unschedule", lambda d: d.running("unschedule", "scheduled")),
    "campaigns.try_again": ("campaign.try_again", lambda d: d.held("try-again")),
    "compose.ask": ("campaign.ask_approval", lambda d: d.checked("ask", size=4)),
    "compose.delete": ("campaign.delete", lambda d: d.on_draft("delete", {})),
    "compose.launch": ("campaign.launch", lambda d: d.checked("launch")),
    "compose.cancel_import": ("draft.cancel_import", lambda d: d.on_draft("who/cancel", {}, state="waiting", stored_as="gone")),
    "compose.correct": ("draft.correct", lambda d: d.on_draft("who/correct", {"corrected": (io.BytesIO(b"a"), "a.csv")})),
    "compose.judge_again": ("draft.judge", lambda d: d.on_draft("who/judge", {})),
    "compose.keep": ("list.keep", lambda d: d.on_draft("who/keep", {"name": f"Everybody {d.me.id}"})),
    "compose.rules": ("draft.rules", lambda d: d.on_draft("who/rules", {"country": "DE", "keep": "last", "recent_days": "7"})),
    "compose.save_row": ("draft.row", lambda d: d.on_draft("who/rows/2", {"cells-0": "+14155552671", "seen": SEEN})),
    "compose.use_kept": ("draft.upload", lambda d: d.on_draft("who/kept", {"kept": d.kept()})),
    "compose.use_unreached": ("draft.upload", lambda d: d.on_draft("who/unreached", {
        "campaign": launched(d.session, datetime.now(UTC), first=d.me.id * 10).id, "outcomes": "busy"})),
    "kept_lists.remove": ("list.forget", lambda d: (f"/lists/{d.kept()}/remove", {})),
    "compose.mapping": ("draft.mapping", lambda d: d.on_draft("who/mapping", ROLES | {"number": "0", "names-0": "a"})),
    "compose.new": ("campaign.create", lambda d: ("/campaigns/new", {"name": "Spring", "agent": ""})),
    "compose.place_test_call": ("campaign.test_call", lambda d: d.on_draft("test-call", {"phone": "+1 415 555 2699", "row": "2"})),
    "compose.reading": ("draft.reading", lambda d: d.on_draft("who/reading", {"header": "0"})),
    "compose.what": ("draft.change", lambda d: d.on_draft("what", {"name": "Another name", "agent": ""})),
    "compose.when": ("draft.change", lambda d: d.on_draft("when", WHEN | {"lines": "9"})),
    "compose.who": ("draft.upload", lambda d: d.on_draft("who", {"pasted": "+14155552671", "country": "US"})),
    "do_not_call.add": ("suppression.add", lambda d: ("/do-not-call/add", {"numbers": "+1 415 555 2672", "country": "US"})),
    "do_not_call.cancel_import": ("suppression.cancel_import", lambda d: (f"{d.imported()}/cancel", {})),
    "do_not_call.remove": ("suppression.remove", lambda d: (f"/do-not-call/{d.suppressed().id}/remove", {})),
    "do_not_call.start_import": ("suppression.import", lambda d: (
        "/do-not-call/import", {"file": (BytesIO(b"+14155552671"), "list.csv"), "country": "US"})),
    "inbox.change_connection": ("settings.change", lambda d: ("/inbox/connection", {"webhook_headers": "X-Theirs"})),
    "inbox.explain_word": ("word.explain", lambda d: ("/inbox/words", {"word": d.heard(), "meaning": "busy"})),
    "inbox.replay_many": ("inbox.replay", lambda d: ("/inbox/replays", {"verdict": d.delivered().verdict})),
    "inbox.replay_one": ("inbox.replay", lambda d: (f"/inbox/{d.delivered().id}/replay", {})),
    "inbox.test_connection": ("connection.test", lambda d: ("/inbox/connection/test", {})),
    "links.use": ("person.set_password", lambda d: (d.link(), {"password": NEW_PASSWORD, "again": NEW_PASSWORD})),
    "messages.resume": ("endpoint.resume", lambda d: d.told("resume", disabled_at=datetime.now(UTC))),
    "messages.send_again": ("message.send_again", lambda d: d.told("{}/send-again")),
    "messages.send_all_again": ("message.send_again", lambda d: d.told("send-again")),
    "notices.change": ("person.notices", lambda d: ("/account/notices", {"ended": "y"})),
    "people.activate": ("person.activate", lambda d: d.somebody("/activate", is_active=False)),
    "people.add": ("person.add", lambda d: ("/people/new", {"email": "new@example.com", "name": "", "role": "viewer"})),
    "people.change": ("person.change", lambda d: d.somebody(form={"name": "", "role": "launcher"})),
    "people.deactivate": ("person.deactivate", lambda d: d.somebody("/deactivate")),
    "people.new_link": ("person.reset_link", lambda d: d.somebody("/link")),
    "people.sign_out": ("person.sign_out_everywhere", lambda d: d.somebody("/sign-out")),
    "people.unlink_identity": ("person.unlink", lambda d: d.somebody("/unlink", oidc_subject="an issuer and a subject")),
    "provider.try_it": ("provider.try", lambda d: ("/provider/try", {})),
    "settings.change": ("settings.change", lambda d: ("/settings", {"approval_above": "7"})),
    "wall.make_link": ("wall_link.make", lambda d: ("/wall/links", {"name": "By the kitchen"})),
    "wall.revoke_link": ("wall_link.revoke", lambda d: (f"/wall/links/{d.wall_link()}/revoke", {})),
}  # fmt: skip
# There nobody is signed in yet: the entry names the person that the form or the link does.
OPEN = ("auth.ask_for_link", "auth.check_sign_in", "links.use")


@pytest.fixture
def database_url(sqlite_url):
    """What a door writes does not depend on the kind of the database."""
    return sqlite_url


@pytest.fixture
def app(settings):
    app = create_app(replace(settings, mail=Mail("127.0.0.1", 1, "none", None, None, "callboard@example.com")))
    app.test_client_class, app.jinja_env.bytecode_cache = Browser, COMPILED
    yield app
    close_app(app)


def writing_doors(app):
    return {rule.endpoint for rule in app.url_map.iter_rules() if rule.methods & {"POST", "PUT", "PATCH", "DELETE"}}


def test_every_door_that_takes_more_than_a_look_has_its_place_here(app):
    assert writing_doors(app) == set(ENTRIES) | set(WITHOUT_ENTRY)


def test_every_change_leaves_an_entry_that_names_who_made_it(app, session, sign_in_as):
    session.add(Setting(name="approval_above", value={"is": 3}))
    program = make_token(session)
    session.commit()
    wrong = []
    for endpoint, (act, prepared) in ENTRIES.items():
        browser = sign_in_as("admin")
        me = session.scalars(select(Person).order_by(Person.id.desc())).first()
        where, form = prepared(Desk(app, session, me, browser))
        last = session.scalars(select(AuditEntry.id).order_by(AuditEntry.id.desc())).first()
        session.rollback()
        status = send(app, endpoint, where, form, browser)
        entries = session.scalars(select(AuditEntry).where(AuditEntry.id > last, AuditEntry.act == act)).all()
        who = {
            entry.api_token_id == program.id if endpoint.startswith("api.") else entry.person_id == me.id
            for entry in entries
        }
        if not entries or (who != {True} and endpoint not in OPEN):
            wrong.append(f"{endpoint} answered {status}: {[(entry.act, entry.actor) for entry in entries]}")
        session.rollback()
    assert wrong == []
    told = str([(e.summary, e.before, e.after) for e in session.scalars(select(AuditEntry))])
    assert [secret for secret in SECRETS if secret in told] == []


def send(app, endpoint, where, form, browser):
    if endpoint.startswith("api."):
        method = {"api.keep": "PUT", "api.unsuppress": "DELETE"}.get(endpoint, "POST")
        return app.test_client().open(where, method=method, json=form, headers=BEARER, csrf=False).status_code
    return (app.test_client() if endpoint in OPEN else browser).post(where, data=form).status_code
