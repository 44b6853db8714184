"""Signed-in browsers: a random token in a cookie, its hash in a row that can be revoked; and how often one may try."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from core.audit import Actor, note
from core.errors import DomainError
from core.models import Person, SignIn, SignInFailure
from core.people import lock_person, plain_email
from core.tokens import token_hash

IDLE_LIMIT = timedelta(hours=12)
LONGEST = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=1)

WINDOW = timedelta(minutes=15)
MOST_FOR_ACCOUNT = 10
MOST_FROM_ADDRESS = 50
KNOWN_FOR = timedelta(days=90)
FORGOTTEN_AT_ONCE = 100


class TooManyTries(DomainError):
    """Too many wrong passwords; `retry_after` is in seconds."""

    def __init__(self, retry_after: int):
        minutes = ceil(retry_after / 60)
        super().__init__(f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a password. It counts as a failure until it is forgiven, so that many at once cannot outrun the count."""

    id: int
    email: str
    address: str


def begin_try(session: Session, email: str, address: str, now: datetime) -> Try:
    """Count this try before the password is looked at. TooManyTries when the account or the address has had enough.

    An account has one count for all the addresses that it never signed in from, and one for each that it did: whoever
    guesses from elsewhere closes the account to strangers, never to its owner at the usual place. The owner's place is
    not closed by what others try there on other accounts either, as behind one router, or a proxy that we were not told of.
    """
    email, network = plain_email(email), network_of(address)
    _refuse_too_many(session, email, network, now)  # a flood is turned away without waiting for its turn
    _take_turn(session, f"account {email}", f"address {network}")
    _refuse_too_many(session, email, network, now)
    _forget_oldest(session, now - WINDOW)
    failure = SignInFailure(at=now, email=email, address=network)
    session.add(failure)
    session.flush()
    try:
        _refuse_too_many(session, email, network, now)
    except TooManyTries:
        _note_last_try(session, email, address, now)
    return Try(failure.id, email, address)


def _note_last_try(session: Session, email: str, address: str, now: datetime) -> None:
    """Only tries that are let in get here, so a flood leaves no more entries than it has tries. What is no account is not
    told: somebody may have typed a password into the wrong field."""
    person_id = session.scalar(select(Person.id).where(Person.email == email))
    last = f" The last was for {email}." if person_id else ""
    note(
        session, Actor("Somebody not signed in", address=address), "person.use_up_tries", "person", person_id, now,
        summary=f"Too many tries to sign in: for some minutes no more are taken.{last}",
    )  # fmt: skip


def _refuse_too_many(session: Session, email: str, network: str, now: datetime) -> None:
    known = _known_networks(session, email, now)
    if network in known:
        _check(session, (SignInFailure.email == email) & (SignInFailure.address == network), MOST_FOR_ACCOUNT, now)
    else:
        _check(session, (SignInFailure.email == email) & SignInFailure.address.not_in(known), MOST_FOR_ACCOUNT, now)
        _check(session, SignInFailure.address == network, MOST_FROM_ADDRESS, now)


def network_of(address: str) -> str:
    """The address as it is counted: one customer has a whole /64 of IPv6."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _take_turn(session: Session, *counted: str) -> None:
    """Tries that count towards the same sum go one after the other: on PostgreSQL two at once would not see each other.

    SQLite has one writer at a time anyway. In one order, so that no two wait for each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        for key in sorted(int.from_bytes(sha256(name.encode()).digest()[:8], signed=True) for name in counted):
            session.execute(select(func.pg_advisory_xact_lock(key)))


def _forget_oldest(session: Session, until: datetime) -> None:
    """A few at each try keep the table small; those that another try is at are left to it."""
    oldest = select(SignInFailure.id).order_by(SignInFailure.id).limit(FORGOTTEN_AT_ONCE)
    session.execute(
        delete(SignInFailure)
        .where(SignInFailure.id.in_(oldest.with_for_update(skip_locked=True)), SignInFailure.at <= until)
        .execution_options(synchronize_session=False)
    )


