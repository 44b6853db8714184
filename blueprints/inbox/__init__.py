"""The door to the inbox: what arrived and what became of it; admins also explain words, mend settings and have things read again."""

from flask import Blueprint

bp = Blueprint("inbox", __name__, url_prefix="/inbox")

from blueprints.inbox import connection, deliveries, replays, words  # noqa: E402, F401 (they hang their views on the blueprint)
