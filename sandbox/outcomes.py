"""How a call goes, decided by a seed: its outcome, how long it rings, how long they talk."""

import random
from dataclasses import dataclass

MIX = {"answered": 45, "voicemail": 20, "no_answer": 20, "busy": 6, "declined": 5, "failed": 4}
CERTAIN = {
    "0101": "answered",
    "0102": "voicemail",
    "0103": "no_answer",
    "0104": "busy",
    "0105": "declined",
    "0106": "failed",
    "0107": "second_time",
    "0108": "silence",
    "0109": "do_not_call",
}
REACHED = frozenset({"answered", "voicemail", "do_not_call"})
DIALLED_AGAIN = frozenset({"no_answer", "busy", "failed"})

# What the provider's `disposition` says. An answered call is "completed": "answered" is a word for a call in progress.
DISPOSITIONS = {outcome: outcome for outcome in (*MIX, "do_not_call")} | {"answered": "completed"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One call, in seconds: `dial` until it rings, `ring` until it is answered or over, `talk` until the end."""

    outcome: str
    dial: float
    ring: float
    talk: int


def certain_outcome(to_number: str) -> str | None:
    return CERTAIN.get(to_number[-4:])


def plan_call(seed: int, campaign_seq: int, position: int, attempt: int, wanted: str | None) -> Plan:
    """The same arguments give the same call. `wanted` overrides the mix, not the timing."""
    chance = random.Random(f"{seed}:{campaign_seq}:{position}:{attempt}")
    drawn = chance.choices(list(MIX), weights=list(MIX.values()))[0]
    outcome = wanted or drawn
    dial = chance.uniform(0.5, 2.0)
    ring = {
        "answered": chance.uniform(3, 14),
        "do_not_call": chance.uniform(3, 14),
        "voicemail": chance.uniform(18, 26),
        "no_answer": chance.uniform(25, 32),
        "busy": chance.uniform(1, 3),
        "declined": chance.uniform(4, 10),
        "failed": chance.uniform(0.5, 2),
        "silence": chance.uniform(20, 40),
    }[outcome]
    talk = {
        "answered": min(600, round(chance.lognormvariate(4.4, 0.6)) + 8), "voicemail": chance.randint(14, 34),
        "do_not_call": chance.randint(8, 20),
    }  # fmt: skip
    return Plan(outcome, dial, ring, talk.get(outcome, 0))
