"""The door to drafts: four steps, each with its own address and saved by itself; the last one launches."""

from flask import Blueprint

bp = Blueprint("compose", __name__, url_prefix="/campaigns")

from blueprints.compose import check, columns, rows, test_call, what, when, who  # noqa: E402, F401 (they hang their views on the blueprint)
