"""The provider as an admin sees it: which, the key's state, its quota, and whether anything arrives from it."""

import hmac

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.database import db, writing
from blueprints.requests import local_path
from blueprints.runtime import now, redis_url, settings, vault
from blueprints.security import actor, needs
from config import Settings
from core import provider_binding
from core.arrivals import arrivals
from core.dispatch import live_campaigns
from core.drafts import saved_agents
from core.models import ProviderState
from core.provider_state import known_state, last_accepted_at, record_try, try_again_now
from core.requests import MOST_TARGETS
from jobs.provider import open_provider, try_provider
from jobs.queue import TICK, ring

bp = Blueprint("provider", __name__, url_prefix="/provider")

# Somebody waits for the page meanwhile.
TRY_SECONDS = 10.0
QUOTA_ROWS = (
    ("Calls this month", "calls_used_this_month", "monthly_call_limit", "calls_remaining"),
    ("Calls at a time", "current_active_calls", "max_concurrent_calls", "concurrent_calls_remaining"),
)


@bp.get("")
@needs("admin")
def show() -> ResponseReturnValue:
    session = db.session()
    state = known_state(session)
    return render_template(
        "provider/show.html", state=state, settings=settings(), key_hint=key_hint(settings()), now=now(),
        accepted_at=last_accepted_at(session), arrivals=arrivals(session), quota_rows=quota_rows(state),
        most_targets=MOST_TARGETS, belongs_elsewhere=provider_binding.why_not_ours(session),
    )  # fmt: skip


@bp.post("/try")
@needs("admin")
def try_it() -> ResponseReturnValue:
    """A harmless question, asked while the person waits. Nothing of the database is held meanwhile."""
    agent = next(iter(saved_agents(db.session())), None)
    uuid = agent.uuid if agent else None
    client = open_provider(db.session(), settings(), vault(), TRY_SECONDS)
    tried = try_provider(client, uuid, settings().provider_tenant)
    with writing() as session:
        record_try(session, tried, actor(), now())
    flash(tried.words, {True: "success", False: "error", None: "warning"}[tried.works])
    return redirect(url_for("provider.show"), 303)


@bp.post("/try-again")
@needs("launcher")
def try_again() -> ResponseReturnValue:
    """Let the next submission try at once, and ring for every campaign that waits for that."""
    with writing() as session:
        lifted = try_again_now(session, actor(), now())
    for campaign_id in live_campaigns(db.session()) if lifted else []:
        ring(redis_url(), TICK, campaign_id)
    flash(
        "The next submission tries again at once." if lifted else "Nothing keeps submissions back any more.", "success"
    )
    return redirect(local_path(request.referrer) or url_for("campaigns.index"), 303)


@bp.post("/rebind")
@needs("admin")
def rebind() -> ResponseReturnValue:
    with writing() as session:
        provider_binding.rebind(session, actor(), now())
    flash("This database belongs to the provider of the settings now.", "success")
    return redirect(url_for("provider.show"), 303)


def key_hint(config: Settings) -> str:
    """A few characters that change with the key and tell nothing of it: without our own secret nobody can try guesses on them."""
    key = "\n".join(filter(None, (config.provider_token, config.provider_username, config.provider_password)))
    return hmac.digest(config.secret_key.encode(), b"provider key\n" + key.encode(), "sha256").hex()[:8]


def quota_rows(state: ProviderState) -> list[tuple[str, int | None, int | None, int | None]]:
    """What is counted, used, the most, left; only rows of which the provider told something."""
    told = state.quota or {}
    rows = [(label, *(told.get(name) for name in names)) for label, *names in QUOTA_ROWS]
    return [row for row in rows if any(value is not None for value in row[1:])]
