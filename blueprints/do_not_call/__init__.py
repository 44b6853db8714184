"""The door to the do-not-call list: people look through it and add to it; admins also import, take along and remove."""

from flask import Blueprint

bp = Blueprint("do_not_call", __name__, url_prefix="/do-not-call")

from blueprints.do_not_call import entries, files  # noqa: E402, F401 (they hang their views on the blueprint)
