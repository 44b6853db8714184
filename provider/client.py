"""Asks the provider and hands it campaigns: every outcome is a typed result, none an exception."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, urlsplit

from core.facts import CallFact, CampaignFact, FieldError, Sent, Submission
from provider.answers import Answer, Asked, CallPage, Quota, read_quota
from provider.auth import Keys, MemoryTokenStore, NoKey, TokenStore
from provider.outcomes import (
    read_answer,
    read_call,
    read_call_page,
    read_campaign,
    read_campaigns,
    read_submission,
)
from provider.wire import Reply, Silence, Timeouts, Wire
from provider.words import NO_WORDS, Meaning

Value = TypeVar("Value")

# A list of 500 calls with transcripts is bigger than any answer to a POST.
LARGEST_LIST = 16 << 20
MOST_PAGES = 40
NO_AGENT = "00000000-0000-0000-0000-000000000000"


class Provider:
    """One provider. A fixed `token`, or `username` and `password` whose tokens live in `token_store`.

    `url` may carry a path such as /v1; ValueError where it is none (`read_base_url`). `unsent_503` takes a 503 for
    "not sent". `words` are those that people explained. `now` gives aware UTC time. Sign-in included, one call
    takes at most about two minutes; with `seconds`, all its calls together take about so long.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        token_store: TokenStore | None = None,
        unsent_503: bool = False,
        allow_private: bool = False,
        timeouts: Timeouts | None = None,
        verify: bool | str = True,
        seconds: float | None = None,
        words: Mapping[str, Meaning] = NO_WORDS,
        now: Callable[[], datetime],
    ) -> None:
        self._base = read_base_url(url)
        ends = None if seconds is None else time.monotonic() + seconds
        self._wire = Wire(timeouts or Timeouts(), allow_private, verify, ends)
        store = MemoryTokenStore() if token_store is None else token_store
        self._keys = Keys(
            self._wire, self._base, token=token, username=username, password=password, store=store, now=now
        )
        self._unsent_503 = unsent_503
        self._words = words
        self._now = now

    def create_campaign(
        self, request: Mapping[str, object], *, may_send: Callable[[], bool] | None = None
    ) -> Submission:
        """POST /campaigns, once. `may_send` is asked right before the first byte is written; False means not sent.

        A refused key is dropped, so that the next claim signs in anew; this one does not repeat the POST.
        """
        key = self._keys.access()
        if isinstance(key, NoKey):
            return self._hush(Submission(key.sent, key.words, None, key.http_status, (), key.retry_after))
        outcome = self._wire.exchange(
            "POST",
            f"{self._base}/campaigns",
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            body=json.dumps(request).encode(),
            may_send=may_send,
        )
        submission = read_submission(outcome, unsent_503=self._unsent_503, now=self._now())
        if submission.sent is Sent.KEY_REFUSED:
            self._keys.drop(key)
        return self._hush(submission, key, *_own_secrets(request))

    def get_campaign(self, provider_id: str) -> Answer[CampaignFact]:
        """GET /campaigns/{id}; not published. 404 cannot tell an unknown campaign from an unknown route."""
        return self._get(f"/campaigns/{quote(provider_id, safe='')}", read_campaign)

    def list_campaigns(self, *, limit: int = 100) -> Answer[tuple[CampaignFact, ...]]:
        """GET /campaigns; not published."""
        return self._get("/campaigns", read_campaigns, {"limit": limit})

    def list_calls(
        self,
        agent_uuid: str,
        *,
        since: datetime,
        until: datetime | None = None,
        limit: int = 500,
        offset: int = 0,
        direction: str = "outbound",
    ) -> Answer[CallPage]:
        """GET /calls/agent/{agent_id}/calls: one page of the calls that started in `[since, until]` (aware times)."""
        params: dict[str, str | int] = {"limit": limit, "offset": offset, "direction": direction}
        params["start_date"] = since.astimezone(UTC).isoformat()
        if until is not None:
            params["end_date"] = until.astimezone(UTC).isoformat()
        path = f"/calls/agent/{quote(agent_uuid, safe='')}/calls"
        return self._get(
            path, lambda value: read_call_page(value, limit=limit, offset=offset, words=self._words), params
        )

    def each_call_page(
        self, agent_uuid: str, *, since: datetime, until: datetime | None = None, direction: str = "outbound"
    ) -> Iterator[Answer[CallPage]]:
        """Page after page, up to 20,000 calls; ends after the last page, or after the first answer that is not OK."""
        offset, seen = 0, set[str | None]()
        for _ in range(MOST_PAGES):
            answer = self.list_calls(agent_uuid, since=since, until=until, offset=offset, direction=direction)
            yield answer
            if answer.value is None or answer.value.next_offset is None:
                return
            # A provider that ignores `offset` gives the same page for ever.
            known, offset = len(seen), answer.value.next_offset
            seen.update(call.call_id for call in answer.value.calls)
            if len(seen) == known:
                return

    def get_call(self, call_id: str) -> Answer[CallFact]:
        """GET /calls/{call_id}."""
        return self._get(f"/calls/{quote(call_id, safe='')}", lambda value: read_call(value, words=self._words))

    def get_quota(self, tenant_id: str) -> Answer[Quota]:
        """GET /analytics/tenants/{tenant_id}/quota."""
        return self._get(f"/analytics/tenants/{quote(tenant_id, safe='')}/quota", read_quota)

    def check(self, agent_uuid: str = NO_AGENT) -> Answer[str]:
        """Try URL and key with the one list that is documented. An agent unknown to the provider may give NOT_OFFERED."""
        path = f"/calls/agent/{quote(agent_uuid, safe='')}/calls"
        answer = self._get(path, lambda value: "The provider answers and takes our key.", {"limit": 1})
        if answer.kind is not Asked.NOT_OFFERED:
            return answer
        words = (
            "The provider answers, but does not know this route or this agent. Does its URL lack a path such as /v1?"
        )
        return replace(answer, words=words)

    def _get(
        self,
        path: str,
        read: Callable[[object], Value | None],
        params: Mapping[str, str | int] | None = None,
    ) -> Answer[Value]:
        """One GET; on 401 one renewal of the key and one repetition."""
        key = self._keys.access()
        if isinstance(key, NoKey):
            return self._hush_answer(_no_key(key))
        outcome = self._ask(path, params, key)
        if isinstance(outcome, Reply) and outcome.status == 401:
            key = self._keys.access_instead_of(key)
            if isinstance(key, NoKey):
                return self._hush_answer(_no_key(key))
            outcome = self._ask(path, params, key)
        answer = read_answer(outcome, read, now=self._now())
        if answer.kind is Asked.KEY_REFUSED:
            self._keys.drop(key)
        return self._hush_answer(answer, key)

    def _ask(self, path: str, params: Mapping[str, str | int] | None, key: str) -> Reply | Silence:
        headers = {"Authorization": f"Bearer {key}"}
        return self._wire.exchange("GET", self._base + path, headers=headers, params=params, largest=LARGEST_LIST)

    def _hush(self, submission: Submission, *more: str) -> Submission:
        """Take our secrets out of the provider's words: a complaint may quote what it complains about."""
        secrets = (*self._keys.secrets(), *more)
        errors = tuple(FieldError(each.loc, _without(each.message, secrets)) for each in submission.errors)
        return replace(submission, words=_without(submission.words, secrets), errors=errors)

    def _hush_answer(self, answer: Answer[Value], *more: str) -> Answer[Value]:
        return replace(answer, words=_without(answer.words, (*self._keys.secrets(), *more)))


def read_base_url(url: str) -> str:
    """The URL without a slash at its end; ValueError with one sentence where it is not one to put paths behind."""
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("The provider URL must look like https://api.example.com or https://api.example.com/v1.")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("The provider URL must hold no user name, query or fragment.")
    return url.strip().rstrip("/")


def _no_key(key: NoKey) -> Answer[Value]:
    kinds = {Sent.KEY_REFUSED: Asked.KEY_REFUSED, Sent.THROTTLED: Asked.THROTTLED}
    return Answer(kinds.get(key.sent, Asked.UNREACHABLE), None, key.words, key.http_status, key.retry_after)


def _own_secrets(request: Mapping[str, object]) -> tuple[str, ...]:
    """What only this request and the provider know: the wave's secret, and the token at the end of its URL."""
    url, secret = request.get("webhook_url"), request.get("webhook_secret")
    token = url.rstrip("/").rpartition("/")[2] if isinstance(url, str) else ""
    return (token, secret if isinstance(secret, str) else "")


def _without(words: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= 4:
            words = words.replace(secret, "…")
    return words
