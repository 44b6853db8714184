"""Signing in by OpenID Connect."""

from flask import Blueprint

bp = Blueprint("identity", __name__, url_prefix="/sign-in/oidc")
