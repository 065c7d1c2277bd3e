"""Loops that run beside the requests: interrupted in their pause, never in their tick; and what is asked first."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

from keel.database import NOT_MIGRATED, TURNED_AWAY, UNREACHABLE
from keel.errors import Unavailable
from keel.metrics import LOOP_FAILURES

log = logging.getLogger(__name__)

START_MAX_S: Final = 30.0
START_PAUSE_S: Final = 0.1


async def every(seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield at once and then every `seconds`, until `stop` is set; a tick is never cut short."""
    while not stop.is_set():
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=seconds)


async def run_every(name: str, seconds: float, stop: asyncio.Event, tick: Callable[[], Awaitable[object]]) -> None:
    """Call `tick` every `seconds` until `stop`. A tick that fails is logged and counted; the next one comes in time."""
    failures = LOOP_FAILURES.labels(loop=name)  # shown as 0 from the start: what begins at 1 never rises
    async for _ in every(seconds, stop):
        try:
            await tick()
        except UNREACHABLE as silence:  # every tick of every loop while a server is away: a line each
            failures.inc()
            log.error("loop %s: tick failed: %s: %s", name, type(silence).__name__, silence)
        except Exception:  # house: broad-except because a loop's outermost frame must outlive any tick
            failures.inc()
            log.exception("loop %s: tick failed", name)


async def few_at_once(count: int, calls: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Await them all, `count` at a time: what asks an engine for each of many leaves room for others."""
    turns = asyncio.Semaphore(count)

    async def one(call: Coroutine[Any, Any, object]) -> None:
        async with turns:
            await call

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(one(call))


async def at_start(ask: Callable[[], Awaitable[object]]) -> None:
    """Await what a process has to know before it serves, again where no answer came in time: a machine on which
    everything starts at once stands still now and then, and a loop would ask again too.

    Raises Unavailable after START_MAX_S without an answer, and at once where PostgreSQL is away or turns us away, which
    takes a sentence and no traceback: whoever runs us starts us again.
    """
    deadline_s = time.monotonic() + START_MAX_S
    while True:
        try:
            await ask()
            return
        except TimeoutError as silence:
            if time.monotonic() >= deadline_s:
                raise Unavailable(detail=f"PostgreSQL gave no answer within {START_MAX_S:.0f} s.") from silence
            log.warning("no answer in time before the start, asked again")
        except TURNED_AWAY as error:
            hint = " Run millpond migrate first." if isinstance(error, NOT_MIGRATED) else ""
            raise Unavailable(detail=f"PostgreSQL does not serve us: {error}.{hint}") from error
        await asyncio.sleep(START_PAUSE_S)
