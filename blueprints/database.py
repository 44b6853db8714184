"""The database at the doors: one session for each request, removed when the request ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

import core.database
from core.database import WRITE_PATIENCE_SECONDS, Base, engine_options, prepare_engine

# Our models are plain ones of the domain; Flask-SQLAlchemy gives them a session that lives as long as the request.
db = SQLAlchemy(metadata=Base.metadata)


def init_app(app: Flask, url: str) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            prepare_engine(engine)


@contextmanager
def writing(patience: float = WRITE_PATIENCE_SECONDS) -> Iterator[Session]:
    """One write transaction on the request's session: returning commits, raising rolls back.

    Whatever was read before is read anew, inside the transaction, when it is next looked at.
    """
    with core.database.writing(db.session(), patience) as session:
        yield session