def _known_networks(session: Session, email: str, now: datetime) -> set[str]:
    """Where this account signed in lately."""
    addresses = (
        select(SignIn.address)
        .join(SignIn.person)
        .where(Person.email == email, SignIn.created_at > now - KNOWN_FOR)
        .order_by(SignIn.id.desc())
        .limit(200)
    )
    return {network_of(address) for address in session.scalars(addresses)}


def _check(session: Session, counted: ColumnElement[bool], most: int, now: datetime) -> None:
    newest = select(SignInFailure.at).where(counted, SignInFailure.at > now - WINDOW)
    tries = session.scalars(newest.order_by(SignInFailure.at.desc()).limit(most)).all()
    if len(tries) == most:
        raise TooManyTries(max(1, ceil((tries[-1] + WINDOW - now).total_seconds())))


def forgive(session: Session, tried: Try) -> None:
    """The password was right: what was tried for this account from this address no longer counts."""
    network = network_of(tried.address)
    session.execute(delete(SignInFailure).where(SignInFailure.email == tried.email, SignInFailure.address == network))


def sign_in(
    session: Session, person: Person, tried: Try, browser: str, now: datetime, *,
    by: str = "", instead_of: str | None = None,
) -> str:  # fmt: skip
    """Start a new sign-in after a right password; returns the token for the cookie, which is kept nowhere else.

    `by` names another way than the password, `instead_of` is the token that the browser had until now: it ends here.
    """
    forgive(session, tried)
    if instead_of:
        _revoke(session, SignIn.token_hash == token_hash(instead_of), now)
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=token_hash(token), person_id=person.id, created_at=now, last_seen_at=now, expires_at=now + LONGEST,
            address=tried.address, browser=browser[:255],
        )
    )  # fmt: skip
    person.last_sign_in_at = now
    actor = Actor(person.name or person.email, person.id, address=tried.address)
    how = f" with {by}" if by else ""
    note(session, actor, "person.sign_in", "person", person.id, now, summary=f"{person.email} signed in{how}.")
    return token


def find_sign_in(session: Session, token: str, now: datetime) -> SignIn | None:
    """The sign-in that a cookie's token stands for; None when it is unknown, revoked, too old or idle for too long. Only reads."""
    return session.scalar(good_sign_ins(now).where(SignIn.token_hash == token_hash(token)))


def good_sign_ins(now: datetime) -> Select[SignIn]:
    """Those with which somebody is signed in now."""
    return (
        select(SignIn)
        .join(SignIn.person)
        .where(
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now,
            SignIn.last_seen_at > now - IDLE_LIMIT,
            Person.is_active,
        )
    )


def still_signed_in(session: Session, roles: Mapping[int, str], now: datetime) -> set[int]:
    """Which of these sign-ins (their ids, each with its person's role then) are still good, and of somebody in the same role."""
    mine = good_sign_ins(now).with_only_columns(SignIn.id, Person.role).where(SignIn.id.in_(roles))
    return {sign_in_id for sign_in_id, role in session.execute(mine) if roles[sign_in_id] == role}


def seen_lately(sign_in: SignIn, now: datetime) -> bool:
    return now - sign_in.last_seen_at < SEEN_EVERY


def mark_seen(session: Session, sign_in_id: int, now: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(last_seen_at=now))


def sign_out(session: Session, token: str, actor: Actor, now: datetime) -> None:
    _revoke(session, SignIn.token_hash == token_hash(token), now)
    note(session, actor, "person.sign_out", "person", actor.person_id, now, summary=f"{actor.name} signed out.")


def sign_out_everywhere(session: Session, person_id: int, actor: Actor, now: datetime) -> None:
    """End every sign-in of this person, this one too."""
    lock_person(session, person_id)  # before their sign-ins, as whoever changes a password does
    _revoke(session, SignIn.person_id == person_id, now)
    note(
        session, actor, "person.sign_out_everywhere", "person", person_id, now,
        summary=f"{actor.name} signed out everywhere.",
    )  # fmt: skip


def _revoke(session: Session, which: object, now: datetime) -> None:
    session.execute(update(SignIn).where(which, SignIn.revoked_at.is_(None)).values(revoked_at=now))  # type: ignore[arg-type]
