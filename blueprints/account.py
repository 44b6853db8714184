"""One's own account: name, phone, password, where one is signed in."""

from flask import Blueprint

bp = Blueprint("account", __name__, url_prefix="/account")
