"""A small app that shows the gallery and the error pages with the real templates, under the policy of the real pages."""

from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, flash, redirect, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader
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

from blueprints import bars_drawn
from blueprints.security import CurrentPerson
from tests.static.live_server import stream_door

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
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
    app.jinja_loader = ChoiceLoader([FileSystemLoader(ROOT / "templates"), FileSystemLoader(HERE)])
    app.config["posts"] = []
    bars_drawn.init_app(app)
    person = CurrentPerson(id=1, email="ada@example.com", name="Ada Byron", role="launcher", sign_in_id=1)
    app.context_processor(
        lambda: {"current_person": person, "sandbox": True, "csrf_token": lambda: "token-of-the-test"}
    )
    for endpoint in ("campaigns.index", "compose.new", "inbox.index", "agents.index", "kept_lists.index", "do_not_call.index",
                     "auth.sign_out", "auth.sign_out_everywhere"):  # fmt: skip
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
