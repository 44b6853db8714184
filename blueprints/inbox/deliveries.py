"""The list of deliveries with its filter in the address, and one delivery: what was read from where, and what it moved."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints import viewing
from blueprints.bodies_shown import raw, readable
from blueprints.database import db
from blueprints.forms import PlainForm, trimmed
from blueprints.inbox import bp
from blueprints.requests import whole_number
from blueprints.runtime import settings
from blueprints.security import needs
from core import deliveries, heard_words, lookups
from core.deliveries import Wanted
from core.errors import Invalid
from core.lookups import Page
from core.models import Contact
from core.replays import unfinished_replays
from core.schedule import EARLIEST_YEAR, LATEST_YEAR
from core.states import REFUSED_DELIVERIES, Verdict
from jobs.provider import inbox_rules
from provider.explain import explain

QUESTIONS = ("verdict", "campaign", "wave", "number", "word", "from", "to")
LONGEST_WORD = 60
NOTHING: Page[object] = Page((), None)


@bp.get("/")
@needs("viewer")
def index() -> ResponseReturnValue:
    problem, page = "", NOTHING
    try:
        page = deliveries.deliveries_page(
            db.session(), wanted(request.args), whole_number("before"), with_refused=viewing.may("admin")
        )
    except Invalid as wrong:
        problem = str(wrong)
    asked = asked_of(request.args)
    return render_template(
        "inbox/index.html", page=page, problem=problem, asked=asked, verdicts=verdicts(), masked=viewing.sees_masked(),
        next_url=url_for(".index", **asked, before=page.next_key), form=PlainForm(), **tabs(),
        replays=unfinished_replays(db.session()) if viewing.may("admin") else (),
    ), 422 if problem else 200  # fmt: skip


@bp.get("/<int:delivery_id>")
@needs("viewer")
def show(delivery_id: int) -> ResponseReturnValue:
    is_admin = viewing.may("admin")
    delivery = deliveries.find_delivery(db.session(), delivery_id, with_refused=is_admin)
    person = db.session.get(Contact, delivery.contact_id) if delivery.contact_id else None
    own = (
        [one for one in lookups.attempts_of(db.session(), person.id) if one.wave_id == delivery.wave_id]
        if person
        else []
    )
    shown = {}
    if is_admin:
        rules = inbox_rules(db.session(), settings())
        shown = {
            "body": readable(delivery.body), "raw": raw(delivery.body), "size": len(delivery.body), "headers": delivery.headers,
            "events": explain(delivery.body, rules.words) if delivery.verdict not in REFUSED_DELIVERIES else [],
        }  # fmt: skip
    return render_template(
        "inbox/show.html", delivery=delivery, person=person, attempts=own, masked=viewing.sees_masked(), sees_bodies=is_admin,
        wave=lookups.wave_of(db.session(), delivery.wave_id), form=PlainForm(), **shown,
    )  # fmt: skip


def wanted(given: Mapping[str, str]) -> Wanted:
    """What the address, or a form with its fields, asks for. Invalid, with a sentence, when it cannot be understood."""
    verdict = given.get("verdict") or None
    if verdict and verdict not in set(Verdict):
        raise Invalid("Choose a verdict of the list.", "verdict")
    campaign, wave = (_whole(name, given) for name in ("campaign", "wave"))
    if wave and not campaign:
        raise Invalid("A wave's number needs the number of its campaign.", "wave")
    since, until = _moment("from", given), _moment("to", given, ends=True)
    if since and until and until <= since:
        raise Invalid("It ends before it begins.", "to")
    number = trimmed(given.get("number"))
    plain = "+" + "".join(filter(str.isdigit, number)) if number else None
    return Wanted(verdict, campaign, wave, plain, trimmed(given.get("word"))[:LONGEST_WORD] or None, since, until)


def asked_of(given: Mapping[str, str]) -> dict[str, str]:
    """The filter as it stands in an address."""
    return {name: given[name] for name in QUESTIONS if given.get(name)}


def verdicts() -> list[Verdict]:
    """Those that this reader sees: whoever is refused is a matter of admins."""
    return [verdict for verdict in Verdict if viewing.may("admin") or verdict not in REFUSED_DELIVERIES]


def tabs() -> dict[str, object]:
    return {"unexplained": heard_words.count_unexplained(db.session()) if viewing.may("admin") else 0}


def _whole(name: str, given: Mapping[str, str]) -> int | None:
    number = whole_number(name, given)
    if given.get(name) and not number:
        raise Invalid(f"The number of a {name} consists of digits.", name)
    return number


def _moment(name: str, given: Mapping[str, str], *, ends: bool = False) -> datetime | None:
    """A day or a minute in UTC; `ends`: what is asked for ends after it."""
    text = trimmed(given.get(name))
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"“{text[:20]}” is no time. Write it like 2026-11-23 or 2026-11-23T14:30.", name) from None
    if not EARLIEST_YEAR <= moment.year < LATEST_YEAR:
        raise Invalid(f"The year should be between {EARLIEST_YEAR} and {LATEST_YEAR}.", name)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment + timedelta(days=1) if ends and len(text) == len("2026-11-23") else moment
