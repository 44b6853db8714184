"""What the status and body of one answer mean: the outcome table of the POST, and its sister for GETs."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

from core.facts import CallFact, CampaignFact, FieldError, Sent, Submission
from provider.answers import Answer, Asked, CallPage, read_json, read_list, read_retry_after
from provider.errors import read_errors, tidy
from provider.webhook import call_fact, campaign_fact
from provider.wire import Reply, Silence
from provider.words import NO_WORDS, Meaning

Value = TypeVar("Value")

# Words of a refusal that is about the tenant's allowance and not about this campaign.
QUOTA = re.compile(
    r"\b(quota|credits?|balance|allowance|(monthly|daily|call|campaign|plan|usage|rate|concurrency) limits?)\b"
    r".*\b(exceed|reach|exhaust|insufficient|used up|limit|no more|not enough)"
    r"|\b(exceed\w*|reached|exhausted|insufficient|not enough|out of)\b.*\b(quota|credits?|balance|allowance"
    r"|(monthly|daily|call|campaign|plan|usage|rate|concurrency) limits?)\b"
    r"|\bmax(imum)? (number of )?campaigns\b",
    re.IGNORECASE | re.DOTALL,
)


def read_submission(outcome: Reply | Silence, *, unsent_503: bool, now: datetime) -> Submission:
    """What one POST came to. In doubt it is UNKNOWN: a second POST would phone people twice."""
    if isinstance(outcome, Silence):
        return Submission(Sent.UNKNOWN if outcome.begun else Sent.NOT_SENT, outcome.words)
    status = outcome.status
    wait = read_retry_after(outcome.headers, now)
    if 200 <= status < 300:
        return _read_accepted(outcome)
    if 300 <= status < 400:
        return Submission(Sent.REFUSED, _redirects(outcome), http_status=status)
    if status == 503 and unsent_503:
        return Submission(Sent.NOT_SENT, "The provider is not available (503).", http_status=status, retry_after=wait)
    if not 400 <= status < 500 or status == 408:
        words = f"The provider answered {status}: whether it took the campaign cannot be known."
        return Submission(Sent.UNKNOWN, words, http_status=status)
    said, errors = read_errors(outcome.body)
    if status == 429:
        return Submission(Sent.THROTTLED, said or "The provider asks us to slow down (429).", None, status, (), wait)
    if status != 401 and _is_quota(status, said, errors):
        words = f"The provider's quota is used up: {said or status}"
        return Submission(Sent.THROTTLED, words, None, status, errors, wait)
    if status in (401, 403):
        return Submission(Sent.KEY_REFUSED, f"The provider refuses our key: {said or status}", http_status=status)
    return Submission(Sent.REFUSED, said or f"The provider refused the campaign ({status}).", None, status, errors)


def read_answer(outcome: Reply | Silence, read: Callable[[object], Value | None], *, now: datetime) -> Answer[Value]:
    """What one GET came to; `read` makes the value of the parsed body, None where it cannot."""
    if isinstance(outcome, Silence):
        return Answer(Asked.UNREACHABLE, words=outcome.words)
    status = outcome.status
    if 200 <= status < 300:
        value = _value(outcome, read)
        if value is None:
            return Answer(Asked.UNREADABLE, None, "The provider's answer could not be read.", status)
        return Answer(Asked.OK, value, "", status)
    if 300 <= status < 400:
        return Answer(Asked.REFUSED, None, _redirects(outcome), status)
    if status in (404, 405, 501):
        return Answer(Asked.NOT_OFFERED, None, f"The provider does not offer this ({status}).", status)
    wait = read_retry_after(outcome.headers, now)
    if not 400 <= status < 500 or status == 408:
        return Answer(Asked.UNREACHABLE, None, f"The provider answered {status}.", status, wait)
    said = read_errors(outcome.body)[0]
    if status == 429:
        return Answer(Asked.THROTTLED, None, said or "The provider asks us to slow down (429).", status, wait)
    if status in (401, 403):
        return Answer(Asked.KEY_REFUSED, None, f"The provider refuses our key: {said or status}", status)
    return Answer(Asked.REFUSED, None, said or f"The provider refused the question ({status}).", status)


def read_call_page(
    value: object, *, limit: int, offset: int, words: Mapping[str, Meaning] = NO_WORDS
) -> CallPage | None:
    """A page in any shape. More follows where it is full, or where the object names a `total` beyond it."""
    items = read_list(value)
    if items is None:
        return None
    records = [item for item in items if isinstance(item, Mapping)]
    total = value.get("total") if isinstance(value, Mapping) else None
    after = offset + len(items)
    more = bool(items) and (len(items) >= limit or (type(total) is int and total > after))
    calls = tuple(call_fact(record, extra_words=words) for record in records)
    return CallPage(calls, after if more else None, len(items) - len(records))


def read_campaign(value: object) -> CampaignFact | None:
    """None where it names neither an id nor a status: `{"ok": true}` is no campaign."""
    fact = campaign_fact(value) if isinstance(value, Mapping) else None
    return fact if fact and (fact.provider_id or fact.status) else None


def read_campaigns(value: object) -> tuple[CampaignFact, ...] | None:
    """A bare list of campaigns, or an object that holds one."""
    items = read_list(value)
    return None if items is None else tuple(campaign_fact(item) for item in items if isinstance(item, Mapping))


def read_call(value: object, *, words: Mapping[str, Meaning] = NO_WORDS) -> CallFact | None:
    """None where it names neither an id nor a number."""
    fact = call_fact(value, extra_words=words) if isinstance(value, Mapping) else None
    return fact if fact and (fact.call_id or fact.number) else None


def _read_accepted(reply: Reply) -> Submission:
    campaign = _value(reply, read_campaign)
    if campaign is None or not campaign.provider_id:
        words = "The provider said yes, but its answer names no campaign."
        return Submission(Sent.UNKNOWN, words, http_status=reply.status)
    return Submission(Sent.ACCEPTED, "The provider accepted the campaign.", campaign, reply.status)


def _value(reply: Reply, read: Callable[[object], Value | None]) -> Value | None:
    value = read_json(reply.body) if reply.whole else None
    return None if value is None else read(value)


def _is_quota(status: int, said: str, errors: tuple[FieldError, ...]) -> bool:
    """402 always is; words are believed only where no field is named, for "exceeds the limit of 255" is about a name."""
    if status == 402:
        return True
    return not any(error.loc for error in errors) and QUOTA.search(re.sub("[_-]", " ", said)) is not None


def _redirects(reply: Reply) -> str:
    try:
        host = urlsplit(reply.headers.get("Location", "")).hostname
    except ValueError:
        host = None
    where = f" to {tidy(host, 100)}" if host else ""
    return f"The provider URL redirects{where} ({reply.status}); it must name the place itself."
