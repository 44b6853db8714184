"""Makes sure that somebody can sign in."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from config import Settings
from core.database import open_engine, writing
from core.people import ensure_first_person

DEFAULT_EMAIL = "admin@example.com"


@dataclass(frozen=True)
class SignIn:
    """Who signs in first, and the password where it was generated just now."""

    email: str
    new_password: str | None


def prepare_first_person(settings: Settings) -> SignIn:
    """Create the first person unless there is one already."""
    email = settings.admin_email or DEFAULT_EMAIL
    engine = open_engine(settings.database_url)
    with Session(engine) as session, writing(session):
        password = ensure_first_person(session, email, settings.admin_password, datetime.now(UTC))
    engine.dispose()
    return SignIn(email, password)
