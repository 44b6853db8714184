"""What programs may read, a page at a time: campaigns, their contacts, deliveries and messages, and agents."""

from collections.abc import Iterable
from typing import Any

from flask import Response, jsonify

from blueprints.api import bp, campaign_of
from blueprints.api.agents import agent_answer
from blueprints.api.queries import Query, cursor
from blueprints.database import db
from blueprints.security import needs_token
from core import api_lists
from core.campaign_words import campaign_answers, iso
from core.lookups import Page
from core.message_log import STATES as MESSAGE_STATES
from core.message_log import find_endpoint, messages_page
from core.models import Contact, Delivery, Message
from core.states import CampaignState, ContactState, Verdict

VISIBLE_STATES = tuple(str(state) for state in CampaignState if state != CampaignState.DRAFT)
CONTACT_STATES, VERDICTS = tuple(map(str, ContactState)), tuple(map(str, Verdict))


@bp.get("/campaigns")
@needs_token("read")
def campaigns() -> Response:
    session, query = db.session(), Query()
    wanted = api_lists.CampaignFilter(
        state=query.choice("state", VISIBLE_STATES), agent_uuid=query.uuid("agent_id"), search=query.search("search"),
        created_after=query.moment("created_after"), created_before=query.moment("created_before"),
    )  # fmt: skip
    key, limit = query.key("campaigns"), query.limit()
    query.done()
    page = api_lists.campaigns(session, wanted, key, limit)
    return _answer(page, "campaigns", campaign_answers(session, page.rows))


@bp.get("/campaigns/<campaign_id>/contacts")
@needs_token("read")
def contacts(campaign_id: str) -> Response:
    session, query, campaign = db.session(), Query(), campaign_of(campaign_id)
    listed = f"contacts of {campaign.id}"
    state, key, limit = query.choice("state", CONTACT_STATES), query.key(listed), query.limit()
    query.done()
    page = api_lists.contacts(session, campaign.id, state, key, limit)
    return _answer(page, listed, map(_contact, page.rows))


@bp.get("/campaigns/<campaign_id>/deliveries")
@needs_token("read")
def deliveries(campaign_id: str) -> Response:
    session, query, campaign = db.session(), Query(), campaign_of(campaign_id)
    listed = f"deliveries of {campaign.id}"
    verdict, key, limit = query.choice("verdict", VERDICTS), query.key(listed), query.limit()
    query.done()
    page, ordinals = api_lists.deliveries(session, campaign.id, verdict, key, limit)
    return _answer(page, listed, (_delivery(each, ordinals[each.wave_id]) for each in page.rows))


@bp.get("/campaigns/<campaign_id>/messages")
@needs_token("read")
def messages(campaign_id: str) -> Response:
    session, query, campaign = db.session(), Query(), campaign_of(campaign_id)
    listed = f"messages of {campaign.id}"
    state, key, limit = query.choice("state", MESSAGE_STATES), query.key(listed), query.limit()
    query.done()
    endpoint = find_endpoint(session, campaign.id)
    page = messages_page(session, endpoint.id, state, key, limit) if endpoint else Page((), None)
    return _answer(page, listed, map(_message, page.rows))


@bp.get("/agents")
@needs_token("read")
def agents() -> Response:
    query = Query()
    key, limit = query.key("agents"), query.limit()
    query.done()
    page = api_lists.agents(db.session(), key, limit)
    return _answer(page, "agents", map(agent_answer, page.rows))


def _answer(page: Page[Any], listed: str, items: Iterable[dict[str, Any]]) -> Response:
    return jsonify(items=list(items), next_cursor=cursor(page, listed))


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "contact_id": str(contact.id),
        "to_number": contact.number,
        "from_number": contact.caller_id,
        "context": contact.context,
        "state": contact.state,
        "reason": contact.reason,
        "attempts": contact.attempts,
        "settled_at": iso(contact.settled_at),
        "due_at": iso(contact.due_at),
        "last_event_at": iso(contact.last_event_at),
    }


def _delivery(delivery: Delivery, ordinal: int) -> dict[str, Any]:
    return {
        "delivery_id": str(delivery.id),
        "wave": ordinal,
        "received_at": iso(delivery.received_at),
        "verdict": delivery.verdict,
        "event": delivery.event,
        "status": delivery.status,
        "contact_id": str(delivery.contact_id) if delivery.contact_id else None,
        "to_number": delivery.number,
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.uid,
        "event": message.event,
        "created_at": iso(message.created_at),
        "state": message.state,
        "tries": message.tries,
        "next_at": iso(message.next_at) if message.state == "waiting" else None,
        "delivered_at": iso(message.delivered_at),
        "http_status": message.http_status,
        "words": message.words,
    }
