"""What the sandbox may be told to do wrong, for how many times, for which campaigns.

A rule comes from `POST /admin/misbehave` or from a request's own `context["sandbox"]`, for example
`{"sandbox": {"refuse": {"targets": [0, 3], "times": 1}, "duplicate_webhooks": true, "signature_form": "stripe"}}`.
`campaign` is the name of the one campaign that it is for, whose waves add " · 2/9" to it. `times` limits how often a rule applies,
`chance` (0 to 1, seeded) how likely; both may be left out. `retry_after` is put into the header as it is: seconds or an HTTP date.
"""

import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.records import Note
from sandbox.signing import FORMS
from sandbox.store import Store

# Kind → the options it understands beside `times`, `chance`, `on` and `campaign_name_contains`.
KINDS: dict[str, tuple[str, ...]] = {
    # Instead of accepting a campaign; those with `on` "reads" or "all" also instead of answering a GET.
    "refuse": ("targets", "numbers", "field", "message", "status"),
    "unauthorized": (),
    "throttle": ("retry_after",),
    "unavailable_503": ("retry_after",),
    "error_500_before": (),
    "redirect": ("url",),
    "slow": ("seconds",),
    # After accepting a campaign.
    "error_500_after_accept": (),
    "silence_after_accept": ("seconds",),
    "drip": ("interval",),
    "accept_without_id": ("body",),
    "close_after_accept": (),
    "webhook_before_answer": (),
    # With webhooks.
    "no_webhooks": (),
    "duplicate_webhooks": ("copies",),
    "shuffle_webhooks": ("seconds",),
    "late_webhooks": ("seconds",),
    "burst": (),
    "wrong_signature": (),
    "signature_form": ("form",),
    "poison": ("body",),
    "unknown_words": (),
    "conflicting": ("seconds",),
    # With routes.
    "no_get_campaign": (),
    "no_list_campaigns": (),
}
BEFORE_ACCEPTING = ("slow", "unauthorized", "throttle", "unavailable_503", "error_500_before", "redirect", "refuse")
ON_READS = ("slow", "unauthorized", "throttle", "unavailable_503", "error_500_before")
AFTER_ACCEPTING = (
    "error_500_after_accept",
    "silence_after_accept",
    "drip",
    "accept_without_id",
    "close_after_accept",
)
COMMON = ("times", "chance", "on", "campaign", "campaign_name_contains")
ABOUT = {
    "refuse": "422, naming targets or a field",
    "unauthorized": "401",
    "throttle": "429",
    "unavailable_503": "503",
    "error_500_before": "500, and nothing was accepted",
    "redirect": "307 to another address",
    "slow": "answers late",
    "error_500_after_accept": "500, although it accepted",
    "silence_after_accept": "accepts and says nothing",
    "drip": "accepts and answers a byte at a time",
    "accept_without_id": "accepts and does not say under which id",
    "close_after_accept": "accepts and hangs up",
    "webhook_before_answer": "reports before it answers",
    "no_webhooks": "reports nothing",
    "duplicate_webhooks": "reports everything several times",
    "shuffle_webhooks": "reports in any order",
    "late_webhooks": "reports late",
    "burst": "reports everything at the end",
    "wrong_signature": "signs wrongly",
    "signature_form": "signs in another form",
    "poison": "sends what cannot be read, signed",
    "unknown_words": "ends calls with a word nobody knows",
    "conflicting": "contradicts itself",
    "no_get_campaign": "404 for one campaign",
    "no_list_campaigns": "404 for the list of campaigns",
}
NUMBERS = ("times", "seconds", "interval", "copies", "status")
NOTE = "misbehaviour"
LONGEST_NAME = 255


@dataclass(slots=True)
class Rule:
    id: int
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    used: int = 0

    def concerns(self, name: str | None) -> bool:
        one = self.options.get("campaign")
        if one is not None and (name is None or not is_of(name, one)):
            return False
        part = self.options.get("campaign_name_contains")
        return part is None or (name is not None and part in name)


def base_name(name: str) -> str:
    """A campaign's name without the number of its wave: "spring · 2/9" is "spring"."""
    return re.sub(r" · \d+/\d+\Z", "", name)


