"""API tokens: programs' keys, made, shown once and revoked here."""

from flask import Blueprint

bp = Blueprint("api_tokens", __name__, url_prefix="/api-tokens")
