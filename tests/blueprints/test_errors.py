"""Refusals and breakages: a page, a notice or JSON, always with the right status and in words."""

import pytest
from flask import Blueprint
from sqlalchemy import text

from blueprints.database import db
from blueprints.security import open_door
from core.errors import Conflict, DatabaseBusy, IllegalMove, Invalid, NotFound

wrongs = Blueprint("wrongs", __name__)
ERRORS = {
    "not-found": NotFound("There is no such campaign."),
    "conflict": Conflict("Already launched by <b>Ada</b>."),
    "illegal": IllegalMove("A draft cannot be paused."),
    "invalid": Invalid("Choose the agent.", "agent"),
    "busy": DatabaseBusy("database is locked"),
    "bug": ZeroDivisionError("secret detail"),
}


@wrongs.get("/wrong/<kind>")
@wrongs.get("/api/wrong/<kind>", endpoint="api")
@open_door("a test")
def wrong(kind):
    if kind == "sql":
        db.session.execute(text("SELECT * FROM no_such_table"))
    raise ERRORS[kind]


@pytest.fixture
def client(app):
    app.register_blueprint(wrongs)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("not-found", 404, "There is no such campaign."),
        ("conflict", 409, "Already launched by &lt;b&gt;Ada&lt;/b&gt;."),
        ("illegal", 409, "A draft cannot be paused."),
        ("invalid", 422, "Choose the agent."),
        ("busy", 503, "The database is busy."),
        ("bug", 500, "The fault is ours"),
    ],
)
def test_a_refusal_is_a_page_in_words(client, kind, status, words):
    answer = client.get(f"/wrong/{kind}")
    assert answer.status_code == status
    assert words in answer.text
    assert "<h1>" in answer.text
    assert "secret" not in answer.text


def test_a_fragment_gets_a_notice_in_the_place_for_notices(client):
    answer = client.get("/wrong/conflict", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#notices", "innerHTML")
    assert "<html" not in answer.text
    assert "Already launched by &lt;b&gt;Ada&lt;/b&gt;." in answer.text


def test_a_program_gets_json(client):
    assert client.get("/api/wrong/not-found").json == {"detail": "There is no such campaign."}
    assert client.get("/wrong/not-found", headers={"Accept": "application/json"}).is_json
    invalid = client.get("/api/wrong/invalid").json["detail"]
    assert invalid == [{"loc": ["body", "agent"], "msg": "Choose the agent.", "type": "value_error"}]
    assert client.get("/api/no-such-route").status_code == 404
    assert client.get("/api/no-such-route").is_json


def test_a_busy_database_says_when_to_come_back(client):
    assert client.get("/wrong/busy").headers["Retry-After"] == "5"


def test_an_unknown_method_names_the_known_ones(client):
    answer = client.delete("/wrong/bug")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_the_page_about_a_broken_query_still_asks_the_database(client):
    assert client.get("/wrong/sql").status_code in (500, 503)
    assert client.get("/nothing-here").status_code == 404
