"""Verify again and apply again: one delivery at once, all that match a filter by a job."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints import viewing
from blueprints.database import db, writing
from blueprints.forms import PlainForm
from blueprints.inbox import bp
from blueprints.inbox.deliveries import asked_of, tabs, wanted
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import actor, needs
from core import deliveries, replays
from core.errors import Conflict
from core.states import Verdict
from jobs.provider import inbox_rules
from jobs.queue import REPLAY, ring
from jobs.replay import replay_kept


@bp.post("/<int:delivery_id>/replay")
@needs("admin")
def replay_one(delivery_id: int) -> ResponseReturnValue:
    deliveries.find_delivery(db.session(), delivery_id, with_refused=True)
    kept = replays.kept_deliveries(db.session(), delivery_id)
    if not kept:
        raise Conflict("Its body was taken out, so there is nothing left to read.")
    rules, before = inbox_rules(db.session(), settings()), kept[0].verdict
    with writing() as session:
        replays.note_one(session, kept[0], actor(), now())
    replay_kept(db.session(), kept, rules, vault(), redis_url())
    after = deliveries.find_delivery(db.session(), delivery_id, with_refused=True).verdict
    flash(_words(before, after), "success" if after != Verdict.BAD_SIGNATURE else "warning")
    return redirect(url_for(".show", delivery_id=delivery_id), 303)


def _words(before: str, after: str) -> str:
    if before != after:
        return f"It was {_plain(before)}, and is {_plain(after)} now."
    if after in (Verdict.BAD_SIGNATURE, Verdict.STALE):
        return (
            "It is refused as before: no signature fits."
            if after == Verdict.BAD_SIGNATURE
            else "Its time is as wrong as before."
        )
    return "It was read again, and brought nothing new."


def _plain(verdict: str) -> str:
    return verdict.replace("_", " ")


@bp.get("/replays/new")
@needs("admin")
def ask_replay() -> ResponseReturnValue:
    """How many would be read again: the page before the button."""
    return render_template(
        "inbox/ask_replay.html", asked=asked_of(request.args), form=PlainForm(),
        count=deliveries.count_deliveries(db.session(), wanted(request.args)), most=deliveries.MOST_COUNTED,
    )  # fmt: skip


@bp.post("/replays")
@needs("admin")
def replay_many() -> ResponseReturnValue:
    with writing() as session:
        replay_id = replays.begin_replay(session, wanted(request.form), actor(), now()).id
    ring(redis_url(), REPLAY, replay_id)
    return redirect(url_for(".list_replays"), 303)


@bp.get("/replays")
@needs("admin")
def list_replays() -> ResponseReturnValue:
    return render_template("inbox/replays.html", **_replays(), **tabs())


@bp.get("/replays/now")
@needs("admin")
def replays_now() -> ResponseReturnValue:
    """The part of the page that asks for itself while one is under way."""
    return render_template("inbox/_replays.html", **_replays())


def _replays() -> dict[str, object]:
    latest = replays.latest_replays(db.session())
    working = any(one.finished_at is None for one in latest)
    return {"latest": latest, "working": working, "masked": viewing.sees_masked()}
