"""Words of the provider that our tables do not have: kept with the deliveries that hold them, until a person says what they mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.database import Base
from core.errors import Invalid, NotFound
from core.lookups import PAGE
from core.models import DeliveryWord, HeardWord

# What a word may mean, as provider/words.py understands it, in the words of the page.
MEANINGS: Mapping[str, str] = {
    "answered": "Somebody answered",
    "voicemail": "A machine answered",
    "no_answer": "Nobody answered",
    "busy": "The line was busy",
    "declined": "The person rejected the call",
    "failed": "The call could not be made",
    "dialling": "The call is under way",
    "over": "The call is over; other words say how it ended",
    "retry": "The provider will call again",
    "do_not_call": "The person asked not to be called again",
    "silent": "It says nothing about the call",
}
# Some providers put sentences with numbers in them where others put words: each is a new one.
MOST_WORDS = 5000

_TABLE = Base.metadata.tables[HeardWord.__tablename__]
_HEAR = {
    name: insert(_TABLE).on_conflict_do_nothing()
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_LINK = text("""INSERT INTO delivery_word (word, delivery_id)
    SELECT :word, id FROM delivery WHERE wave_id = :wave_id AND key = :key ON CONFLICT DO NOTHING""")


@dataclass(frozen=True, slots=True)
class Holder:
    """A delivery, by what is unique about it, and the words in it that nobody has explained."""

    wave_id: int
    key: str
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Heard:
    """A word for the page: how many deliveries wait for its meaning, and the newest of them."""

    word: str
    meaning: str | None
    first_heard_at: datetime
    mapped_at: datetime | None
    waiting: int
    newest_id: int | None


def hear(session: Session, words: Iterable[str], now: datetime) -> set[str]:
    """Keep what is new of these; returns those that are kept."""
    told = set(words)
    known = set(session.scalars(select(HeardWord.word).where(HeardWord.word.in_(told)))) if told else set()
    new = sorted(told - known)  # in one order for everybody, so that two never wait for each other
    if new and (session.scalar(select(func.count()).select_from(HeardWord)) or 0) + len(new) <= MOST_WORDS:
        connection = session.connection()
        rows = [{"word": word, "first_heard_at": now} for word in new]
        connection.execute(_HEAR[connection.dialect.name], rows)
        known.update(new)
    return known


def hear_in_deliveries(session: Session, holders: Iterable[Holder], now: datetime) -> None:
    """The same for deliveries that were written just now: a replay will find them by the word."""
    holders = [holder for holder in holders if holder.words]
    if not holders:
        return
    kept = hear(session, (word for holder in holders for word in holder.words), now)
    links = [
        {"word": word, "wave_id": holder.wave_id, "key": holder.key}
        for holder in holders
        for word in holder.words
        if word in kept
    ]
    if links:
        session.connection().execute(_LINK, links)


def explained(session: Session) -> dict[str, str]:
    """What people said that words mean."""
    rows = session.execute(select(HeardWord.word, HeardWord.meaning).where(HeardWord.meaning.is_not(None)))
    return {word: meaning for word, meaning in rows if meaning is not None}


def count_unexplained(session: Session) -> int:
    return session.scalar(select(func.count()).where(HeardWord.meaning.is_(None))) or 0


def words_page(session: Session, *, is_explained: bool, after: str = "") -> tuple[list[Heard], str | None]:
    """In the alphabet's order; and the word to go on after, where there are more."""
    waiting, newest = func.count(DeliveryWord.delivery_id), func.max(DeliveryWord.delivery_id)
    is_asked = HeardWord.meaning.is_not(None) if is_explained else HeardWord.meaning.is_(None)
    page = select(HeardWord.word).where(is_asked, HeardWord.word > after).order_by(HeardWord.word).limit(PAGE + 1)
    words = session.scalars(page).all()
    rows = session.execute(
        select(HeardWord, waiting, newest)
        .outerjoin(DeliveryWord, DeliveryWord.word == HeardWord.word)
        .where(HeardWord.word.in_(words[:PAGE]))
        .group_by(HeardWord.word)
        .order_by(HeardWord.word)
    )
    heard = [Heard(one.word, one.meaning, one.first_heard_at, one.mapped_at, *counted) for one, *counted in rows]
    return heard, words[PAGE - 1] if len(words) > PAGE else None


def explain_word(session: Session, word: str, meaning: str, actor: Actor, now: datetime) -> bool:
    """From now on this word means that, "" for nothing decided; True when that is new. What was read keeps its meaning."""
    if meaning and meaning not in MEANINGS:
        raise Invalid("Choose what it means.", "meaning")
    mine = select(HeardWord).where(HeardWord.word == word).with_for_update()
    heard = session.scalar(mine.execution_options(populate_existing=True))
    if heard is None:
        raise NotFound("This word was not heard.")
    before = heard.meaning
    if before == (meaning or None):
        return False
    heard.meaning, heard.mapped_at = meaning or None, now if meaning else None
    words = f"{actor.name} said what “{word}” means: {MEANINGS.get(meaning, 'nothing decided')}."
    note(session, actor, "word.explain", "word", None, now, summary=words, before={"word": word, "meaning": before},
         after={"word": word, "meaning": heard.meaning})  # fmt: skip
    return True
