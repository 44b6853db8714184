"""`POST /campaigns`: each one is written down as it came in, whatever becomes of it."""

import time
import uuid
from typing import Any

import gevent
from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from sandbox.answers import answer_after, answer_before
from sandbox.auth import Unauthorized, require_token
from sandbox.events import campaign_numbers
from sandbox.machine import Machine, the_machine
from sandbox.misbehaviour import AFTER_ACCEPTING, BEFORE_ACCEPTING
from sandbox.records import Campaign, Contact, Post, Request
from sandbox.validation import CampaignRequest, Invalid, check_campaign, read_json

routes = Blueprint("create", __name__)
WEBHOOK_FIRST_LIMIT = 3.0


@routes.post("/campaigns")
def create_campaign() -> ResponseReturnValue:
    machine = the_machine()
    post = Post(machine.store.next_id(Post), time.time(), None, None)
    machine.store.save(post)
    try:
        require_token()
        body = read_json(request.get_data())
        if isinstance(body, dict):
            name, targets = body.get("name"), body.get("targets")
            post.name = name if isinstance(name, str) else None
            post.targets = len(targets) if isinstance(targets, list) else None
        wanted = check_campaign(body)
    except (Unauthorized, Invalid) as error:
        _conclude(machine, post, 401 if isinstance(error, Unauthorized) else 422)
        raise
    own = wanted.context.get("sandbox", {})
    for kind in BEFORE_ACCEPTING:
        options = machine.misbehaviour.take(kind, wanted.name, own)
        answer = answer_before(kind, options, wanted) if options is not None else None
        if options is not None:
            post.misbehaviour = kind
        if answer is not None:
            response = current_app.make_response(answer)
            _conclude(machine, post, response.status_code)
            return response
    return _accept(machine, post, wanted, body)


def _conclude(machine: Machine, post: Post, status: int | None) -> None:
    post.status = status
    machine.store.save(post)


def _accept(machine: Machine, post: Post, wanted: CampaignRequest, body: dict[str, Any]) -> ResponseReturnValue:
    """Written and committed before anything is played or answered."""
    after = next(
        (
            (kind, options)
            for kind in AFTER_ACCEPTING
            if (options := machine.misbehaviour.take(kind, wanted.name, wanted.context.get("sandbox"))) is not None
        ),
        None,
    )
    campaign = _write_campaign(machine, wanted, body)
    post.accepted = True
    post.campaign_id = campaign.id
    if after:
        post.misbehaviour = after[0]
    answer = campaign_numbers(campaign)
    unanswered = after is not None and after[0] in ("silence_after_accept", "close_after_accept")
    status = None if unanswered else 500 if after and after[0] == "error_500_after_accept" else 201
    campaign.answered_with = status
    _conclude(machine, post, status)
    machine.store.write()
    machine.player.play(campaign)
    first = machine.misbehaviour.take("webhook_before_answer", campaign.name, campaign.own_rules)
    if first is not None and campaign.webhook_url:
        _wait_for_a_webhook(machine, campaign)
    return answer_after(*after, answer) if after else (answer, 201)


def _write_campaign(machine: Machine, wanted: CampaignRequest, body: dict[str, Any]) -> Campaign:
    now = time.time()
    campaign = Campaign(
        id=str(uuid.uuid4()),
        seq=machine.store.next_id(Campaign),
        seed=machine.settings.seed,
        agent_id=wanted.agent_id,
        name=wanted.name,
        created_at=now,
        scheduled_at=wanted.schedule_at,
        total=len(wanted.targets),
        lines=wanted.concurrent_calls,
        retries=wanted.retry_attempts if wanted.retry_failed else 0,
        notify=wanted.notify_on_call_complete,
        webhook_url=wanted.webhook_url,
        secret=wanted.webhook_secret,
        context=wanted.context,
        status="scheduled" if wanted.schedule_at and wanted.schedule_at > now else "queued",
    )
    machine.store.save(campaign)
    redacted = {"webhook_secret": "***"} if wanted.webhook_secret else {}
    machine.store.save(Request(campaign.id, body | redacted))
    for position, target in enumerate(wanted.targets):
        machine.store.save(Contact(campaign.id, position, target.to_number, target.from_number, target.context))
    return campaign


def _wait_for_a_webhook(machine: Machine, campaign: Campaign) -> None:
    with gevent.Timeout(WEBHOOK_FIRST_LIMIT, False):
        while not machine.sender.acknowledged[campaign.id] > 1:
            gevent.sleep(0.01)
