"""The door to launched campaigns: the list, the page of one, its people and waves, and what only a person may decide."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints import security, viewing
from blueprints.campaign_list import FILTERS, list_rows, wanted_campaigns
from blueprints.campaign_views import campaign_view, span_of
from blueprints.database import db, writing
from blueprints.forms import PlainForm, SendAgainForm
from blueprints.requests import local_path, whole_number
from blueprints.runtime import now, redis_url
from blueprints.security import needs
from core import decisions, lookups
from core.bars import barred
from core.charts import charts
from core.deliveries import deliveries_of
from core.errors import Invalid
from core.message_log import find_endpoint
from core.models import Wave
from core.progress import wave_counts
from core.reasons import wave_next
from core.shown_numbers import grouped
from core.states import CampaignState, ContactState
from core.suppressions import add_numbers, cut_reason
from core.wall import wall
from jobs.queue import TICK, announce, ring

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")


@bp.get("/")
@needs("viewer")
def index() -> ResponseReturnValue:
    """The wall above the list, unless something is looked for in the list."""
    session, given, problem = db.session(), request.args, None
    try:
        wanted = wanted_campaigns(session, given)
    except Invalid as error:
        wanted, problem = lookups.WantedCampaigns(), error
    page = lookups.campaigns_page(session, wanted, whole_number("before"))
    here = {name: given[name] for name in ("show", *FILTERS) if given.get(name)}
    parts = {"page": page, "rows": list_rows(session, page.rows), "here": here, "masked": viewing.sees_masked()}
    if given.get("fragment") == "rows":
        return render_template("campaigns/_rows.html", **parts)
    asked = lookups.count_campaigns(session, CampaignState.AWAITING_APPROVAL)
    told = None if here or given.get("before") else wall(session, now())
    return render_template(
        "campaigns/index.html", asked=asked, wall=told, links=True, owners=lookups.owners(session), problem=problem, **parts
    ), 422 if problem else 200  # fmt: skip


@bp.get("/<int:campaign_id>")
@needs("viewer")
def show(campaign_id: int) -> ResponseReturnValue:
    campaign = lookups.find_campaign(db.session(), campaign_id)
    if campaign.state == CampaignState.DRAFT:
        return redirect(url_for("compose.what", campaign_id=campaign_id), 303)
    if campaign.state == CampaignState.AWAITING_APPROVAL:
        return redirect(url_for("approvals.show", campaign_id=campaign_id), 303)
    view = campaign_view(db.session(), campaign, viewing.sees_masked())
    drawn = charts(db.session(), campaign, span_of(request.args), now())
    told = find_endpoint(db.session(), campaign_id) if viewing.may("launcher") else None
    return render_template(
        "campaigns/show.html", view=view, campaign=campaign, charts=drawn, told=told, **_contacts(campaign_id)
    )


@bp.get("/<int:campaign_id>/contacts")
@needs("viewer")
def contacts(campaign_id: int) -> ResponseReturnValue:
    """The table alone, for the page that is open; without htmx, the page itself."""
    campaign = lookups.find_campaign(db.session(), campaign_id)
    if not request.htmx:
        state, after = request.args.get("state"), whole_number("after")
        return redirect(url_for("campaigns.show", campaign_id=campaign_id, state=state, after=after), 303)
    return render_template("campaigns/_contacts.html", campaign=campaign, **_contacts(campaign_id))


def _contacts(campaign_id: int) -> dict[str, Any]:
    asked = request.args.get("state")
    state = ContactState(asked) if asked in set(ContactState) else None
    after = whole_number("after")
    page = lookups.contacts_page(db.session(), campaign_id, state, after)
    return {"page": page, "state": state, "after": after, "masked": viewing.sees_masked(),
            "barred": barred(db.session(), [contact.number for contact in page.rows], now())}  # fmt: skip


@bp.get("/<int:campaign_id>/contacts/<int:contact_id>")
@needs("viewer")
def contact(campaign_id: int, contact_id: int) -> ResponseReturnValue:
    campaign = lookups.find_campaign(db.session(), campaign_id)
    person = lookups.find_contact(db.session(), campaign_id, contact_id)
    return render_template(
        "campaigns/contact.html", campaign=campaign, contact=person, masked=viewing.sees_masked(),
        attempts=lookups.attempts_of(db.session(), contact_id), deliveries=deliveries_of(db.session(), contact_id),
        barred=barred(db.session(), [person.number], now()),
    )  # fmt: skip


@bp.post("/<int:campaign_id>/contacts/<int:contact_id>/never-call-again")
@needs("composer")
def never_call_again(campaign_id: int, contact_id: int) -> ResponseReturnValue:
    """Back to where the button was: this person's page, or the table of all."""
    campaign = lookups.find_campaign(db.session(), campaign_id)
    number = lookups.find_contact(db.session(), campaign_id, contact_id).number
    reason = cut_reason(f"Asked on campaign “{campaign.name}”")
    with writing() as session:
        add_numbers(session, [number], reason, None, "person", security.actor(), now())
    flash(f"{grouped(number)} is on the do-not-call list. Nobody calls this number again.", "success")
    return redirect(
        local_path(request.referrer) or url_for(".contact", campaign_id=campaign_id, contact_id=contact_id), 303
    )


