"""A campaign asked for by a program: made, listed and launched in one transaction, and only once however often it is asked for."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.approvals import launch_or_ask, newest_approval
from core.audit import Actor, note
from core.cleaning import LONGEST_REASON, plain_json
from core.database import breathe
from core.errors import Conflict, Invalid
from core.judging import JudgedRow
from core.models import Agent, Campaign, ContactList, CreateKey, Endpoint
from core.row_store import BATCH, store_rows
from core.states import CampaignState, RowVerdict
from core.variables import without_variables
from core.vault import Vault

# Without a key of the caller's, the same words within this time are taken for a repeat after a timeout.
REPEAT_WINDOW = timedelta(minutes=10)
COLUMNS = ("to_number", "from_number", "context")


class KeyReused(Invalid):
    """The caller's key already stands for another request."""


@dataclass(frozen=True, slots=True)
class CreateTarget:
    """One person of the request; numbers are E.164. `reason` says what was repaired in the number, if anything."""

    number: str
    caller_id: str | None
    context: dict[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A checked request. `provider_retries` None means that nobody retries; `body_hash` is the same for the same request."""

    agent_uuid: str
    name: str
    targets: tuple[CreateTarget, ...]
    start_at: datetime | None
    lines: int
    provider_retries: int | None
    context: dict[str, Any]
    webhook_url: str | None
    webhook_secret: str | None
    notify_on_call_complete: bool
    body_hash: str


@dataclass(frozen=True, slots=True)
class Created:
    """`is_repeat`: the campaign was made by an earlier request."""

    campaign: Campaign
    is_repeat: bool


def create_campaign(
    session: Session, request: CreateRequest, key: str | None, actor: Actor, vault: Vault, now: datetime
) -> Created:
    """Make and launch the campaign, or find the one that this program made by the same request before.

    One that calls so many people that it needs a second person's word awaits approval instead: nobody is called before.
    `key` is the caller's own. KeyReused: it stands for another request; Conflict: a person took the first campaign back,
    or refused it.
    """
    campaign = _draft(session, request, actor, now)
    first = _claim_keys(session, request, key, campaign, now)
    if first is not None:
        session.delete(campaign)
        return Created(_known(session, first, request), is_repeat=True)
    _add_endpoint(session, campaign, request, vault, now)
    session.refresh(campaign, ["agent"])
    if campaign.agent and (
        why := without_variables(campaign.agent, request.context, (t.context for t in request.targets))
    ):
        raise Invalid(why, "targets")
    _list(session, campaign, request, now)
    launch_or_ask(session, campaign.id, campaign_version=1, list_version=1, actor=actor, now=now)
    session.flush()
    return Created(campaign, is_repeat=False)


def _draft(session: Session, request: CreateRequest, actor: Actor, now: datetime) -> Campaign:
    campaign = Campaign(
        name=request.name, agent_id=_agent_id(session, request.agent_uuid, actor, now), context=request.context,
        start_at=request.start_at, lines=request.lines, retry_attempts=request.provider_retries or 0,
        retry_by="us" if request.provider_retries is None else "provider",
        state=CampaignState.DRAFT.value, state_since=now, version=1,
        created_at=now, created_by=actor.name, api_token_id=actor.api_token_id,
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    return campaign


def _add_endpoint(session: Session, campaign: Campaign, request: CreateRequest, vault: Vault, now: datetime) -> None:
    """The caller's own address, told how this campaign goes on and, if asked for, of each call."""
    if request.webhook_url:
        session.add(
            Endpoint(
                campaign_id=campaign.id, url=request.webhook_url, created_at=now,
                events=["campaign", "call"] if request.notify_on_call_complete else ["campaign"],
                secret=vault.seal(request.webhook_secret) if request.webhook_secret else None,
            )
        )  # fmt: skip


def _agent_id(session: Session, uuid: str, actor: Actor, now: datetime) -> int:
    """The agent with this id of the provider's; one not known yet is named by it."""
    added = _insert(session, Agent).values(uuid=uuid, name=uuid, variables=[], created_at=now)
    agent_id: int | None = session.scalar(added.on_conflict_do_nothing(index_elements=[Agent.uuid]).returning(Agent.id))
    if agent_id is None:
        return session.scalars(select(Agent.id).where(Agent.uuid == uuid)).one()
    note(session, actor, "agent.add", "agent", agent_id, now, summary=f"Agent {uuid} added.", after={"uuid": uuid})
    return agent_id


def _claim_keys(
    session: Session, request: CreateRequest, key: str | None, campaign: Campaign, now: datetime
) -> CreateKey | None:
    """None when the keys now stand for this campaign, else the older one that the request repeats.

    A campaign made with the caller's key also answers the same words without one: the caller may have lost the key.
    """
    fresh = {"body_hash": request.body_hash, "campaign_id": campaign.id, "created_at": now}
    by_words, token_id = f"body:{request.body_hash}", campaign.api_token_id
    if key is None:
        return _claim(session, token_id, by_words, fresh, may_take_over=CreateKey.created_at <= now - REPEAT_WINDOW)
    first = _claim(session, token_id, f"key:{key}", fresh, may_take_over=false())
    if first is None:
        _claim(session, token_id, by_words, fresh, may_take_over=true())
    return first


def _claim(
    session: Session, token_id: int | None, key: str, fresh: dict[str, Any], may_take_over: ColumnElement[bool]
) -> CreateKey | None:
    """One statement decides between requests that arrive together: the others wait for the first one's commit here."""
    place = [CreateKey.api_token_id, CreateKey.key]
    row = _insert(session, CreateKey).values(api_token_id=token_id, key=key, **fresh)
    taken = row.on_conflict_do_update(index_elements=place, set_=fresh, where=may_take_over).returning(CreateKey.id)
    if session.scalar(taken) is not None:
        return None
    return session.scalars(select(CreateKey).where(CreateKey.api_token_id == token_id, CreateKey.key == key)).one()


def _insert(session: Session, table: type[Agent] | type[CreateKey]) -> Any:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _known(session: Session, first: CreateKey, request: CreateRequest) -> Campaign:
    if first.body_hash != request.body_hash:
        raise KeyReused("This key was used for another request.", "Idempotency-Key")
    campaign = session.get_one(Campaign, first.campaign_id)
    if campaign.state == CampaignState.DRAFT:
        answered = newest_approval(session, campaign.id)
        if answered is not None and answered.verdict == "refused":
            raise Conflict(f"The first request made this campaign; {answered.decided_by} refused it: {answered.words}")
        raise Conflict("The first request made this campaign; somebody has taken it back since, to change it.")
    return campaign


def _list(session: Session, campaign: Campaign, request: CreateRequest, now: datetime) -> None:
    rows = _judged(request.targets)
    counts = dict.fromkeys(map(str, RowVerdict), 0) | Counter(str(row.verdict) for row in rows)
    contact_list = ContactList(
        campaign_id=campaign.id, state="ready", version=1, source="api", headers=list(COLUMNS),
        mapping={"number": 0, "caller_id": 1, "context": 2}, counts=counts, rows_read=len(rows), changed_at=now,
    )  # fmt: skip
    session.add(contact_list)
    session.flush()
    for start in range(0, len(rows), BATCH):
        store_rows(session, contact_list.id, rows[start : start + BATCH])
        breathe()


def _judged(targets: tuple[CreateTarget, ...]) -> list[JudgedRow]:
    """Each target as a row; of a number's targets the first is called, the others are excluded."""
    seen: dict[str, int] = {}
    return [_judge(place, target, seen) for place, target in enumerate(targets, 1)]


def _judge(place: int, target: CreateTarget, seen: dict[str, int]) -> JudgedRow:
    cells = plain_json([target.number, target.caller_id, target.context])
    verdict, reason = (RowVerdict.REPAIRED if target.reason else RowVerdict.READY), target.reason
    first = seen.setdefault(target.number, place)
    if first != place:
        verdict, reason = RowVerdict.DUPLICATE, f"Twice in the request (first at target {first})."
    return JudgedRow(place, cells, verdict, reason[:LONGEST_REASON], target.number, target.caller_id)
