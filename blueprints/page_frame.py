"""What the frame around every page shows: who is signed in, and what the provider is and ails."""

from typing import Any

from flask import Flask

from blueprints.database import db
from blueprints.runtime import now, settings
from blueprints.security import current_person
from core.provider_state import trouble


def init_app(app: Flask) -> None:
    app.context_processor(frame)


def frame() -> dict[str, Any]:
    person = current_person()
    return {
        "current_person": person,
        "sandbox": settings().is_sandbox,
        "polling_only": settings().public_url is None,
        "provider_trouble": trouble(db.session(), now()) if person else None,
    }
