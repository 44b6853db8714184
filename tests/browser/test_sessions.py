"""Sign-ins in real browsers: two at once, revoked, lowered, gone back to after the end, and begun at an identity provider."""

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
import requests
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from redis import Redis
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app import create_app
from blueprints.requests import local_path
from config import Settings
from core.database import open_engine, writing
from core.models import Person, SignIn
from core.sign_ins import Try, sign_in
from tests.browser.installation import two_free_ports, wait_until
from tests.conftest import COMPILED, SECRET_KEY, close_app
from tests.factories import PASSWORD, make_campaign, make_person

ADA = {"sub": "ada-at-the-provider", "email": "ada@example.com", "email_verified": True}
EVIL = "evil.example"
ELSEWHERE = [
    f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"/\t/{EVIL}", f"/%09/{EVIL}", f" //{EVIL}", f"/\r\n/{EVIL}",
    f"/\0/{EVIL}", f"https:{EVIL}", f"https:/{EVIL}", f"http:\\\\{EVIL}", f"http://localhost@{EVIL}/", f"//{EVIL}/%2f..",
    f"http://localhost:80@{EVIL}/", f"http://localhost.{EVIL}/", f"javascript:alert('{EVIL}')", f"data:text/html,{EVIL}",
    f"/.//{EVIL}", f"/..//{EVIL}", f"http:///{EVIL}", f"//[::1]@{EVIL}", f"/\u2028/{EVIL}", "/" * 5000,
]  # fmt: skip
PIECES = [
    "/",
    "\\",
    "\t",
    "\n",
    "\r",
    "\0",
    " ",
    ".",
    "..",
    ":",
    "@",
    "?",
    "#",
    "%2f",
    "%5c",
    "http:",
    "javascript:",
    "localhost",
    EVIL,
]
# What a stream says last, or that nothing of the kind came.
LAST_WORD = """() => new Promise(resolve => {
    const stream = new EventSource("/live");
    stream.addEventListener("snapshot", () => document.body.dataset.open = "yes");
    stream.addEventListener("gone", () => { stream.close(); resolve("gone"); });
})"""


@dataclass
class House:
    """Callboard in this process on loopback, over a database in which a test may change people."""

    app: Flask
    url: str
    database: Session

    def change_people(self, **values: object) -> None:
        with writing(self.database):
            self.database.execute(update(Person).values(**values))


@pytest.fixture(scope="module")
def identity_provider() -> Iterator[str]:
    """A provider that is not of our making, in a process of its own. `localhost` is another site than 127.0.0.1."""
    port = two_free_ports()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen([*command, "--user-claims", json.dumps(ADA)], stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: _answers(f"http://localhost:{port}/.well-known/openid-configuration"))
        yield f"http://localhost:{port}"
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def house(
    empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, redis_url: str, identity_provider: str
) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("house"), two_free_ports()
    url = f"sqlite:///{shutil.copy(empty_sqlite, folder / 'callboard.db')}"
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    environment = {"DATABASE_URL": url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(folder),
                   "PORT": str(port), "OIDC_ISSUER": identity_provider, "OIDC_CLIENT_ID": "callboard",
                   "OIDC_CLIENT_SECRET": "secret", "OIDC_NAME": "Example ID"}  # fmt: skip
    app = create_app(Settings.from_environment(environment))
    app.jinja_env.bytecode_cache = COMPILED
    server = make_server("127.0.0.1", port, app, threaded=True)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    engine = open_engine(url)
    with pytest.MonkeyPatch.context() as patch, Session(engine) as database:
        patch.setattr("blueprints.live_hub.HEARTBEAT_SECONDS", 0.1)
        with writing(database):
            make_person(database, email="ada@example.com", role="launcher")
            make_campaign(database, name="A secret campaign")
        yield House(app, f"http://127.0.0.1:{port}", database)
    close_app(app)
    server.shutdown()
    server.server_close()
    engine.dispose()


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


@pytest.fixture
def ada_in(house: House, browser: Browser, contexts: list[BrowserContext]):
    """`ada_in()`: a page in one more browser of hers, signed in."""
    house.change_people(role="launcher", oidc_subject=None)

    def opened(of: Browser = browser) -> Page:
        with writing(house.database) as database:
            person = database.scalars(select(Person)).one()
            token = sign_in(database, person, Try(0, person.email, ""), "a browser", datetime.now(UTC))
        contexts.append(of.new_context(base_url=house.url))
        contexts[-1].add_cookies([{"name": "callboard", "value": token, "url": house.url}])
        return contexts[-1].new_page()

    return opened


