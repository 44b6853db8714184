"""Puts the web application together: settings, database, security, doors."""

from datetime import timedelta

from flask import Flask
from flask_wtf import CSRFProtect
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix

import config
from blueprints import (
    account,
    addresses,
    agents,
    api,
    api_tokens,
    approvals,
    auth,
    bars_drawn,
    campaigns,
    compose,
    control,
    database,
    do_not_call,
    errors,
    health,
    history,
    identity,
    inbox,
    kept_lists,
    links,
    live,
    messages,
    notices,
    page_frame,
    people,
    provider_page,
    request_log,
    restored,
    runtime,
    security,
    settings_page,
    static_files,
    viewing,
    wall,
    webhooks,
)
from config import Settings

BLUEPRINTS = (
    auth.bp, identity.bp, links.bp, account.bp, notices.bp, campaigns.bp, control.bp, compose.bp, approvals.bp, messages.bp, wall.bp,
    live.bp, agents.bp, do_not_call.bp, inbox.bp, kept_lists.bp, people.bp, api_tokens.bp, provider_page.bp, restored.bp, history.bp,
    settings_page.bp, webhooks.bp, api.bp, health.bp,
)  # fmt: skip
# Their callers prove who they are in each request, not by a cookie that another site could make a browser send.
WITHOUT_CSRF: tuple[str, ...] = ("webhooks", "api")

# A pasted list is a form field; a file is read in pieces, and only by views that say so (security.takes_uploads).
LONGEST_FORM = 10 * 1024 * 1024
LONGEST_REQUEST = 12 * 1024 * 1024
FORM_LIFETIME = timedelta(hours=12)


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings, by default those of the environment. Writes nothing to the database."""
    settings = settings or config.load_or_exit()
    app = Flask(__name__)
    app.config.from_mapping(flask_configuration(settings))
    webhooks.init_app(app)
    if settings.trusted_proxies:
        # Who asks, and by which address, is then what the nearest of our own proxies says.
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    Htmx(app)  # replaces the class of requests: before anything that uses one
    addresses.init_app(app)
    request_log.init_app(app, settings.log_level)
    runtime.init_app(app, settings)
    database.init_app(app, settings.database_url)
    security.init_app(app)
    csrf = CSRFProtect(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
        if blueprint.name in WITHOUT_CSRF:
            csrf.exempt(blueprint)
    static_files.init_app(app)
    page_frame.init_app(app)
    viewing.init_app(app)
    bars_drawn.init_app(app)
    live.init_app(app)
    errors.init_app(app)
    return app


def flask_configuration(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks),
        "MAX_CONTENT_LENGTH": LONGEST_REQUEST,
        "MAX_FORM_MEMORY_SIZE": LONGEST_FORM,
        # Flask's own session holds only what forms and notices need; who is signed in is another cookie.
        "SESSION_COOKIE_NAME": "__Host-callboard-form" if settings.secure_cookies else "callboard-form",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": int(FORM_LIFETIME.total_seconds()),
        # The last of these signs, each of them verifies: a form that was open while the key changed is still ours.
        "WTF_CSRF_SECRET_KEY": [*settings.secret_key_fallbacks, settings.secret_key],
    }
