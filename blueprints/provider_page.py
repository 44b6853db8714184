"""The provider as an admin sees it: which, the key's state, its quota, and whether anything arrives from it."""

from flask import Blueprint

bp = Blueprint("provider", __name__, url_prefix="/provider")