@bp.get("/<int:campaign_id>/waves/<int:ordinal>")
@needs("viewer")
def wave(campaign_id: int, ordinal: int) -> ResponseReturnValue:
    return _wave_page(lookups.find_wave(db.session(), campaign_id, ordinal), SendAgainForm())


def _wave_page(wave: Wave, form: SendAgainForm, status: int = 200) -> ResponseReturnValue:
    return render_template(
        "campaigns/wave.html", wave=wave, campaign=wave.campaign, counts=wave_counts(db.session(), wave), form=form,
        plain_form=PlainForm(), then=wave_next(wave), masked=viewing.sees_masked(), may_decide=viewing.may("launcher"),
    ), status  # fmt: skip


@bp.post("/<int:campaign_id>/waves/<int:ordinal>/it-was-sent")
@needs("launcher")
def it_was_sent(campaign_id: int, ordinal: int) -> ResponseReturnValue:
    found = lookups.find_wave(db.session(), campaign_id, ordinal)
    with writing() as session:
        decisions.it_was_sent(session, found.id, security.actor(), now())
    return _decided(campaign_id, f"Wave {ordinal} counts as sent; its people are waited for.")


@bp.post("/<int:campaign_id>/waves/<int:ordinal>/send-again")
@needs("launcher")
def send_again(campaign_id: int, ordinal: int) -> ResponseReturnValue:
    found = lookups.find_wave(db.session(), campaign_id, ordinal)
    form = SendAgainForm()
    if form.validate_on_submit() and form.typed.data != found.size:
        form.typed.errors = [f"Type {found.size} to confirm that these people may be called again."]
    if form.errors:
        return _wave_page(found, form, 422)
    with writing() as session:
        decisions.send_again(session, found.id, form.typed.data, security.actor(), now())
    return _decided(campaign_id, f"The people of wave {ordinal} are back on the list.")


@bp.post("/<int:campaign_id>/try-again")
@needs("launcher")
def try_again(campaign_id: int) -> ResponseReturnValue:
    with writing() as session:
        words = decisions.try_again(session, campaign_id, security.actor(), now())
    return _decided(campaign_id, f"The campaign may {words}.")


@bp.post("/<int:campaign_id>/leave-out")
@needs("launcher")
def leave_out(campaign_id: int) -> ResponseReturnValue:
    with writing() as session:
        people = decisions.leave_out(session, campaign_id, security.actor(), now())
    return _decided(campaign_id, "One person is left out." if people == 1 else f"{people:,} people are left out.")


def _decided(campaign_id: int, words: str) -> ResponseReturnValue:
    ring(redis_url(), TICK, campaign_id)
    announce(redis_url(), campaign_id)
    flash(words, "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)
