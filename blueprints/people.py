"""People: who may come in, as what, and the links with which they set their passwords."""

from flask import Blueprint

bp = Blueprint("people", __name__, url_prefix="/people")
