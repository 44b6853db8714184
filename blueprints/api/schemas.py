"""The schemas of the API's document: what is taken, what is answered, and what is complained of."""

from typing import Any

from blueprints.api.addresses import LONGEST_LINK
from blueprints.api.lists import CONTACT_STATES, MESSAGE_STATES, VERDICTS, VISIBLE_STATES
from blueprints.api.validation import MOST_TARGETS
from core.agents import MOST_VARIABLES
from core.columns import LONGEST_VARIABLE
from core.facts import AttemptStatus
from core.messages import EVENTS
from core.suppressions import LONGEST_REASON, MOST_AT_ONCE, SOURCES

Schema = dict[str, Any]
AGENT = "6f0d3b1e-1111-4222-8333-944455556666"
E164: Schema = {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$", "examples": ["+14155550101"]}
UUID: Schema = {"type": "string", "format": "uuid", "examples": [AGENT]}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "string", "format": "date-time", "examples": ["2026-11-24T09:00:00+00:00"]}
ID: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$", "examples": ["17"]}
CONTEXT: Schema = {"type": "object", "description": "Variables for the agent's script.", "examples": [{"name": "Ada"}]}
# At least one character that is no space, and no NUL.
NAME: Schema = {
    "type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$",
    "examples": ["Spring renewals"],
}  # fmt: skip
LINK: Schema = {
    "type": ["string", "null"], "maxLength": LONGEST_LINK, "examples": ["https://crm.example.com/progress"],
    "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9][0-9]{0,3})?([/?#][!-\[\]-~]*)?$",
}  # fmt: skip


def one_of(words: tuple[str, ...]) -> Schema:
    return {"type": "string", "enum": list(words)}


def or_null(schema: Schema) -> Schema:
    return {
        **schema,
        "type": [schema["type"], "null"],
        **({"enum": [*schema["enum"], None]} if "enum" in schema else {}),
    }


