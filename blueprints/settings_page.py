"""What an admin decides for the whole installation."""

from flask import Blueprint

bp = Blueprint("settings", __name__, url_prefix="/settings")
