"""A second person's word on a launch."""

from flask import Blueprint

bp = Blueprint("approvals", __name__, url_prefix="/campaigns")
