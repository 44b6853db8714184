"""What an operator may change while the sandbox runs; kept over its restart."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sandbox.records import Note
from sandbox.signing import DEFAULT_FORM, FORMS
from sandbox.store import Store

NOTE = "settings"


@dataclass(slots=True)
class Settings:
    """`speed` 20 plays a minute of a call in three seconds; 0 is instant. Lifetimes and delays are in seconds."""

    speed: float = 20.0
    seed: int = 1
    form: str = DEFAULT_FORM
    echo_context: bool = True
    only_final_events: bool = False
    clock_offset: float = 0.0
    webhook_timeout: float = 5.0
    retry_delays: list[float] = field(default_factory=lambda: [1.0, 5.0, 30.0])
    scale_retries: bool = True
    username: str = "sandbox"
    password: str = "sandbox"  # noqa: S105 - it guards nothing: no real calls are placed
    static_token: str | None = "sandbox-token"  # noqa: S105
    access_seconds: float = 24 * 3600.0
    refresh_seconds: float = 30 * 24 * 3600.0
    monthly_call_limit: int = 1_000_000

    def retry_delay(self, failures: int) -> float | None:
        """How long to wait after so many failed attempts; None when it is time to give up."""
        if failures > len(self.retry_delays):
            return None
        delay = self.retry_delays[failures - 1]
        if not self.scale_retries:
            return delay
        # Instant calls still deserve a receiver that may be away for a moment: like a speed of 20.
        return max(0.05, delay / max(self.speed or 20.0, 1.0))


CHECKS = {
    "speed": lambda value: value >= 0,
    "form": lambda value: value in FORMS,
    "webhook_timeout": lambda value: value > 0,
    "retry_delays": lambda value: all(_is_number(delay) and delay >= 0 for delay in value),
    "access_seconds": lambda value: value > 0,
    "refresh_seconds": lambda value: value > 0,
    "monthly_call_limit": lambda value: value >= 0,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, float):
        return _is_number(value)
    if default is None:
        return True
    return isinstance(value, type(default)) and not isinstance(value, bool)


def change_settings(settings: Settings, changes: dict[str, Any]) -> None:
    """Apply all changes or none; ValueError names the one that does not fit."""
    defaults = asdict(Settings())
    for name, value in changes.items():
        if name not in defaults:
            raise ValueError(f"there is no setting {name!r}; there are {', '.join(defaults)}")
        if name == "speed" and value == "instant":
            continue
        nullable = name == "static_token" and value is None
        if not nullable and not (_fits(value, defaults[name]) and CHECKS.get(name, lambda _: True)(value)):
            raise ValueError(f"{value!r} does not fit the setting {name!r}")
    for name, value in changes.items():
        setattr(settings, name, 0.0 if value == "instant" and name == "speed" else value)


def load_settings(store: Store) -> Settings:
    note = store.first(Note, "WHERE name = ?", NOTE)
    settings = Settings()
    known = {setting.name for setting in fields(Settings)}
    if note:
        change_settings(settings, {name: value for name, value in note.value.items() if name in known})
    return settings


def save_settings(store: Store, settings: Settings) -> None:
    store.save(Note(NOTE, asdict(settings)))
