"""Makes sure that somebody can sign in, and that the API token of the settings is known."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from blueprints.passwords import hash_password
from config import Settings
from core.database import open_engine, writing
from core.people import ensure_first_person
from core.tokens import ensure_first_token

DEFAULT_EMAIL = "admin@example.com"


@dataclass(frozen=True)
class SignIn:
    """Who signs in first, and the password where it was generated just now."""

    email: str
    new_password: str | None


def prepare_first_person(settings: Settings) -> SignIn:
    """Create the first person unless there is one already, and the first API token where one is set."""
    email = settings.admin_email or DEFAULT_EMAIL
    engine = open_engine(settings.database_url)
    with Session(engine) as session, writing(session):
        now = datetime.now(UTC)
        password = ensure_first_person(session, email, settings.admin_password, now, hash_password)
        if settings.api_token:
            ensure_first_token(session, settings.api_token, now)
    engine.dispose()
    return SignIn(email, password)
