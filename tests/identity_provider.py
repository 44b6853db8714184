"""An identity provider on loopback: strict with its clients, and able to lie to them."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "callboard", "a secret of the client"
ADA = {"sub": "248289761001", "email": "ada@example.com", "email_verified": True, "name": "Ada Byron"}
KEYS = [RSAKey.generate_key(2048, {"kid": name}) for name in ("ours", "ours")]


class LocalIdentityProvider:
    """`claims` are of whoever signs in next, `lies` replace claims of the ID token (None leaves one out), `published` replaces
    what it says about itself, and `key` signs. Each code is good once, for the client, address and verifier it was made for."""

    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        self.claims: dict[str, Any] = dict(ADA)
        self.lies: dict[str, Any] = {}
        self.published: dict[str, Any] = {}
        self.in_userinfo: dict[str, Any] = {}
        self.key = KEYS[0]
        self.refusal: str | None = None
        self.token_answer: Any = None
        self.codes: dict[str, dict[str, str]] = {}

    def app(self) -> Flask:
        app = Flask("identity provider")
        app.add_url_rule("/.well-known/openid-configuration", view_func=self.configuration)
        app.add_url_rule("/authorize", view_func=self.authorize)
        app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        app.add_url_rule("/keys", view_func=self.keys)
        app.add_url_rule("/userinfo", view_func=self.userinfo)
        return app

    def configuration(self) -> Response:
        said = {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys", "userinfo_endpoint": f"{self.url}/userinfo", "scope": "admin",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }  # fmt: skip
        return jsonify(said | self.published)

    def authorize(self) -> Response:
        asked, code = request.args.to_dict(), secrets.token_urlsafe(16)
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        self.codes[code] = asked
        answer = f"error={self.refusal}" if self.refusal else f"code={code}"
        return redirect(f"{asked['redirect_uri']}?{answer}&state={asked['state']}")  # type: ignore[return-value]

    def token(self) -> tuple[Response, int]:
        given = request.form
        asked = self.codes.pop(given.get("code", ""), None)
        who = request.authorization
        if who is None or (who.username, who.password) != (CLIENT_ID, CLIENT_SECRET):
            return jsonify(error="invalid_client"), 401
        hashed = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(hashed).rstrip(b"=").decode()
        if asked is None or (challenge, given["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return jsonify(error="invalid_grant"), 400
        if self.token_answer is not None:
            return jsonify(self.token_answer), 200
        return jsonify(access_token="access", token_type="Bearer", id_token=self.id_token(asked["nonce"])), 200

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": nonce}
        claims = usual | self.claims | self.lies
        told = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "ours"}, told, self.key)

    def keys(self) -> Response:
        return jsonify(keys=[KEYS[0].as_dict(private=False)])

    def userinfo(self) -> tuple[Response, int]:
        return jsonify(self.in_userinfo), 200 if request.headers.get("Authorization") == "Bearer access" else 401


@contextmanager
def local_identity_provider() -> Iterator[LocalIdentityProvider]:
    provider = LocalIdentityProvider()
    server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield provider
    server.shutdown()
    server.server_close()