def answered(**properties: Schema) -> Schema:
    """An object with all of these and nothing else."""
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def page_of(name: str) -> Schema:
    cursor = or_null(TEXT) | {"description": "Send it as `cursor` for the next page; null on the last one."}
    return answered(items={"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}, next_cursor=cursor)


CREATE: Schema = {
    "type": "object",
    "required": ["agent_id", "name", "targets"],
    "properties": {
        "agent_id": UUID | {"description": "The provider's id of the agent that calls."},
        "name": NAME,
        "targets": {
            "type": "array", "minItems": 1, "maxItems": MOST_TARGETS,
            "description": "Whom to call. A number that stands here twice is called once.",
            "items": {
                "type": "object", "required": ["to_number"],
                "properties": {"to_number": E164, "from_number": or_null(E164), "context": CONTEXT},
            },
        },
        "schedule_at": or_null(MOMENT) | {"description": "When calling begins, between the years 2000 and 2200; null for at once."},
        "concurrent_calls": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
        "retry_failed": {"type": "boolean", "default": False, "description": "Whether the provider calls again."},
        "retry_attempts": {"type": "integer", "minimum": 0, "maximum": 3, "default": 0},
        "context": CONTEXT,
        "webhook_url": LINK | {"description": "An address of yours that is told how the campaign goes on."},
        "webhook_secret": {"type": ["string", "null"], "description": "Signs what your address is told (Standard Webhooks)."},
        "notify_on_call_complete": {"type": "boolean", "default": False, "description": "Tell that address of each call too."},
    },
}  # fmt: skip

AGENT_BODY: Schema = {
    "type": "object",
    "required": ["name", "variables"],
    "properties": {
        "name": NAME,
        "variables": {
            "type": "array", "maxItems": MOST_VARIABLES, "description": "The variables that the agent's script needs.",
            "items": {"type": "string", "maxLength": LONGEST_VARIABLE, "pattern": r"^[\w.-]+$", "examples": ["first_name"]},
        },
    },
}  # fmt: skip

SUPPRESSION_BODY: Schema = {
    "type": "object",
    "description": "One number, or many, or both.",
    "anyOf": [{"required": ["number"]}, {"required": ["numbers"]}],
    "properties": {
        "number": E164,
        "numbers": {"type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "items": E164},
        "reason": {"type": "string", "maxLength": LONGEST_REASON, "pattern": r"^[^\x00]*$", "default": ""},
        "expires_at": or_null(MOMENT) | {"description": "When they may be called again, which is to come; null for never."},
    },
}  # fmt: skip

CAMPAIGN: dict[str, Schema] = {
    "campaign_id": ID,
    "agent_id": UUID,
    "name": TEXT,
    "total_targets": COUNT,
    "status": one_of(VISIBLE_STATES),
    "scheduled_at": or_null(MOMENT),
    "started_at": or_null(MOMENT),
    "calls_initiated": COUNT | {"description": "Contacts with a call."},
    "calls_completed": COUNT | {"description": "Contacts who answered, or whose voicemail did."},
    "calls_failed": COUNT | {"description": "The other contacts who were called and whom nobody will call again."},
}

COMPLAINT: Schema = {
    "type": "object",
    "required": ["loc", "msg", "type"],
    "properties": {
        "loc": {
            "type": "array", "minItems": 1, "items": {"type": ["string", "integer"]},
            "examples": [["body", "targets", 3, "to_number"]],
        },
        "msg": TEXT,
        "type": {"type": "string", "examples": ["missing"]},
        "input": {"description": "The beginning of what was sent there."},
        "ctx": {"type": "object"},
    },
    "additionalProperties": False,
}  # fmt: skip

SCHEMAS: dict[str, Schema] = {
    "Create": CREATE,
    "AgentBody": AGENT_BODY,
    "Campaign": answered(**CAMPAIGN),
    "CampaignWithContacts": answered(
        **CAMPAIGN, contacts=answered(**dict.fromkeys(CONTACT_STATES, COUNT)) | {"description": "How many are in each state."}
    ),
    "Contact": answered(
        contact_id=ID, to_number=E164, from_number=or_null(E164), context=CONTEXT, state=one_of(CONTACT_STATES),
        reason=TEXT | {"description": "Why, in words, where the state alone does not say it."},
        attempts=COUNT | {"description": "How many calls were made."},
        settled_at=or_null(MOMENT), due_at=or_null(MOMENT) | {"description": "When this contact is called again."},
        last_event_at=or_null(MOMENT),
    ),
    "Delivery": answered(
        delivery_id=ID, wave={"type": "integer", "minimum": 1}, received_at=MOMENT, verdict=one_of(VERDICTS),
        event=or_null(TEXT), status=or_null(one_of(tuple(map(str, AttemptStatus)))), contact_id=or_null(ID),
        to_number=or_null(TEXT),
    ),
    "Message": answered(
        message_id=TEXT | {"description": "The webhook-id of each try."}, event=one_of(EVENTS), created_at=MOMENT,
        state=one_of(MESSAGE_STATES), tries=COUNT, next_at=or_null(MOMENT), delivered_at=or_null(MOMENT),
        http_status=or_null({"type": "integer"}), words=TEXT | {"description": "What became of the last try."},
    ),
    "Agent": answered(agent_id=UUID, name=TEXT, variables={"type": "array", "items": TEXT}),
    "SuppressionBody": SUPPRESSION_BODY,
    "Suppression": answered(
        number=E164, reason=TEXT, source=one_of(SOURCES) | {"description": "A person, a file, a program, or a call."},
        created_at=MOMENT, created_by=TEXT, expires_at=or_null(MOMENT),
    ),
    "Suppressed": answered(
        added=COUNT | {"description": "How many could be called until now."},
        known=COUNT | {"description": "How many were on the list already."},
        items={"type": "array", "items": {"$ref": "#/components/schemas/Suppression"}},
    ),
    "Campaigns": page_of("Campaign"),
    "Contacts": page_of("Contact"),
    "Deliveries": page_of("Delivery"),
    "Messages": page_of("Message"),
    "Agents": page_of("Agent"),
    "Suppressions": page_of("Suppression"),
    "Problem": answered(detail=TEXT | {"description": "What was refused and why, in a sentence."}),
    "Complaints": answered(detail={"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Complaint"}}),
    "Complaint": COMPLAINT,
}  # fmt: skip
