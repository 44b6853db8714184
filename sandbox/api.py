"""The provider's routes for reading: campaigns, calls, quota, agents."""

import time
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from sandbox import moments
from sandbox.answers import answer_before
from sandbox.auth import require_token
from sandbox.events import TENANT_ID, call_record, campaign_numbers
from sandbox.machine import the_machine
from sandbox.misbehaviour import ON_READS
from sandbox.records import Call, Campaign
from sandbox.validation import Complaints

routes = Blueprint("api", __name__)

CALL_STATUSES = ("initiated", "ringing", "answered", "ended", "failed")
DIRECTIONS = ("inbound", "outbound")
LINES = 100
AGENTS = (
    ("b9c1f0de-0001-4a6e-8f10-000000000001", "Alva, appointment reminder", ["name", "appointment_date"]),
    ("b9c1f0de-0002-4a6e-8f10-000000000002", "Bruno, payment reminder", ["name", "amount", "due_date"]),
    ("b9c1f0de-0003-4a6e-8f10-000000000003", "Clara, customer survey", ["first_name", "product"]),
    ("b9c1f0de-0004-4a6e-8f10-000000000004", "Dario, event invitation", ["name", "event", "city"]),
)


class Query:
    """Reads the query string and the path, collecting what is wrong with them."""

    def __init__(self) -> None:
        self.complaints = Complaints()

    def number(self, name: str, default: int, least: int, most: int | None = None) -> int:
        text = request.args.get(name, str(default))
        loc = ("query", name)
        if not (text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 16):
            self.complaints.add(loc, "int_parsing", "Input should be a valid integer", text)
        elif int(text) < least:
            message = f"Input should be greater than or equal to {least}"
            self.complaints.add(loc, "greater_than_equal", message, text, ge=least)
        elif most is not None and int(text) > most:
            self.complaints.add(loc, "less_than_equal", f"Input should be less than or equal to {most}", text, le=most)
        else:
            return int(text)
        return default

    def word(self, name: str, words: tuple[str, ...]) -> str | None:
        text = request.args.get(name)
        if text is not None and text not in words:
            expected = ", ".join(f"'{word}'" for word in words)
            self.complaints.add(("query", name), "enum", f"Input should be {expected}", text, expected=expected)
        return text

    def moment(self, name: str) -> float | None:
        text = request.args.get(name)
        if not text:
            return None
        try:
            # An unescaped "+" of an offset arrives as a space.
            return moments.parse(text.replace(" ", "+") if "T" in text else text)
        except (ValueError, OverflowError) as error:
            message = "Input should be a valid datetime with a time zone"
            self.complaints.add(("query", name), "datetime_parsing", message, text, error=str(error))
            return None

    def uuid(self, name: str, text: str) -> str:
        try:
            return str(uuid.UUID(text))
        except ValueError as error:
            self.complaints.add(("path", name), "uuid_parsing", f"Input should be a valid UUID, {error}", text)
            return text


@routes.before_request
def check_first() -> ResponseReturnValue | None:
    require_token()
    campaign = _asked_about()
    for kind in ON_READS:
        options = the_machine().misbehaviour.take(kind, campaign.name if campaign else None, reads=True)
        answer = answer_before(kind, options, None) if options is not None else None
        if answer is not None:
            return answer
    return None


def _asked_about() -> Campaign | None:
    """The campaign that a question names, or whose call it names."""
    asked, store = request.view_args or {}, the_machine().store
    if "call_id" in asked:
        return store.first(Campaign, "WHERE id = (SELECT campaign_id FROM calls WHERE id = ?)", asked["call_id"])
    return store.first(Campaign, "WHERE id = ?", asked["campaign_id"]) if "campaign_id" in asked else None


@routes.get("/campaigns")
def list_campaigns() -> dict[str, Any]:
    machine, query = the_machine(), Query()
    if machine.misbehaviour.take("no_list_campaigns") is not None:
        abort(404)
    limit, offset = query.number("limit", 100, 1, 500), query.number("offset", 0, 0)
    query.complaints.stop_if_any()
    campaigns = machine.store.all(Campaign, "ORDER BY seq DESC LIMIT ? OFFSET ?", limit, offset)
    total = machine.store.number("SELECT count(*) FROM campaigns")
    return {"campaigns": [campaign_numbers(campaign) for campaign in campaigns], "total": total}


@routes.get("/campaigns/<campaign_id>")
def get_campaign(campaign_id: str) -> dict[str, Any]:
    campaign, misbehaviour = _asked_about(), the_machine().misbehaviour
    name, own = (campaign.name, campaign.own_rules) if campaign else (None, None)
    if misbehaviour.take("no_get_campaign", name, own) is not None:
        abort(404)
    if campaign is None:
        abort(404, "Campaign not found")
    return campaign_numbers(campaign)


@routes.get("/calls/<call_id>")
def get_call(call_id: str) -> dict[str, Any]:
    query = Query()
    call_id = query.uuid("call_id", call_id)
    query.complaints.stop_if_any()
    call = the_machine().store.first(Call, "WHERE id = ? AND NOT silent", call_id)
    if call is None:
        abort(404, "Call not found")
    return call_record(call)


@routes.get("/calls/agent/<agent_id>/calls")
def list_calls(agent_id: str) -> dict[str, Any]:
    query = Query()
    agent_id = query.uuid("agent_id", agent_id)
    limit, offset = query.number("limit", 100, 1, 500), query.number("offset", 0, 0)
    direction, status = query.word("direction", DIRECTIONS), query.word("status_filter", CALL_STATUSES)
    start, end = query.moment("start_date"), query.moment("end_date")
    query.complaints.stop_if_any()
    where = "WHERE agent_id = ? AND NOT silent AND started_at >= ? AND started_at <= ? AND ? IN ('', status)"
    values = (agent_id, start or 0, end or 1e12, status or "")
    if direction == "inbound":
        return {"calls": [], "total": 0, "limit": limit, "offset": offset}
    store = the_machine().store
    calls = store.all(Call, where + " ORDER BY started_at DESC, id LIMIT ? OFFSET ?", *values, limit, offset)
    total = store.number(f"SELECT count(*) FROM calls {where}", *values)  # noqa: S608
    return {"calls": [call_record(call) for call in calls], "total": total, "limit": limit, "offset": offset}


@routes.get("/analytics/tenants/<tenant_id>/quota")
def get_quota(tenant_id: str) -> dict[str, Any]:
    machine, query = the_machine(), Query()
    tenant_id = query.uuid("tenant_id", tenant_id)
    query.complaints.stop_if_any()
    if tenant_id != TENANT_ID:
        abort(404, "Tenant not found")
    month = datetime.fromtimestamp(time.time(), UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    used = machine.store.number("SELECT count(*) FROM calls WHERE started_at >= ?", month.timestamp())
    active = machine.store.number("SELECT count(*) FROM contacts WHERE state = 'calling'")
    limit = machine.settings.monthly_call_limit
    return {
        "monthly_call_limit": limit,
        "calls_used_this_month": used,
        "calls_remaining": max(0, limit - used),
        "max_concurrent_calls": LINES,
        "current_active_calls": active,
        "concurrent_calls_remaining": max(0, LINES - active),
        "quota_exceeded": used >= limit,
        "status": "exceeded" if used >= limit else "active",
    }


@routes.get("/agents")
def list_agents() -> dict[str, Any]:
    """Not part of the documented API: agents to try with, and the variables of their scripts."""
    agents = [
        {"agent_id": agent_id, "name": name, "variables": variables, "tenant_id": TENANT_ID}
        for agent_id, name, variables in AGENTS
    ]
    return {"agents": agents}
