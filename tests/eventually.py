"""Waiting for something to become true, with a deadline, where nothing announces it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")
WAIT_MAX_S: Final = 30.0  # a machine may stand still for seconds; what is promised in time says so by itself
POLL_S: Final = 0.01


def eventually(attempt: Callable[[], T], *, within_s: float = WAIT_MAX_S) -> T:
    """Call `attempt` until its result is true, and return that; AssertionError after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (result := attempt()):
        assert time.monotonic() < deadline, f"still not true after {within_s} s: {attempt}"
        time.sleep(POLL_S)
    return result


async def eventually_async(attempt: Callable[[], Awaitable[T]], *, within_s: float = WAIT_MAX_S) -> T:
    """`eventually` for an attempt that is awaited; other tasks go on meanwhile."""
    deadline = time.monotonic() + within_s
    while not (result := await attempt()):
        assert time.monotonic() < deadline, f"still not true after {within_s} s: {attempt}"
        await asyncio.sleep(POLL_S)
    return result


async def insist(ask: Callable[[], Awaitable[T]], *refusals: type[Exception]) -> T:
    """Await `ask` again while it raises one of these, which say to come again, as whoever is told so does."""
    said: list[T] = []

    async def told() -> bool:
        with suppress(*refusals):
            said.append(await ask())
        return bool(said)

    await eventually_async(told)
    return said[0]
