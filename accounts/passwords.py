"""Passwords: argon2id with the library's parameters, hashed beside the event loop."""

import asyncio
import unicodedata
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from keel.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")
HASHES_AT_ONCE: Final = 2  # each takes 64 MiB and a few threads for as long as it lasts
WAITING_MAX: Final = 32
NOBODYS: Final = "nobody's password"


class Passwords:
    """Hashes and checks. What comes in while WAITING_MAX wait is refused as Unavailable."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody: str | None = None
        self._free = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        return await self._beside(_hashed, self._hasher, password)

    async def good(self, password: str, stored: str | None) -> bool:
        """Whether this is the password. Where there is none to compare with, it takes as long to say no."""
        if self._nobody is None:  # made when it is first needed, by whoever comes first, known or not
            self._nobody = await self.hash(NOBODYS)
        same = await self._beside(_same, self._hasher, password, stored or self._nobody)
        return same and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the library would hash with other parameters today."""
        return self._hasher.check_needs_rehash(stored)

    async def _beside(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= WAITING_MAX:
            raise Unavailable(detail="too many people are signing in")
        self._waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work, *arguments, **named)
        finally:
            self._waiting -= 1


def _plain(password: str) -> bytes:
    """One spelling: keyboards differ in how they compose an é."""
    return unicodedata.normalize("NFC", password).encode()


def _hashed(hasher: PasswordHasher, password: str) -> str:
    return hasher.hash(_plain(password))


def _same(hasher: PasswordHasher, password: str, stored: str) -> bool:
    try:
        return hasher.verify(stored, _plain(password))
    except (VerificationError, InvalidHashError):
        return False
