"""Signing in by OpenID Connect: off to the identity provider, and back."""

import hmac
import logging
import time

from flask import Blueprint, abort, current_app, flash, redirect, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from blueprints import runtime
from blueprints.auth import signed_in
from blueprints.database import writing
from blueprints.requests import local_path
from blueprints.runtime import now, settings, site_address
from blueprints.security import cookie_name, open_door
from core import sign_ins
from core.errors import Conflict, Invalid
from core.identity import Identity, NotLetIn, person_of
from core.sign_ins import Try
from provider.identity import IdentityClient, IdentityProviderAway, NotVerified

bp = Blueprint("identity", __name__, url_prefix="/sign-in/oidc")
log = logging.getLogger(__name__)

CLIENT = "identity_client"
# What a browser carries in its signed form cookie on the way out and back. One at a time, so that the cookie cannot grow.
ON_THE_WAY = "on_the_way"
LONGEST_ABSENCE_SECONDS = 600

AWAY = "Single sign-on cannot be reached right now. Try again in a moment, or sign in with your password."
CANCELLED = "Single sign-on did not let you in. Try again, or sign in with your password."
NOT_BEGUN = "This sign-in was not begun in this browser, or too long ago. Begin again."
NOT_TRUE = "What single sign-on said about you could not be verified. Begin again."


@bp.record
def make_client(state: BlueprintSetupState) -> None:
    ours = state.app.extensions[runtime.NAME].settings
    if ours.identity_provider:
        state.app.extensions[CLIENT] = IdentityClient(ours.identity_provider, ours.allow_private_addresses)
    state.app.add_template_global(single_sign_on)


def single_sign_on(wanted: str | None) -> dict[str, str] | None:
    """The button: its name, and its address, at the host that people will be sent back to, where their cookie must be."""
    provider = settings().identity_provider
    if provider is None:
        return None
    return {"name": provider.name, "address": site_address() + url_for("identity.begin", next=local_path(wanted))}


@bp.get("/")
@open_door("whoever wants to sign in has not done so yet")
def begin() -> ResponseReturnValue:
    """A link, not a form: the policy lets no form lead to another site, and nothing is changed but this browser's cookie."""
    try:
        begun = _client().begin(_redirect_uri())
    except IdentityProviderAway as error:
        log.warning("identity provider: %s", error)
        return _back(AWAY, request.args.get("next"))
    session[ON_THE_WAY] = {
        "state": begun.state, "nonce": begun.nonce, "code_verifier": begun.code_verifier, "at": int(time.time()),
        "next": (local_path(request.args.get("next")) or "")[:1000],
    }  # fmt: skip
    return redirect(begun.url, 303)


@bp.get("/callback")
@open_door("whoever comes back from the identity provider is not signed in yet")
def come_back() -> ResponseReturnValue:
    client, begun = _client(), session.pop(ON_THE_WAY, None)
    if "error" in request.args:  # some providers leave the state out of it
        return _back(CANCELLED, begun and begun["next"])
    fits = begun and hmac.compare_digest(begun["state"].encode(), request.args.get("state", "").encode())
    if not fits or time.time() - begun["at"] > LONGEST_ABSENCE_SECONDS:
        return _back(NOT_BEGUN)
    try:
        identity = client.finish(request.args.get("code", ""), _redirect_uri(), begun["nonce"], begun["code_verifier"])
        token = _come_in(identity)
    except NotVerified as error:
        log.warning("identity provider: %s", error)
        return _back(NOT_TRUE, begun["next"])
    except (NotLetIn, Conflict, Invalid) as refusal:
        return _back(str(refusal), begun["next"])
    return signed_in(redirect(local_path(begun["next"]) or "/", 303), token)


def _come_in(identity: Identity) -> str:
    """The token of a new sign-in. No transaction was open while the identity provider was asked."""
    provider, address = settings().identity_provider, request.remote_addr or ""
    assert provider is not None
    with writing() as db_session:
        person = person_of(db_session, identity, provider.new_people_role, address, now())
        return sign_ins.sign_in(
            db_session, person, Try(0, person.email, address), request.user_agent.string, now(),
            by="single sign-on", instead_of=request.cookies.get(cookie_name()),
        )  # fmt: skip


def _client() -> IdentityClient:
    return current_app.extensions.get(CLIENT) or abort(404)


def _redirect_uri() -> str:
    """The identity provider takes no other than the one that was registered with it."""
    return site_address() + url_for("identity.come_back")


def _back(words: str, wanted: str | None = None) -> ResponseReturnValue:
    flash(words, "error")
    return redirect(url_for("auth.sign_in", next=local_path(wanted)), 303)
