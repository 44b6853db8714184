"""The audit log: who did what and when, to look through and to take along."""

from flask import Blueprint

bp = Blueprint("audit", __name__, url_prefix="/audit")
