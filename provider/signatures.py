"""Is this webhook genuine? Every form that this family of platforms signs with, and one kind of "no"."""

import base64
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from provider.fields import storable

HEADERS = (
    "webhook-signature",
    "x-webhook-signature",
    "x-mrassistant-signature",
    "x-signature",
    "x-webhook-signature-256",
    "x-hub-signature-256",
)
MAX_CANDIDATES = 8
MAX_HEADER_CHARACTERS = 4096
MAX_NAMES = 20
SIGNATURE_KEYS = ("v1", "v0", "d", "sha256")
TIMESTAMP_KEYS = ("t", "v")
LOOKS_LIKE_A_SIGNATURE = re.compile(r"signature|hmac|digest|webhook|secret|timestamp", re.IGNORECASE)
HEX = re.compile(r"[0-9a-fA-F]{64}")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
TIMESTAMP = re.compile(r"[0-9]{1,16}")
WHSEC = re.compile(r"whsec_([A-Za-z0-9+/_-]+)={0,2}")
SIGNED_ID = re.compile(r"[!-~]{1,200}")
MILLISECONDS_FROM = 10**11  # as seconds this would be the year 5138

Headers = Iterable[tuple[str, str]] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verification:
    """`form` names what matched and can be pinned; `signed_id` and `timestamp` (seconds) are set where they are signed.

    `header_names` are the names that look as if they carried a signature, for the page "what did they send".
    """

    verdict: Literal["ok", "stale", "bad"]
    form: str | None
    signed_id: str | None
    timestamp: float | None
    header_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One signature that was sent, with the id and the timestamp beside it; `shape` is how it was written."""

    header: str
    shape: str
    digest: bytes
    timestamp: str | None
    id: str | None


def verify(
    headers: Headers,
    body: bytes,
    secrets: Sequence[str],
    now: float,
    *,
    extra_headers: Sequence[str] = (),
    pinned_form: str | None = None,
    tolerance: float = 300.0,
) -> Verification:
    """Judge one delivery; `now` and `tolerance` are seconds. Never raises, whatever the headers hold."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    tried = tuple(dict.fromkeys((*HEADERS, *(name.strip().lower() for name in extra_headers))))
    seen = [name for name, _ in pairs if name.lower() in tried or LOOKS_LIKE_A_SIGNATURE.search(name)]
    names = tuple(dict.fromkeys(storable(name, 100) for name in seen[:MAX_NAMES]))
    stale = None
    for form, candidate, covers in _matches(_candidates(pairs, tried), body, _keys(secrets)):
        if pinned_form and form != pinned_form:
            continue
        signed_id = candidate.id if covers.startswith("id.") else None
        signed_at = _seconds(candidate.timestamp) if candidate.timestamp and "timestamp" in covers else None
        if signed_at is None or abs(now - signed_at) <= tolerance:
            return Verification("ok", form, signed_id, signed_at, names)
        stale = stale or Verification("stale", form, signed_id, signed_at, names)
    return stale or Verification("bad", None, None, None, names)


def _matches(
    candidates: Iterable[Candidate], body: bytes, keys: Sequence[bytes]
) -> Iterator[tuple[str, Candidate, str]]:
    digests: dict[tuple[bytes, bytes, bytes], bytes] = {}
    for candidate in candidates:
        for covers, before, after in _signed(candidate):
            for key in keys:
                slot = (key, before, after)
                if slot not in digests:
                    digests[slot] = hmac.digest(key, before + body + after, "sha256")
                if hmac.compare_digest(digests[slot], candidate.digest):
                    yield f"{candidate.header} {candidate.shape} over {covers}", candidate, covers


def _signed(candidate: Candidate) -> Iterator[tuple[str, bytes, bytes]]:
    """The ways to sign, the likeliest first: a name, and the bytes before and after the body."""
    if candidate.timestamp is not None:
        timestamp = candidate.timestamp.encode()
        if candidate.id is not None:
            yield "id.timestamp.body", b"%b.%b." % (candidate.id.encode(), timestamp), b""
        yield "timestamp.body", timestamp + b".", b""
        yield "body+timestamp", b"", timestamp
    yield "body", b"", b""


def _candidates(pairs: Sequence[tuple[str, str]], tried: Sequence[str]) -> Iterator[Candidate]:
    """The well-formed signatures of the headers that are tried, in that order, up to the caps."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name.lower(), []).append(value.strip())
    beside = {name: held[0] for name, held in values.items()}
    found, left = 0, MAX_HEADER_CHARACTERS
    for header in tried:
        family = header.partition("-signature")[0]
        header_timestamp = beside.get(f"{family}-timestamp", beside.get("x-timestamp"))
        signed_id = _plain(SIGNED_ID, beside.get(f"{family}-id"))
        for value in values.get(header, ()):
            told, signatures = _parse(value[:left])
            left = max(0, left - len(value))
            timestamp = _plain(TIMESTAMP, told[1] if told else header_timestamp)
            for shape, digest in signatures:
                if found == MAX_CANDIDATES:
                    return
                found += 1
                yield Candidate(header, f"{told[0]}= {shape}" if told else shape, digest, timestamp, signed_id)


def _parse(value: str) -> tuple[tuple[str, str] | None, list[tuple[str, bytes]]]:
    """One header value as its own timestamp (key and text), if it has one, and its signatures (shape and digest).

    `t=…,v1=<hex>`, `v=…,d=<hex>`, `sha256=<hex>`, bare hex or base64, and `v1,<base64> v1,<base64>` all fall out of the
    same split, because neither hex nor base64 holds a comma or a space, nor "=" but at its end.
    """
    told = None
    signatures = []
    for word in value.split():
        version = ""
        for part in word.split(","):
            name, _, text = part.partition("=")
            key = name.lower()
            if key in TIMESTAMP_KEYS:
                told = told or (key, text)
            elif key in SIGNATURE_KEYS and text:
                signatures += _decoded(f"{key}= ", text)
            elif part == "v1":
                version = "v1, "
            else:
                signatures += _decoded(version, part)
    return told, signatures


def _decoded(written_before: str, text: str) -> list[tuple[str, bytes]]:
    """The 32 bytes of one signature, as a list of one, or of none where the text is anything else."""
    if HEX.fullmatch(text):
        return [(f"{written_before}hex", bytes.fromhex(text))]
    if BASE64.fullmatch(text):
        return [(f"{written_before}base64", base64.urlsafe_b64decode(_padded(text)))]
    return []


def _keys(secrets: Sequence[str]) -> list[bytes]:
    """The bytes to sign with. HMAC pads a key with zero bytes, so an empty one, or one of zeros, is anybody's key."""
    keys = []
    for secret in secrets:
        encoded = WHSEC.fullmatch(secret.strip())
        if encoded and len(encoded[1]) % 4 != 1:
            keys.append(base64.urlsafe_b64decode(_padded(encoded[1])))
        keys.append(secret.encode("utf-8", "surrogatepass"))
    return [key for key in dict.fromkeys(keys) if key.strip(b"\0 \t\r\n")]


def _padded(text: str) -> str:
    """Base64 of either alphabet, with the padding that some senders leave away."""
    bare = text.rstrip("=").replace("+", "-").replace("/", "_")
    return bare + "=" * (-len(bare) % 4)


def _plain(pattern: re.Pattern[str], text: str | None) -> str | None:
    """The text where it is exactly what the pattern says, else nothing: "1e9", "-1" and "inf" are not timestamps."""
    return text if text is not None and pattern.fullmatch(text) else None


def _seconds(digits: str) -> float:
    number = int(digits)
    return number / 1000 if number >= MILLISECONDS_FROM else float(number)
