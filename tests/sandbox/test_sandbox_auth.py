"""The sandbox lets in who has its token, or a token it handed out."""

from typing import Any

import pytest

from tests.sandbox_process import SandboxProcess, wait_until


def log_in(sandbox: SandboxProcess) -> Any:
    response = sandbox.post("/auth/token", {"username": "sandbox", "password": "sandbox"}, headers={})
    assert response.status_code == 200
    return response.json()


def bearer(token: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", "Basic sandbox-token", "sandbox-token"])
def test_without_a_good_token_it_is_401(sandbox: SandboxProcess, value: str) -> None:
    for path in ("/campaigns", "/agents", "/calls/x"):
        response = sandbox.get(path, headers={"Authorization": value})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_user_name_and_password_give_tokens_for_a_day(sandbox: SandboxProcess) -> None:
    tokens = log_in(sandbox)
    assert tokens["expires_in"] == 24 * 3600
    assert tokens["token_type"] == "bearer"
    assert sandbox.get("/agents", **bearer(tokens["access_token"])).status_code == 200
    assert sandbox.get("/agents", **bearer(tokens["refresh_token"])).status_code == 401


def test_a_wrong_password_is_401_and_a_missing_one_422(sandbox: SandboxProcess) -> None:
    assert sandbox.post("/auth/token", {"username": "sandbox", "password": "x"}, headers={}).status_code == 401
    response = sandbox.post("/auth/token", {"username": "sandbox"}, headers={})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "password"]


def test_a_refresh_token_is_good_for_one_use(sandbox: SandboxProcess) -> None:
    first = log_in(sandbox)
    second = sandbox.post("/auth/refresh", {"refresh_token": first["refresh_token"]}, headers={}).json()
    assert sandbox.get("/agents", **bearer(second["access_token"])).status_code == 200
    assert sandbox.post("/auth/refresh", {"refresh_token": first["refresh_token"]}, headers={}).status_code == 401
    assert sandbox.post("/auth/refresh", {"refresh_token": second["refresh_token"]}, headers={}).status_code == 200


def test_an_access_token_ends_with_its_lifetime(sandbox: SandboxProcess) -> None:
    sandbox.post_admin("settings", {"access_seconds": 0.2})
    token = log_in(sandbox)["access_token"]
    wait_until(lambda: sandbox.get("/agents", **bearer(token)).status_code == 401)


def test_a_revoked_key_is_refused_until_a_new_one_is_set(sandbox: SandboxProcess) -> None:
    issued = log_in(sandbox)["access_token"]
    sandbox.post_admin("keys", {"revoke": "all"})
    assert sandbox.get("/agents").status_code == 401
    assert sandbox.get("/agents", **bearer(issued)).status_code == 401
    sandbox.post_admin("keys", {"token": "new-key"})
    assert sandbox.get("/agents", **bearer("new-key")).status_code == 200


def test_one_issued_token_can_be_revoked_alone(sandbox: SandboxProcess) -> None:
    first, second = log_in(sandbox)["access_token"], log_in(sandbox)["access_token"]
    sandbox.post_admin("keys", {"revoke": first})
    assert sandbox.get("/agents", **bearer(first)).status_code == 401
    assert sandbox.get("/agents", **bearer(second)).status_code == 200
    assert sandbox.get("/agents").status_code == 200
