"""What a view finds around it: settings, the vault, the clock."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, current_app, request

from config import Settings
from provider.vault import SecretVault

NAME = "callboard"


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    vault: SecretVault


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions[NAME] = Runtime(settings, SecretVault(settings.secret_key, settings.secret_key_fallbacks))


def settings() -> Settings:
    return current_app.extensions[NAME].settings


def site_address() -> str:
    """Where people reach us: PUBLIC_URL where it was set, else the way in that they found themselves. No closing slash."""
    given = settings().public_url
    return given if given and given != settings().local_url else request.host_url.rstrip("/")


def vault() -> SecretVault:
    return current_app.extensions[NAME].vault


def redis_url() -> str:
    return settings().redis_url


def now() -> datetime:
    return datetime.now(UTC)
