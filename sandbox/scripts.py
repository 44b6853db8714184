"""What was said: summaries, transcripts and moods, made up from the call's id, so they need not be kept."""

import random
from dataclasses import dataclass
from typing import Any

NAMES = ("name", "first_name", "firstname", "customer_name", "full_name")
OPENINGS = (
    "Hello, this is Alva, the virtual assistant. Am I speaking with {name}?",
    "Good day, {name}? This is Alva, an automated assistant. Do you have a minute?",
    "Hi {name}, this is Alva, a virtual assistant calling about your appointment.",
)
TALKS = (
    (
        "{name} confirmed the appointment and asked for a reminder by text.",
        0.7,
        (
            ("user", "Yes, speaking."),
            ("agent", "I am calling to confirm your appointment on Thursday at ten. Does that still suit you?"),
            ("user", "Yes, that works. Could you send me a text the day before?"),
            ("agent", "Of course, a reminder will come on Wednesday. Thank you, and goodbye."),
        ),
    ),
    (
        "{name} would like another day and asked to be called back next week.",
        0.1,
        (
            ("user", "Yes, but I am at work just now."),
            ("agent", "I understand. Would another time be better for you?"),
            ("user", "Next week, in the afternoon please."),
            ("agent", "I have noted next week, in the afternoon. Have a good day."),
        ),
    ),
    (
        "{name} had a question about the invoice; a colleague should call back.",
        -0.2,
        (
            ("user", "Good that you call. The invoice I got is not right."),
            ("agent", "I am sorry to hear that. What is wrong with it?"),
            ("user", "It has the same item twice."),
            ("agent", "Thank you, I have passed that on. A colleague will call you back today."),
        ),
    ),
    (
        "{name} is not interested.",
        -0.6,
        (
            ("user", "Who is this? I am not interested."),
            ("agent", "I am sorry for the disturbance. Goodbye."),
        ),
    ),
)
ASKED_OFF = (
    "{name} asked not to be called again.",
    -0.6,
    (
        ("user", "Who is this? Do not call me again."),
        ("agent", "I am sorry for the disturbance. You will not be called again. Goodbye."),
    ),
)
UNANSWERED = {
    "no_answer": "Nobody answered.",
    "busy": "The line was busy.",
    "declined": "The call was declined.",
    "failed": "The call could not be connected.",
}


@dataclass(frozen=True, slots=True)
class Script:
    summary: str
    transcript: list[dict[str, str]] | None
    sentiment_score: float | None


def write_script(call_id: str, outcome: str, context: dict[str, Any]) -> Script:
    if outcome in UNANSWERED:
        return Script(UNANSWERED[outcome], None, None)
    name = next((str(context[key]) for key in NAMES if context.get(key)), "the customer")
    chance = random.Random(call_id)
    if outcome == "voicemail":
        left = f"Hello {name}, this is Alva, a virtual assistant. Please call us back when it suits you. Goodbye."
        return Script("Reached the voicemail and left a message.", [{"role": "agent", "content": left}], None)
    summary, mood, lines = ASKED_OFF if outcome == "do_not_call" else chance.choice(TALKS)
    opening = chance.choice(OPENINGS).format(name=name)
    transcript = [{"role": "agent", "content": opening}] + [{"role": who, "content": what} for who, what in lines]
    return Script(summary.replace("{name}", name), transcript, round(mood + chance.uniform(-0.2, 0.2), 2))