def is_of(name: str, campaign: str) -> bool:
    """Is it the name of this campaign, or of a wave of it? A long one is cut so that the wave's number fits."""
    base = base_name(name)
    was_cut = base != name and len(name) == LONGEST_NAME
    return campaign in (name, base) or (was_cut and campaign.startswith(base))


def check_rule(kind: str, options: dict[str, Any]) -> None:
    """ValueError says what does not fit."""
    if kind not in KINDS:
        raise ValueError(f"there is no misbehaviour {kind!r}; there are {', '.join(KINDS)}")
    if strange := set(options) - {*KINDS[kind], *COMMON}:
        raise ValueError(f"{kind} does not understand {', '.join(sorted(strange))}")
    for name in NUMBERS:
        value = options.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name} must be a number of at least 0")
    chance = options.get("chance", 1)
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance <= 1:
        raise ValueError("chance must be a number between 0 and 1")
    if options.get("on", "create") not in ("create", "reads", "all"):
        raise ValueError("on must be create, reads or all")
    if kind == "signature_form" and options.get("form") not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}")
    if not isinstance(options.get("campaign", ""), str):
        raise ValueError("campaign must be a name")
    if kind == "redirect" and not isinstance(options.get("url"), str):
        raise ValueError("redirect needs a url")


def own_options(own: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """The options of a rule in a request's context, also in its short spelling: `true`, or the one option's value."""
    value = own.get(kind)
    if value is None or value is False:
        return None
    if isinstance(value, dict):
        return value
    return {KINDS[kind][0]: value} if value is not True and KINDS[kind] else {}


def check_own_rules(own: Any) -> None:
    if not isinstance(own, dict):
        raise ValueError("context.sandbox must be an object of misbehaviours")
    for kind in own:
        if kind not in KINDS:
            raise ValueError(f"there is no misbehaviour {kind!r}; there are {', '.join(KINDS)}")
        check_rule(kind, own_options(own, kind) or ({"url": ""} if kind == "redirect" else {}))


class Misbehaviour:
    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.rules: list[Rule] = []
        self.own_uses: dict[str, int] = {}
        note = store.first(Note, "WHERE name = ?", NOTE)
        if note:
            self.rules = [Rule(**rule) for rule in note.value["rules"]]
            self.own_uses = note.value["own_uses"]

    def forget(self) -> None:
        self.rules = []
        self.own_uses = {}

    def add(self, kind: str, options: dict[str, Any]) -> Rule:
        check_rule(kind, options)
        rule = Rule(max((rule.id for rule in self.rules), default=0) + 1, kind, options)
        self.rules.append(rule)
        self._save()
        return rule

    def remove(self, rule_id: int | None = None, kind: str | None = None) -> int:
        """Take away one rule, those of a kind, or all; how many there were."""
        kept = [rule for rule in self.rules if (rule_id or rule.id) != rule.id or (kind or rule.kind) != rule.kind]
        gone = len(self.rules) - len(kept)
        self.rules = kept
        self._save()
        return gone

    def take(
        self, kind: str, name: str | None = None, own: dict[str, Any] | None = None, reads: bool = False
    ) -> dict[str, Any] | None:
        """The options of the first rule that applies now, and count that it did; None where all is well.

        `name` is the campaign's, `own` its context's rules. Waves of one campaign ("spring · 2/9") share one count.
        """
        options = own_options(own, kind) if own else None
        if options is not None and not reads:
            key = f"{kind} {base_name(name or '')}"
            if self._lucky(options, self.own_uses.get(key, 0)):
                if "times" in options:
                    self.own_uses[key] = self.own_uses.get(key, 0) + 1
                    self._save()
                return options
        for rule in self.rules:
            wanted = ("reads", "all") if reads else ("create", "all")
            if (
                rule.kind == kind
                and rule.options.get("on", "create") in wanted
                and rule.concerns(name)
                and self._lucky(rule.options, rule.used)
            ):
                rule.used += 1
                self._save()
                return rule.options
        return None

    def _lucky(self, options: dict[str, Any], used: int) -> bool:
        if used >= options.get("times", used + 1):
            return False
        return "chance" not in options or self.random.random() < options["chance"]

    def _save(self) -> None:
        self.store.save(Note(NOTE, {"rules": [asdict(rule) for rule in self.rules], "own_uses": self.own_uses}))
