"""Which provider this database submitted to: a copy that is started beside another one must not submit there."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import Conflict
from core.models import Setting

BINDING = "provider_binding"
_LOCKED = select(Setting).where(Setting.name == BINDING).with_for_update().execution_options(populate_existing=True)


def notice_provider(session: Session, named: str) -> None:
    """Keep what the settings name: "sandbox", or the provider's address. Only called where it differs from what is kept.

    Several workers may notice it at once, and one of them may bind meanwhile: the row is made once, and read under its lock.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(insert(Setting).values(name=BINDING, value={}).on_conflict_do_nothing())
    setting = session.scalars(_LOCKED).one()
    setting.value = setting.value | {"named": named}


def named_provider(session: Session) -> str | None:
    return _value(session).get("named")


def bind(session: Session) -> None:
    """The first submission of all binds the database to whom it goes to."""
    if _value(session).get("to") is not None:
        return  # all but the first claim: they need not wait for each other here
    setting = session.scalar(_LOCKED)
    if setting is not None and setting.value.get("to") is None:
        setting.value = setting.value | {"to": setting.value.get("named")}


def belongs_elsewhere(session: Session, provider: str | None) -> bool:
    """Does the database belong to another provider than this one? None asks nothing."""
    return provider is not None and _value(session).get("to") not in (None, provider)


def why_not_ours(session: Session) -> str | None:
    """The sentence that keeps everything back; None where the settings name the provider that was submitted to."""
    told = _value(session)
    if told.get("to") in (None, told.get("named")):
        return None
    return (
        f"This database belongs to {_words(told['to'])}, and the settings name {_words(told['named'])}: "
        "nothing is submitted until an admin says that this is right."
    )


def rebind(session: Session, actor: Actor, now: datetime) -> None:
    """An admin says that the database belongs to the provider of the settings from now on."""
    setting = session.scalar(_LOCKED)
    if setting is None or why_not_ours(session) is None:
        raise Conflict("The settings name the provider that this database belongs to.")
    before, setting.value = setting.value["to"], setting.value | {"to": setting.value["named"]}
    words = f"{actor.name} said that this database belongs to {_words(setting.value['to'])}."
    note(session, actor, "provider.rebind", "provider", None, now, summary=words, before={"provider": before},
         after={"provider": setting.value["to"]})  # fmt: skip


def _value(session: Session) -> dict[str, str]:
    return session.scalar(select(Setting.value).where(Setting.name == BINDING)) or {}


def _words(named: str) -> str:
    return "the sandbox" if named == "sandbox" else f"the provider {named}"
