"""What a whole run leaves behind: no page and no log holds a secret, nor a number that is not for its reader."""

import html
import re
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import open_engine, writing
from core.models import Contact, Endpoint, Row, Wave
from core.sign_ins import Try, sign_in
from provider.vault import SecretVault
from tests.browser.installation import AGENT, API_TOKEN, PASSWORD, wait_until
from tests.factories import make_person

# Written the way a page or a line could have it: with spaces, brackets or dashes, or as plain digits.
NUMBER = re.compile(r"\+?\d[\d ().\u00a0-]{6,20}\d")
OF_EACH_KIND, MOST_PAGES = 3, 150


@pytest.fixture(scope="module")
def database(callboard):
    """The installation's database after a campaign that a program asked to be told about, and whatever ran before it."""
    callboard.set_sandbox(speed=0)
    key = {"Authorization": f"Bearer {API_TOKEN}"}
    body = {
        "agent_id": AGENT, "name": "Written down", "notify_on_call_complete": True,
        "webhook_url": "http://127.0.0.1:9/told", "webhook_secret": "whsec_" + "c2VjcmV0" * 4,
        "targets": [{"to_number": f"+1415555880{place}", "context": {"name": "Ada"}} for place in range(5)],
    }  # fmt: skip
    address = f"{callboard.url}/api/v1/campaigns"
    address += f"/{callboard.http.post(address, json=body, headers=key, timeout=20).json()['campaign_id']}"
    wait_until(lambda: callboard.http.get(address, headers=key, timeout=20).json()["status"] == "completed", 60)
    engine = open_engine(f"sqlite:///{callboard.folder / 'var' / 'callboard.db'}")
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture(scope="module")
def cookies(database):
    """The cookies of somebody with each role who looks around."""
    tokens = {}
    with writing(database):
        for role in ("viewer", "admin"):
            person = make_person(database, role=role, created_at=datetime.now(UTC))
            tokens[role] = sign_in(database, person, Try(0, person.email, ""), "a test", datetime.now(UTC))
    return tokens


@pytest.fixture(scope="module")
def secrets(callboard, database, cookies):
    """Everything that nobody may read anywhere, with a name for it."""
    key = (callboard.folder / "var" / "secret_key").read_text().strip()
    vault = SecretVault(key)
    found = {"secret key": key, "API token": API_TOKEN, "password": PASSWORD}
    found |= {f"sign-in of the {role}": token for role, token in cookies.items()}
    for wave in database.scalars(select(Wave)):
        found |= {
            f"token of wave {wave.id}": vault.open(wave.token),
            f"secret of wave {wave.id}": vault.open(wave.secret),
        }
    for endpoint in database.scalars(select(Endpoint).where(Endpoint.secret.is_not(None))):
        found[f"secret of endpoint {endpoint.id}"] = vault.open(endpoint.secret)
    assert {kind.split()[0] for kind in found} >= {"token", "secret", "sign-in"}
    assert any(name.startswith("secret of endpoint") for name in found)
    return found


@pytest.fixture(scope="module")
def numbers(database):
    """The digits of everybody's number."""
    found = {number.lstrip("+") for number in database.scalars(select(Contact.number).distinct())}
    found |= {number.lstrip("+") for number in database.scalars(select(Row.number).where(Row.number.is_not(None)))}
    assert len(found) >= 5
    return found


@pytest.fixture(scope="module")
def pages(callboard, database, cookies):
    """Some pages of every kind that each of the two is led to by links, by address."""
    campaigns = sorted(set(database.scalars(select(Wave.campaign_id))))[-3:]
    pushed = ["/live.json", *(f"/campaigns/{campaign_id}/live.json" for campaign_id in campaigns)]
    return {role: walked(callboard.url, cookie, ["/", *pushed]) for role, cookie in cookies.items()}


def walked(url, cookie, start):
    """The texts of the pages from `start` on, as the holder of the cookie sees them."""
    texts, waiting, kinds = {}, list(start), Counter()
    with requests.Session() as browser:
        browser.trust_env = False
        browser.cookies.set("callboard", cookie)
        while waiting and len(texts) < MOST_PAGES:
            address = waiting.pop(0)
            kind = re.sub(r"\d+", "0", urlsplit(address).path) + str(sorted(re.findall(r"[?&](\w+)=", address)))
            kinds[kind] += 1
            if address in texts or kinds[kind] > OF_EACH_KIND:
                continue
            answer = browser.get(url + address, timeout=30)
            assert answer.status_code < 500, address
            texts[address] = html.unescape(answer.text)
            waiting += [html.unescape(link) for link in re.findall(r'href="(/(?!static|/)[^"#]*)', answer.text)]
    return texts


def written_numbers(text):
    return {re.sub(r"\D", "", found) for found in NUMBER.findall(text)}


def log_of(callboard):
    return (callboard.folder / "run.log").read_text(errors="replace")


def test_no_page_holds_a_secret(pages, secrets):
    found = {
        (role, address, name)
        for role, texts in pages.items()
        for address, text in texts.items()
        for name, secret in secrets.items()
        if secret in text
    }
    assert found == set()
    assert all(len(texts) > 10 for texts in pages.values())


def test_no_page_of_a_viewer_holds_a_full_number(pages, numbers):
    found = {address: shown for address, text in pages["viewer"].items() if (shown := written_numbers(text) & numbers)}
    assert found == {}


def test_the_search_does_find_numbers_where_they_may_be_seen(pages, numbers):
    assert any(written_numbers(text) & numbers for text in pages["admin"].values())


def test_no_line_of_any_log_holds_a_secret_or_a_number(callboard, secrets, numbers):
    log = log_of(callboard)
    assert "level=DEBUG" in log
    assert [name for name, secret in secrets.items() if secret in log] == []
    assert written_numbers(log) & numbers == set()
