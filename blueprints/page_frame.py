"""What the frame around every page shows: who is signed in, and what the provider is and ails."""

from typing import Any

from flask import Flask, current_app, request

from blueprints.database import db
from blueprints.runtime import now, settings
from blueprints.security import current_person
from core.arrivals import is_newest_refused
from core.provider_state import may_be_tried, trouble
from core.restoring import how_many_held

# The pages of the administration, in the order of their tabs.
ADMIN_PAGES = (
    ("people.index", "People"),
    ("settings.edit", "Settings"),
    ("provider.show", "Provider"),
    ("api_tokens.index", "API tokens"),
    ("audit.index", "Audit log"),
)


def init_app(app: Flask) -> None:
    app.context_processor(frame)


def frame() -> dict[str, Any]:
    person = current_person()
    return {
        "current_person": person,
        "admin_pages": [page for page in ADMIN_PAGES if page[0] in current_app.view_functions],
        "is_admin_page": request.blueprint in {endpoint.partition(".")[0] for endpoint, _ in ADMIN_PAGES},
        "page_names": current_app.view_functions,
        "sandbox": settings().is_sandbox,
        "polling_only": settings().public_url is None,
        "provider_trouble": trouble(db.session(), now()) if person else None,
        "may_try_again": person is not None and person.may("launcher") and may_be_tried(db.session(), now()),
        "refuses_deliveries": person is not None and person.may("admin") and is_newest_refused(db.session()),
        "held_by_restore": how_many_held(db.session()) if person else 0,
    }
