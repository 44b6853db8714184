"""The log of what we told others, campaign by campaign, with “send again”."""

from flask import Blueprint

bp = Blueprint("messages", __name__, url_prefix="/campaigns")
