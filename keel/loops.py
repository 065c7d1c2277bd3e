"""Loops that run beside the requests: interrupted in their pause, never in their tick."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from keel.metrics import LOOP_FAILURES

log = logging.getLogger(__name__)


async def every(seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield at once and then every `seconds`, until `stop` is set; a tick is never cut short."""
    while not stop.is_set():
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=seconds)


async def run_every(name: str, seconds: float, stop: asyncio.Event, tick: Callable[[], Awaitable[object]]) -> None:
    """Call `tick` every `seconds` until `stop`. A tick that fails is logged and counted; the next one comes in time."""
    async for _ in every(seconds, stop):
        try:
            await tick()
        except Exception:  # house: broad-except because a loop's outermost frame must outlive any tick
            LOOP_FAILURES.labels(loop=name).inc()
            log.exception("loop %s: tick failed", name)
