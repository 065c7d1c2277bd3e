"""How late this machine is: what a promise in seconds cannot answer for, where others keep the processors busy.

async with lateness() as late:
    ...
assert took_s <= 5.0 + late.s
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from keel.loops import every

LOOK_EVERY_S: Final = 0.05


@dataclass
class Lateness:
    """`s`: by how much turns that were asked for came late, in all."""

    s: float = 0.0


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """Look until the block ends. Nothing in it may hold the loop."""
    late, stop = Lateness(), asyncio.Event()

    async def look() -> None:
        due_s = time.monotonic()
        async for _ in every(LOOK_EVERY_S, stop):
            now_s = time.monotonic()
            late.s += max(0.0, now_s - due_s)
            due_s = now_s + LOOK_EVERY_S

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        try:
            yield late
        finally:
            stop.set()