def sign_out(page: Page, where: str = "Sign out") -> None:
    page.locator("summary.avatar").click()
    page.get_by_role("button", name=where, exact=True).click()
    asked_to_sign_in(page)


def asked_to_sign_in(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_text("A secret campaign")).to_have_count(0)


def cookie(page: Page) -> str:
    return next(one["value"] for one in page.context.cookies() if one["name"] == "callboard")


def test_signing_out_everywhere_ends_the_other_browser_and_its_open_stream(ada_in):
    here, there = ada_in(), ada_in()
    for page in (here, there):
        page.goto("/agents")
    there.evaluate(f"() => void (document.lastWord = ({LAST_WORD})())")
    there.wait_for_selector("body[data-open]")
    sign_out(here, "Sign out everywhere")
    assert there.evaluate("document.lastWord") == "gone"
    there.get_by_role("link", name="Campaigns").click()
    asked_to_sign_in(there)


def test_signing_out_here_leaves_the_other_browser_alone(ada_in):
    here, there = ada_in(), ada_in()
    here.goto("/agents")
    sign_out(here)
    there.goto("/agents")
    expect(there.get_by_role("heading", level=1)).to_have_text("Agents")


def test_a_revoked_sign_in_ends_at_the_next_click_and_a_new_one_leads_back(house, ada_in):
    page = ada_in()
    page.goto("/campaigns/?show=drafts")
    with writing(house.database) as database:
        database.execute(update(SignIn).values(revoked_at=datetime.now(UTC)))
    page.get_by_role("link", name="Agents").click()
    asked_to_sign_in(page)
    before = cookie(page)
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Agents")
    assert cookie(page) != before


def test_a_lower_role_counts_from_the_next_click_and_ends_the_stream(house, ada_in):
    page = ada_in()
    page.goto("/agents")
    page.evaluate(f"() => void (document.lastWord = ({LAST_WORD})())")
    page.wait_for_selector("body[data-open]")
    house.change_people(role="viewer")
    assert page.evaluate("document.lastWord") == "gone"
    page.get_by_role("link", name="New campaign").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("New campaign")
    expect(page.get_by_role("link", name="New campaign")).to_have_count(0)


def test_going_back_after_signing_out_shows_nothing_private(ada_in, browser_type, browser_type_launch_args):
    """In a browser that keeps pages in memory for going back, which Playwright's usually does not."""
    keeps = browser_type.launch(**browser_type_launch_args, ignore_default_args=["--disable-back-forward-cache"])
    page = ada_in(keeps)
    page.goto("/agents")
    page.goto("/campaigns/?show=drafts")
    expect(page.get_by_text("A secret campaign")).to_be_visible()
    sign_out(page)
    page.go_back()
    asked_to_sign_in(page)
    page.go_back()
    asked_to_sign_in(page)
    keeps.close()


def test_no_address_that_we_take_for_ours_leads_a_browser_elsewhere(house, ada_in):
    chance = random.Random(43)
    wanted = ELSEWHERE + ["".join(chance.choices(PIECES, k=chance.randint(2, 7))) for _ in range(20_000)]
    with house.app.test_request_context("/", base_url="http://localhost"):
        followed = sorted({path for one in wanted if (path := local_path(one))})
    assert len(followed) > 100
    page = ada_in()
    page.goto("/livez")
    hosts = page.evaluate("paths => paths.map(path => new URL(path, 'http://localhost/sign-in').host)", followed)
    assert {path: host for path, host in zip(followed, hosts, strict=True) if host != "localhost"} == {}


def test_an_identity_provider_on_another_site_lets_a_person_in(browser, house, contexts):
    house.change_people(role="launcher", oidc_subject=None)
    contexts.append(browser.new_context(base_url=house.url))
    page = contexts[-1].new_page()
    page.route(re.compile(r"https://.*"), lambda route: route.abort())  # the provider's page is styled from afar
    page.goto("/agents?q=1")
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.get_by_role("button", name="ada").click()
    expect(page).to_have_url(f"{house.url}/agents?q=1")
    assert len(cookie(page)) > 40
    with writing(house.database) as database:
        assert database.scalar(select(Person.oidc_subject)).endswith(" ada-at-the-provider")
    sign_out(page)
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.get_by_role("button", name="Deny").click()
    asked_to_sign_in(page)
    expect(page.get_by_text("Single sign-on did not let you in.")).to_be_visible()
