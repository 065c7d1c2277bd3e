"""Passwords are kept as argon2 hashes, compared beside the event loop, and never tell who exists."""

import asyncio
import threading
import unicodedata
from typing import Literal

import pytest
from argon2 import PasswordHasher

from accounts.passwords import HASHES_AT_ONCE, WAITING_MAX, Passwords
from keel.errors import Unavailable
from tests.accounts.shops import CHEAP, PASSWORD


class Counting(PasswordHasher):
    """Says how often it compared, on which threads, and how many at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared: list[str] = []
        self.threads: set[int] = set()
        self.now, self.most = 0, 0
        self.door = threading.Event()
        self.door.set()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.now += 1
        self.most = max(self.most, self.now)
        self.door.wait(10)
        self.compared.append(str(hash))
        self.threads.add(threading.get_ident())
        self.now -= 1
        return super().verify(hash, password)


async def test_only_the_password_is_the_password():
    passwords = Passwords(CHEAP)
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored
    assert await passwords.good(PASSWORD, stored)
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), "x" * 200):
        assert not await passwords.good(wrong, stored)
    assert not await passwords.good(PASSWORD, "no hash at all")


async def test_the_same_password_typed_on_another_keyboard_is_the_same():
    passwords, word = Passwords(CHEAP), "café au lait, 池塘"
    stored = await passwords.hash(unicodedata.normalize("NFD", word))
    assert await passwords.good(unicodedata.normalize("NFC", word), stored)


async def test_for_nobody_the_same_work_is_done_beside_the_loop():
    hasher = Counting()
    passwords = Passwords(hasher)
    assert not await passwords.good(PASSWORD, None)
    assert not await passwords.good("nobody's password", None), "not even with the password of nobody"
    (compared,) = set(hasher.compared)
    assert hasher.check_needs_rehash(compared) is False, "as dear as a real one"
    assert threading.get_ident() not in hasher.threads


async def test_the_librarys_parameters_are_the_ones_in_use():
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    assert not passwords.outdated(stored)
    assert passwords.outdated(CHEAP.hash(PASSWORD))


async def test_a_crowd_that_guesses_does_not_take_the_machine():
    hasher = Counting()
    passwords = Passwords(hasher)
    hasher.door.clear()
    guesses = [asyncio.create_task(passwords.good("guess", None)) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.good("one too many", None)
    hasher.door.set()
    assert await asyncio.gather(*guesses) == [False] * WAITING_MAX
    assert hasher.most <= HASHES_AT_ONCE
    assert not await passwords.good("and the next one is served", None)
