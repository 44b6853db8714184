"""The API's description: it names every route and no other, and what it promises is what programs get."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from app import create_app
from blueprints.api.document import openapi
from blueprints.security import door_of
from core.database import writing
from tests.blueprints.test_api import TOKEN, request_of
from tests.conftest import close_app
from tests.factories import make_token

DATA = Path(__file__).parents[1] / "data"
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def routes_of(app) -> set[tuple[str, str]]:
    """(method, path as the description writes it) of each route under /api."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    return {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


@ON_SQLITE
def test_the_description_names_every_route_and_no_other_with_the_scope_of_its_door(app):
    base = openapi()["servers"][0]["url"]
    described = {
        (method, base + path): told for path, item in openapi()["paths"].items() for method, told in item.items()
    }
    assert described.keys() == routes_of(app)
    adapter = app.url_map.bind("localhost")
    for (method, path), told in described.items():
        endpoint, _ = adapter.match(path, method=method.upper())
        scope = door_of(app, endpoint).scope
        assert told["security"] == ([{"token": [scope]}] if scope else []), path


def test_the_description_knows_every_field_of_a_create():
    fields = openapi()["components"]["schemas"]["Create"]["properties"]
    assert set(fields) == set(request_of())


@ON_SQLITE
def test_the_description_is_open_and_holds_no_data(client):
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.json["openapi"], answer.json) == (200, "3.1.1", openapi())


@pytest.fixture
def served(settings, session, monkeypatch) -> Iterator[str]:
    """The address of an installation that nobody asks too much of."""
    monkeypatch.setattr("blueprints.rate_limits.WRONG_TOKENS_PER_MINUTE", 1_000_000)
    app = create_app(replace(settings, api_requests_per_minute=1_000_000, log_level="WARNING"))
    with writing(session):
        make_token(session, token=TOKEN)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    close_app(app)


@ON_SQLITE
def test_whatever_a_program_sends_is_answered_as_described(served, tmp_path):
    """With every check that schemathesis has: right and wrong data, wrong methods and tokens, chains of requests."""
    program = Path(sys.executable).with_name("st")
    wanted = [
        program, "--config-file", DATA / "schemathesis.toml", "--no-color", "run", f"{served}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {TOKEN}", "--checks", "all",
    ]  # fmt: skip
    environ = os.environ | {"SCHEMATHESIS_HOOKS": str(DATA / "schemathesis_hooks.py")}
    done = subprocess.run(wanted, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 14" in done.stdout
