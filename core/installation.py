"""What an admin decides for the whole installation: a few typed values in the table `setting`, each with its words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import Invalid
from core.models import Setting
from core.schedule import zone_names

T = TypeVar("T")
MOST_PEOPLE = 1_000_000
MOST_LINES = 1000
YES_NO = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One thing that can be decided. `read` makes its value of a text; Invalid says, in words, why it cannot; `write` the text.

    `options` are the texts to choose from, each with its words; where there are none, it is typed.
    """

    name: str
    label: str
    hint: str
    default: T
    read: Callable[[str], T]
    write: Callable[[T], str]
    options: tuple[tuple[str, str], ...] = ()


def people_or_none(text: str) -> int | None:
    """A number of people as it was typed, thousands separators and all; nothing for none."""
    digits = text.strip().replace(",", "").replace("\u202f", "").replace(" ", "")
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10) or int(digits) > MOST_PEOPLE:
        raise Invalid(f"A whole number between 0 and {MOST_PEOPLE:,}, or nothing.")
    return int(digits)


def lines_or_none(text: str) -> int | None:
    """A number of calls at a time; nothing for no limit."""
    digits = text.strip()
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) < 5) or not 1 <= int(digits) <= MOST_LINES:
        raise Invalid(f"A whole number between 1 and {MOST_LINES:,}, or nothing.")
    return int(digits)


def number_or_nothing(value: int | None) -> str:
    return "" if value is None else str(value)


def zone_name(text: str) -> str:
    if text not in zone_names():
        raise Invalid("Choose a time zone of the list.")
    return text


def yes_or_no(text: str) -> bool:
    if text not in dict(YES_NO):
        raise Invalid("Choose yes or no.")
    return text == "yes"


APPROVAL_ABOVE: Choice[int | None] = Choice(
    "approval_above", "A launch above this many people asks for a second person",
    "Whoever launches then asks for approval, and somebody else who may launch has to agree. Programs that use the API ask "
    "too. 0: every launch asks; empty: none does.",
    None, people_or_none, number_or_nothing,
)  # fmt: skip
DO_NOT_CALL_BY_OUTCOME: Choice[bool] = Choice(
    "do_not_call_by_outcome", "Who asks a voice agent not to be called again goes on the do-not-call list",
    "When the provider reports a call with a word such as “do not call” or “opted out”. With “No” that word is only shown beside "
    "the call, and people decide.",
    True, yes_or_no, lambda value: "yes" if value else "no", YES_NO,
)  # fmt: skip
LINES_IN_ALL: Choice[int | None] = Choice(
    "lines_in_all", "Calls at a time over all campaigns",
    "Where they are scarce, campaigns share them: those that go before others first, then each as much as the others. Empty: only "
    "each campaign's own number counts, and the provider's quota where it tells one. What is handed over already goes on.",
    None, lines_or_none, number_or_nothing,
)  # fmt: skip
HOME_ZONE: Choice[str] = Choice(
    "home_zone", "A day begins by the clock of",
    "What “today” means on the wall, where everybody sees the same numbers.",
    "UTC", zone_name, lambda value: value, tuple((zone, zone) for zone in zone_names()),
)  # fmt: skip
CHOICES: tuple[Choice[Any], ...] = (APPROVAL_ABOVE, LINES_IN_ALL, DO_NOT_CALL_BY_OUTCOME, HOME_ZONE)


def value_of(session: Session, choice: Choice[T]) -> T:
    """What is decided now, asked of the database each time: one read by primary key."""
    stored = session.scalar(select(Setting.value).where(Setting.name == choice.name))
    return choice.default if stored is None else stored["is"]


def change_settings(
    session: Session, typed: Mapping[str, str], actor: Actor, now: datetime, choices: Sequence[Choice[Any]] = CHOICES
) -> bool:
    """Keep what was typed for some of the choices; True when any of them changed. Invalid (field: its name) keeps nothing."""
    wanted = {choice: _read(choice, typed[choice.name]) for choice in choices if choice.name in typed}
    before, after = {}, {}
    for choice, value in wanted.items():
        row = locked_choice(session, choice)
        if row.value["is"] != value:
            before[choice.name], after[choice.name] = row.value["is"], value
            row.value = {"is": value}
    if after:
        words = f"{actor.name} changed the settings of this installation."
        note(session, actor, "settings.change", "settings", None, now, summary=words, before=before, after=after)
    return bool(after)


def needs_approval(session: Session, people: int) -> bool:
    """Does a launch that calls so many people need a second person?"""
    above = value_of(session, APPROVAL_ABOVE)
    return above is not None and people > above


def _read(choice: Choice[T], text: str) -> T:
    try:
        return choice.read(text)
    except Invalid as problem:
        raise Invalid(str(problem), choice.name) from None


def locked_choice(session: Session, choice: Choice[Any]) -> Setting:
    """The choice's row, made when it is the first time; of two admins the second sees what the first decided."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    fresh = {"name": choice.name, "value": {"is": choice.default}}
    session.execute(insert(Setting).values(fresh).on_conflict_do_nothing())
    mine = select(Setting).where(Setting.name == choice.name).with_for_update()
    return session.scalars(mine.execution_options(populate_existing=True)).one()
