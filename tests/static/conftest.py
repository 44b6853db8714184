"""A small app that shows the gallery and the error pages with the real templates, under the policy of the real pages."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from flask import Flask, flash, redirect, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader
from live_server import stream_door
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server
from wtforms import (
    BooleanField,
    FileField,
    Form,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
    validators,
)

ROOT = Path(__file__).parent.parent.parent
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
COUNTS = {
    "answered": 214, "voicemail": 96, "no_answer": 121, "busy": 31, "declined": 22, "failed": 17, "unclear": 4, "no_news": 9,
    "dialling": 6, "submitted": 42, "queued": 40, "ready": 173, "excluded": 37, "cancelled": 0,
}  # fmt: skip
AGENTS = [SelectChoice("", "Choose an agent"), SelectChoice("1", "Renewals, friendly")]
RETRIES = [SelectChoice("us", "Callboard, inside calling hours"), SelectChoice("they", "The provider chooses when")]


class GalleryForm(Form):
    name = StringField("Name", [validators.InputRequired(), validators.Length(max=255)], default="Spring renewals")
    agent = SelectField("Agent", [validators.InputRequired()], choices=AGENTS)
    note = TextAreaField("Note", [validators.Length(max=2000)])
    file = FileField("List")
    retry = RadioField("Who retries", choices=RETRIES, default="us")
    sure = BooleanField("Yes, call these 812 people", [validators.InputRequired("Tick this to launch")])


def make_gallery() -> Flask:
    app = Flask("gallery", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.secret_key = "gallery"
    app.jinja_loader = ChoiceLoader([FileSystemLoader(ROOT / "templates"), FileSystemLoader(Path(__file__).parent)])
    app.config["posts"] = []
    person = SimpleNamespace(email="ada@example.com", name="Ada Byron", role="launcher")
    app.context_processor(
        lambda: {"current_person": person, "sandbox": True, "csrf_token": lambda: "token-of-the-test"}
    )
    for endpoint in ("campaigns.index", "compose.new", "inbox.index", "agents.index", "auth.sign_out"):
        app.add_url_rule("/" + endpoint.replace(".", "/"), endpoint, lambda: "", methods=["GET", "POST"])

    @app.get("/")
    def gallery() -> str:
        form = GalleryForm(data={"name": "Spring renewals", "agent": ""})
        form.validate()
        return render_template("gallery.html", now=datetime.now(UTC), counts=COUNTS, form=form)

    @app.get("/error/<int:code>")
    def error(code: int) -> str:
        return render_template(f"errors/{code}.html")

    @app.get("/flashed")
    def flashed():
        flash("Saved as <b>draft</b>", "success")
        flash("Not launched", "error")
        return redirect("/error/404")

    @app.post("/post")
    def post() -> tuple[str, int]:
        app.config["posts"].append((request.headers.get("X-CSRFToken"), request.form.to_dict()))
        return "", 204

    stream_door(app)

    @app.after_request
    def policy(response):
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


@pytest.fixture(scope="session")
def gallery() -> Iterator[tuple[Flask, str]]:
    app = make_gallery()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def screen(chromium: Browser) -> Iterator[Page]:
    """A page whose console errors (violations of the policy among them) fail the test."""
    context = chromium.new_context(timezone_id="America/New_York", locale="en-GB")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda line: (
            problems.append(line.text) if line.type == "error" and "Failed to load resource" not in line.text else None
        ),
    )
    yield page
    context.close()
    assert problems == []
