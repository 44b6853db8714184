"""The headers of our answers as a public tool judges them: drHEADer, with its own rules and our two reasons to differ."""

from dataclasses import replace

import pytest
from drheader import Drheader
from drheader.utils import default_rules

from app import create_app
from tests.conftest import Browser, close_app
from tests.factories import PASSWORD, make_person

HOST = "https://calls.example.com"
PAGES = ("/sign-in", "/", "/nowhere", "/livez", "/api/v1/campaigns", "/links/unknown", "/webhooks/unknown")


@pytest.fixture
def over_tls(settings):
    app = create_app(replace(settings, public_url=HOST))
    app.config["WTF_CSRF_ENABLED"] = False
    yield Browser(app)
    close_app(app)


def findings(answer):
    """What the tool has against one answer."""
    rules = default_rules()
    # Stricter than what it knows: nothing at all is told to other hosts.
    rules["Referrer-Policy"]["Value-One-Of"].append("same-origin")
    # What is not stored needs no age.
    rules["Cache-Control"]["Value"] = ["no-store"]
    headers = dict(answer.headers) | {"Set-Cookie": answer.headers.getlist("Set-Cookie")}
    return Drheader(headers=headers).analyze(rules, cross_origin_isolated=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_public_tool_finds_nothing_wrong_with_our_headers(over_tls, session):
    person = make_person(session)
    session.commit()
    answers = {path: over_tls.get(path, base_url=HOST) for path in PAGES}
    form = {"email": person.email, "password": PASSWORD}
    answers["signed in"] = over_tls.post("/sign-in", data=form, base_url=HOST, csrf=False)
    assert "__Host-callboard=" in str(answers["signed in"].headers)
    assert {path: found for path, answer in answers.items() if (found := findings(answer))} == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_tool_does_find_what_is_wrong(over_tls):
    answer = over_tls.get("/sign-in", base_url=HOST)
    answer.headers["Content-Security-Policy"] = "default-src 'self' data:"
    del answer.headers["X-Content-Type-Options"]
    assert {found.rule for found in findings(answer)} == {
        "Content-Security-Policy - default-src",
        "X-Content-Type-Options",
    }
