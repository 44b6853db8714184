"""Checks what comes in as strictly as the provider's reference says, and complains in its documented shape."""

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox import moments
from sandbox.misbehaviour import check_own_rules

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ABSENT = object()


class Invalid(Exception):
    """One or more complaints: the `detail` of a 422."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass
class Complaints:
    detail: list[dict[str, Any]] = field(default_factory=list)

    def add(self, loc: tuple[str | int, ...], kind: str, message: str, value: Any, **context: Any) -> None:
        complaint = {"type": kind, "loc": list(loc), "msg": message, "input": value}
        self.detail.append(complaint | ({"ctx": context} if context else {}))

    def stop_if_any(self) -> None:
        if self.detail:
            raise Invalid(self.detail)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_json(raw: bytes) -> Any:
    """The parsed body. No NaN, no lone surrogates, nothing too deep: such bodies are no JSON here."""
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        complaints = Complaints()
        complaints.add(("body", getattr(error, "pos", 0)), "json_invalid", "JSON decode error", {}, error=str(error))
        raise Invalid(complaints.detail) from None
    return value


class Fields:
    """Reads the fields of one object, collecting what is wrong with them."""

    def __init__(self, values: dict[str, Any], loc: tuple[str | int, ...], complaints: Complaints) -> None:
        self.values = values
        self.loc = loc
        self.complaints = complaints

    def complain(self, name: str, kind: str, message: str, **context: Any) -> None:
        self.complaints.add((*self.loc, name), kind, message, self.values[name], **context)

    def get(self, name: str, default: Any = ABSENT) -> Any:
        """The value, or the default; a missing field without default is one complaint."""
        if name in self.values:
            return self.values[name]
        if default is ABSENT:
            self.complaints.add((*self.loc, name), "missing", "Field required", self.values)
        return default

    def text(self, name: str, default: Any = ABSENT, least: int = 0, most: int | None = None) -> Any:
        value = self.get(name, default)
        if value is default:
            return value
        if not isinstance(value, str):
            self.complain(name, "string_type", "Input should be a valid string")
        elif len(value) < least:
            message = f"String should have at least {least} character{'s' if least > 1 else ''}"
            self.complain(name, "string_too_short", message, min_length=least)
        elif most is not None and len(value) > most:
            message = f"String should have at most {most} characters"
            self.complain(name, "string_too_long", message, max_length=most)
        else:
            return value
        return None

    def uuid(self, name: str) -> Any:
        value = self.text(name)
        if isinstance(value, str):
            try:
                return str(uuid.UUID(value))
            except ValueError as error:
                self.complain(name, "uuid_parsing", f"Input should be a valid UUID, {error}", error=str(error))
        return None

    def number(self, name: str, default: Any, least: int, most: int) -> Any:
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.complain(name, "int_type", "Input should be a valid integer")
        elif value < least:
            message = f"Input should be greater than or equal to {least}"
            self.complain(name, "greater_than_equal", message, ge=least)
        elif value > most:
            self.complain(name, "less_than_equal", f"Input should be less than or equal to {most}", le=most)
        else:
            return value
        return default

    def flag(self, name: str) -> bool:
        value = self.get(name, False)
        if not isinstance(value, bool):
            self.complain(name, "bool_type", "Input should be a valid boolean")
            return False
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self.get(name, None)
        if value is None and name not in self.values:
            return {}
        if not isinstance(value, dict):
            self.complain(name, "dict_type", "Input should be a valid dictionary")
            return {}
        return value

    def phone(self, name: str, default: Any = ABSENT) -> Any:
        value = self.text(name, default)
        if isinstance(value, str) and not E164.fullmatch(value):
            self.complain(name, "string_pattern_mismatch", "Phone number should be in E.164 form", pattern=E164.pattern)
        return value

    def moment(self, name: str) -> float | None:
        value = self.text(name, None)
        if isinstance(value, str):
            try:
                return moments.parse(value)
            except (ValueError, OverflowError) as error:
                message = "Input should be a valid datetime with a time zone"
                self.complain(name, "datetime_parsing", message, error=str(error))
        return None

    def link(self, name: str) -> Any:
        value = self.text(name, None)
        if isinstance(value, str):
            try:
                parts = urlsplit(value)
                fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
            except ValueError:
                fine = False
            if not fine or not value.isascii() or any(letter <= " " for letter in value):
                self.complain(name, "url_parsing", "Input should be a valid http or https URL")
        return value


@dataclass(frozen=True)
class Target:
    to_number: str
    from_number: str | None
    context: dict[str, Any]


@dataclass(frozen=True)
class CampaignRequest:
    agent_id: str
    name: str
    targets: list[Target]
    schedule_at: float | None
    concurrent_calls: int
    retry_failed: bool
    retry_attempts: int
    context: dict[str, Any]
    webhook_url: str | None
    webhook_secret: str | None
    notify_on_call_complete: bool


def check_campaign(body: Any) -> CampaignRequest:
    """The request of `POST /campaigns`, or Invalid with every complaint at once."""
    complaints = Complaints()
    if not isinstance(body, dict):
        complaints.add(("body",), "model_attributes_type", "Input should be a valid dictionary", body)
        raise Invalid(complaints.detail)
    fields = Fields(body, ("body",), complaints)
    request = CampaignRequest(
        agent_id=fields.uuid("agent_id"),
        name=fields.text("name", least=1, most=255),
        targets=_check_targets(fields),
        schedule_at=fields.moment("schedule_at"),
        concurrent_calls=fields.number("concurrent_calls", 1, 1, 10),
        retry_failed=fields.flag("retry_failed"),
        retry_attempts=fields.number("retry_attempts", 0, 0, 3),
        context=fields.object("context"),
        webhook_url=fields.link("webhook_url"),
        webhook_secret=fields.text("webhook_secret", None),
        notify_on_call_complete=fields.flag("notify_on_call_complete"),
    )
    if "sandbox" in request.context:
        try:
            check_own_rules(request.context["sandbox"])
        except ValueError as error:
            complaints.add(("body", "context", "sandbox"), "value_error", str(error), request.context["sandbox"])
    complaints.stop_if_any()
    return request


def _check_targets(fields: Fields) -> list[Target]:
    given = fields.get("targets")
    if given is ABSENT:
        return []
    if not isinstance(given, list):
        fields.complain("targets", "list_type", "Input should be a valid list")
        return []
    if not given:
        message = "List should have at least 1 item after validation, not 0"
        fields.complain("targets", "too_short", message, min_length=1, actual_length=0)
    if len(given) > 1000:
        message = f"List should have at most 1000 items after validation, not {len(given)}"
        context = {"max_length": 1000, "actual_length": len(given)}
        # The list itself stays out of the answer: it may be of any length.
        fields.complaints.add(("body", "targets"), "too_long", message, None, **context)
        return []
    return [_check_target(target, index, fields.complaints) for index, target in enumerate(given)]


def _check_target(given: Any, index: int, complaints: Complaints) -> Target:
    loc = ("body", "targets", index)
    if not isinstance(given, dict):
        complaints.add(loc, "model_attributes_type", "Input should be a valid dictionary", given)
        return Target("", None, {})
    fields = Fields(given, loc, complaints)
    return Target(fields.phone("to_number"), fields.phone("from_number", None), fields.object("context"))
