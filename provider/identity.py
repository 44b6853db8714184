"""The identity provider: where it lets people sign in, and what it says of whoever comes back (OpenID Connect).

Authorization code with PKCE, state and nonce. What it publishes about itself is read when somebody first wants to sign in,
so that a provider that is away stops nobody else.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from config import IdentityProvider, is_safe_address
from core.identity import Identity
from provider.wire import Silence, Timeouts, Wire

log = logging.getLogger(__name__)

FRESH_SECONDS = 3600.0
PATIENCE = Timeouts(connect=3.0, read=5.0, total=8.0)
# What we use of what it publishes: Authlib hands the whole of it to its session, in which other names mean other things.
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
AUTH_METHODS = "token_endpoint_auth_methods_supported"
ALGORITHMS = "id_token_signing_alg_values_supported"
# Neither "none" nor those in which the public key, or a secret that others know, would be enough to sign.
SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


class IdentityProviderAway(Exception):
    """It does not answer, or not with anything that one could begin with."""


class NotVerified(Exception):
    """It, or whoever came back in its name, said something that does not hold."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where to send the browser, and what must fit when it comes back."""

    url: str
    state: str
    nonce: str
    code_verifier: str


class IdentityClient:
    """Our side of the conversation. One for each process: it keeps what the provider published for an hour."""

    def __init__(self, provider: IdentityProvider, allow_plain: bool) -> None:
        carrier = _Carrier(allow_plain)
        self._app = _App(provider, allow_plain, {"carrier": carrier, "code_challenge_method": "S256"})

    def begin(self, redirect_uri: str) -> Begun:
        """Raises IdentityProviderAway."""
        try:
            begun = self._app.create_authorization_url(redirect_uri, scope="openid email profile")
            return Begun(begun["url"], begun["state"], begun["nonce"], begun["code_verifier"])
        except Exception as error:  # whatever a stranger's document can make three libraries say
            raise IdentityProviderAway(_reason(error)) from error

    def finish(self, code: str, redirect_uri: str, nonce: str, code_verifier: str) -> Identity:
        """Who came back with this code. Raises NotVerified, whatever is wrong with the answers."""
        try:
            return self._app.identity(code, redirect_uri, nonce, code_verifier)
        except Exception as error:  # as above
            raise NotVerified(_reason(error)) from error


class _Carrier(BaseAdapter):
    """Carries Authlib's requests over our own wire: bounded in size and in time as a whole, and never redirected.

    The operator names the provider, so it may well stand in a private network.
    """

    def __init__(self, allow_plain: bool) -> None:
        super().__init__()
        self._allow_plain = allow_plain
        self._wire = Wire(PATIENCE, allow_private=True)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        url = request.url or ""
        if not is_safe_address(url, self._allow_plain):
            raise requests.exceptions.InvalidURL("not an https address")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        said = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        outcome = self._wire.exchange(request.method or "GET", url, headers=said, body=body)
        if isinstance(outcome, Silence) or not outcome.whole:
            raise requests.ConnectionError("no whole answer came")
        if 300 <= outcome.status < 400:
            raise requests.TooManyRedirects("it redirects, which it must not")
        response = requests.Response()
        response.status_code, response._content = outcome.status, outcome.body
        response.headers = CaseInsensitiveDict(outcome.headers)
        response.url, response.request = url, request
        return response

    def close(self) -> None:
        """Each exchange closes what it opened."""


class _Session(OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """Everything goes through the carrier; nothing is taken from the environment, such as a proxy or a .netrc."""

    def __init__(self, *args: Any, carrier: _Carrier, **options: Any) -> None:
        super().__init__(*args, **options)
        self.trust_env = False
        self.mount("https://", carrier)
        self.mount("http://", carrier)


class _App(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client of one provider, without its ties to a web framework."""

    client_cls = _Session

    def __init__(self, provider: IdentityProvider, allow_plain: bool, session: Mapping[str, object]) -> None:
        super().__init__(
            None, "oidc", client_id=provider.client_id, client_secret=provider.client_secret, client_kwargs=session
        )
        self.issuer = provider.issuer
        self.allow_plain = allow_plain
        self.stale_at = 0.0

    def load_server_metadata(self) -> dict[str, Any]:
        if time.monotonic() >= self.stale_at:
            with self._get_session() as session:
                answer = session.get(f"{self.issuer}/.well-known/openid-configuration", withhold_token=True)
                answer.raise_for_status()
            self.server_metadata = self._checked(answer.json())
            self.stale_at = time.monotonic() + FRESH_SECONDS
        found: dict[str, Any] = self.server_metadata
        return found

    def _checked(self, said: dict[str, Any]) -> dict[str, Any]:
        """Only what we use. ValueError where it speaks for another issuer, or would have us speak in the open."""
        if str(said["issuer"]).rstrip("/") != self.issuer:
            raise ValueError(f"it says that its issuer is {said['issuer']!r}")
        kept = {name: str(said[name]) for name in ENDPOINTS if said.get(name)}
        for name in ENDPOINTS[:3]:
            if not is_safe_address(kept[name], self.allow_plain):
                raise ValueError(f"its {name} is not an https address")
        kept["issuer"] = said["issuer"]
        algorithms = [name for name in said.get(ALGORITHMS, SIGNED[:1]) if name in SIGNED]
        basic = "client_secret_basic" in said.get(AUTH_METHODS, ["client_secret_basic"])
        method = "none" if not self.client_secret else "client_secret_basic" if basic else "client_secret_post"
        return kept | {ALGORITHMS: algorithms, "token_endpoint_auth_method": method}

    def identity(self, code: str, redirect_uri: str, nonce: str, code_verifier: str) -> Identity:
        token = self.fetch_access_token(redirect_uri, code=code, code_verifier=code_verifier)
        wanted = {"iss": {"essential": True, "value": self.load_server_metadata()["issuer"]},
                  "aud": {"essential": True, "value": self.client_id}}  # fmt: skip
        claims = self.parse_id_token(token, nonce, claims_options=wanted)
        if claims is None:
            raise ValueError("there is no ID token in its answer")
        said = dict(claims)
        if "email" not in said and "userinfo_endpoint" in self.server_metadata:
            more = self.userinfo(token=token)
            if more.get("sub") != said["sub"]:
                raise ValueError("its user information is about somebody else")
            said = dict(more) | said
        return Identity(
            issuer=self.issuer, subject=_text(said["sub"]), email=_text(said.get("email")), name=_text(said.get("name")),
            # Where people choose their own address, one that nobody verified would open somebody else's account.
            email_is_verified=said.get("email_verified") in (True, "true"),
        )  # fmt: skip


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _reason(error: Exception) -> str:
    """For the log: what kind of error, and at most a line of its words, which hold no secret of ours."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
