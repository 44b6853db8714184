"""From the raw request to the inbox: verify the untouched bytes, and only then read them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.inbox import Envelope, Letter
from core.states import Verdict
from provider.fields import storable
from provider.signatures import verify
from provider.webhook import read
from provider.words import Meaning

KEPT_OF_A_REFUSED_BODY = 64 * 1024
MOST_HEADERS = 50


@dataclass(frozen=True, slots=True)
class Rules:
    """What was decided about deliveries: more names of headers, the one form that is taken, what words mean."""

    extra_headers: Sequence[str] = ()
    pinned_form: str | None = None
    words: Mapping[str, Meaning] = field(default_factory=dict)


PLAIN = Rules()


def judge(
    headers: Sequence[tuple[str, str]], body: bytes, secret: str, address: str, now: datetime, rules: Rules = PLAIN
) -> tuple[Envelope, Letter | None]:  # fmt: skip
    """The envelope to keep, and the letter in it if it is genuine and on time.

    The key is the id that the signature covers, else the hash of the body. Whatever is not genuine is keyed in a namespace
    of its own: a forgery must not take a real key, nor a stale delivery that of its own retry.
    """
    seen = verify(
        headers, body, [secret], now.timestamp(), extra_headers=rules.extra_headers, pinned_form=rules.pinned_form
    )
    digest = hashlib.sha256(body).hexdigest()
    kept = [[storable(name, 200), storable(value, 1000)] for name, value in headers[:MOST_HEADERS]]
    if seen.verdict == "ok":
        key = f"id:{seen.signed_id}" if seen.signed_id else f"sha256:{digest}"
        said = read(body, dict(headers), extra_words=rules.words)
        return Envelope(key, body, kept, seen.form, address), Letter(
            said.event, said.calls, said.campaigns, said.problem
        )
    refused = Verdict.STALE if seen.verdict == "stale" else Verdict.BAD_SIGNATURE
    return Envelope(f"{refused}:{digest}", body[:KEPT_OF_A_REFUSED_BODY], kept, seen.form, address, refused), None
