"""What people are told of campaigns, by mail or in a chat room: what each of them wants to hear, and what waits to be sent.

A notice stands in the database in the same transaction as what it tells of; jobs/notices.py sends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.database import Base
from core.errors import Invalid
from core.models import Campaign, Notice, NoticeChoice, Person, ProviderState, Wave
from core.progress import progress
from core.shown_numbers import masked_in
from core.states import ENDED_CAMPAIGNS, LIVE_CAMPAIGNS, CampaignState, ContactState, WaveState
from core.vault import Vault

MAIL, CHAT = "mail", "chat"
ENDED, ATTENTION, FAILING = "ended", "attention", "failing"
# Whoever hears of an end learns it soon, or not at all: an upgrade tells nobody of last year's campaigns.
NEWS = timedelta(hours=1)
# Of fewer, a percentage says nothing.
FEWEST = 20
GAPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
# Longer than the longest exchange: until then nobody else sends the same.
LEASE = timedelta(minutes=2)
LONGEST_ADDRESS = 2000
# In one order for everybody, so that two ticks that tell the same people do not wait for each other.
_IN_ORDER = select(NoticeChoice).join(Person).order_by(NoticeChoice.person_id)
_NOTICES = Base.metadata.tables["notice"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that some people want to hear: `kind` is ended, attention or failing; the key is the same for the same thing.

    `is_general`: it is about no campaign more than about others.
    """

    kind: str
    key: str
    subject: str
    words: str
    percent: float = 0.0
    is_general: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person chose. `chat` is a new address; None leaves the one there is, "" takes it away."""

    ended: bool
    attention: bool
    failing_percent: int | None
    only_own: bool
    by_mail: bool
    chat: str | None
    chat_hint: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """The right to send one notice. `chat` is a sealed address."""

    notice_id: int
    way: str
    email: str
    chat: str | None
    subject: str
    words: str
    campaign_id: int | None


def choice_of(session: Session, person_id: int) -> NoticeChoice:
    """What this person chose; nothing, until they do."""
    held = session.get(NoticeChoice, person_id)
    return held or NoticeChoice(
        person_id=person_id, ended=False, attention=False, only_own=False, by_mail=True, chat_hint=""
    )


def choose(session: Session, person_id: int, wanted: Wanted, vault: Vault, actor: Actor, now: datetime) -> None:
    """Keep what this person wants. Invalid (its field)."""
    if wanted.failing_percent is not None and not 1 <= wanted.failing_percent <= 100:
        raise Invalid("A percentage from 1 to 100, or nothing.", "failing_percent")
    choice = choice_of(session, person_id)
    before = _facts(choice)
    choice.ended, choice.attention, choice.failing_percent = wanted.ended, wanted.attention, wanted.failing_percent
    choice.only_own, choice.by_mail = wanted.only_own, wanted.by_mail
    if wanted.chat is not None:
        choice.chat = vault.seal(wanted.chat) if wanted.chat else None
        choice.chat_hint = wanted.chat_hint if wanted.chat else ""
    session.add(choice)
    if (after := _facts(choice)) != before:
        words = f"{actor.name} chose what they are told of campaigns."
        note(session, actor, "person.notices", "person", person_id, now, summary=words, before=before, after=after)


def _facts(choice: NoticeChoice) -> dict[str, object]:
    names = ("ended", "attention", "failing_percent", "only_own", "by_mail", "chat_hint")
    return {name: getattr(choice, name) for name in names}


def tell_people(session: Session, campaign: Campaign, now: datetime) -> None:
    """Write a notice for everybody who wants to hear how this campaign stands. What was told is not told again."""
    if campaign.is_test:
        return
    wanted = or_(NoticeChoice.ended, NoticeChoice.attention, NoticeChoice.failing_percent.is_not(None))
    choices = session.scalars(_IN_ORDER.where(Person.is_active, wanted)).all()
    if not choices:
        return
    occasions = _occasions(session, campaign, now)
    if (occasions or campaign.state in LIVE_CAMPAIGNS) and any(choice.failing_percent for choice in choices):
        occasions += _failing(session, campaign)
    for choice in choices:
        if not choice.only_own or choice.person_id == campaign.created_by_id:
            for occasion in occasions:
                if _is_wanted(choice, occasion):
                    _write(session, choice, None if occasion.is_general else campaign.id, occasion, now)


def _is_wanted(choice: NoticeChoice, occasion: Occasion) -> bool:
    if occasion.kind == FAILING:
        return choice.failing_percent is not None and occasion.percent > choice.failing_percent
    return bool(choice.ended if occasion.kind == ENDED else choice.attention)


def _occasions(session: Session, campaign: Campaign, now: datetime) -> list[Occasion]:
    """That it ended, or what of it needs somebody."""
    found: list[Occasion] = []
    name = f"“{campaign.name}”"
    if campaign.state in ENDED_CAMPAIGNS and campaign.ended_at and now - campaign.ended_at < NEWS:
        counts = progress(session, campaign)
        words = f"{campaign.why} Of {counts.total:,} people {counts.of(ContactState.ANSWERED):,} were answered."
        ended = "is complete" if campaign.state == CampaignState.COMPLETED else "was stopped"
        found.append(Occasion(ENDED, f"ended:{campaign.id}", f"{name} {ended}", words))
    for cause, words in _troubles(session, campaign):
        key = f"attention:{campaign.id}:{sha256(cause.encode()).hexdigest()[:16]}"
        found.append(Occasion(ATTENTION, key, f"{name} needs attention", words))
    provider = session.get(ProviderState, 1)
    if campaign.state == CampaignState.RUNNING and provider and provider.key_refused_at:
        words = "Nothing is handed over, of no campaign, until it takes it again."
        key = f"key:{provider.key_refused_at.isoformat()}"
        found.append(Occasion(ATTENTION, key, "The provider refuses our key", words, is_general=True))
    return found


def _troubles(session: Session, campaign: Campaign) -> list[tuple[str, str]]:
    """(what tells one from another, the sentence)."""
    found = []
    if campaign.alarm:
        found.append((f"alarm {campaign.alarm}", campaign.alarm))
    if campaign.state not in LIVE_CAMPAIGNS:
        return found
    if campaign.hold:
        found.append((f"hold {campaign.hold} {campaign.why_since}", campaign.hold_words or campaign.why))
    undecided = select(func.min(Wave.id)).where(Wave.campaign_id == campaign.id, Wave.state == WaveState.NEEDS_PERSON)
    if oldest := session.scalar(undecided):  # whoever looks at one sees the others
        found.append((f"wave {oldest}", campaign.why))
    return found


def _failing(session: Session, campaign: Campaign) -> list[Occasion]:
    counts = progress(session, campaign)
    if counts.dialled < FEWEST:
        return []
    failed = counts.of(ContactState.FAILED)
    percent = 100 * failed / counts.dialled
    words = f"Of {counts.dialled:,} people dialled so far {failed:,} failed ({percent:.0f} %)."
    return [Occasion(FAILING, f"failing:{campaign.id}", f"Calls of “{campaign.name}” fail", words, percent)]


def _write(session: Session, choice: NoticeChoice, campaign_id: int | None, occasion: Occasion, now: datetime) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    for way in [MAIL] * choice.by_mail + [CHAT] * bool(choice.chat):
        told = {
            "person_id": choice.person_id, "campaign_id": campaign_id, "way": way, "key": occasion.key,
            "subject": masked_in(occasion.subject), "words": masked_in(occasion.words), "created_at": now, "state": "waiting",
            "tries": 0, "next_at": now, "problem": "",
        }  # fmt: skip
        session.execute(insert(_NOTICES).values(told).on_conflict_do_nothing())


def try_ways(session: Session, person_id: int, now: datetime) -> int:
    """A notice to try it by each way that this person chose, at most one a minute; returns how many ways there are."""
    choice = choice_of(session, person_id)
    words = "This is how Callboard tells you of campaigns. Nothing happened; you asked to see it."
    _write(session, choice, None, Occasion("test", f"test:{now:%Y-%m-%dT%H:%M}", "A notice to try it out", words), now)
    return choice.by_mail + bool(choice.chat)


def newest_notices(session: Session, person_id: int, most: int = 10) -> Sequence[Notice]:
    mine = select(Notice).where(Notice.person_id == person_id).order_by(Notice.id.desc()).limit(most)
    return session.scalars(mine).all()


def notices_due(session: Session, now: datetime) -> list[int]:
    due = select(Notice.id).where(Notice.state == "waiting", Notice.next_at <= now).order_by(Notice.id).limit(100)
    return list(session.scalars(due))


def claim_notice(session: Session, notice_id: int, now: datetime) -> Letter | None:
    """The notice, to whoever comes first; None when somebody else has it, or it was sent."""
    due = and_(Notice.id == notice_id, Notice.state == "waiting", Notice.next_at <= now)
    claimed = update(Notice).where(due).values(next_at=now + LEASE, tries=Notice.tries + 1)
    if not session.execute(claimed).rowcount:  # type: ignore[attr-defined]
        return None
    notice = session.get_one(Notice, notice_id, populate_existing=True)
    person, choice = session.get_one(Person, notice.person_id), choice_of(session, notice.person_id)
    if not person.is_active:
        notice.state, notice.problem = "given_up", "The account was deactivated."
        return None
    return Letter(notice.id, notice.way, person.email, choice.chat, notice.subject, notice.words, notice.campaign_id)


def record_notice(session: Session, notice_id: int, problem: str, now: datetime) -> None:
    """It was sent, or `problem` says why not: then it is tried again, at growing intervals, five times."""
    notice = session.get_one(Notice, notice_id, populate_existing=True)
    notice.problem = problem
    if not problem:
        notice.state, notice.sent_at = "sent", now
    elif notice.tries > len(GAPS):
        notice.state = "given_up"
    else:
        notice.next_at = now + GAPS[notice.tries - 1]
