"""Whether others have the loop while something goes round many.

async with taking_turns(told) as turns:
    await fan_out(b"frame", viewers, Pace())
assert longest(turns) <= LOOKED_AT_EVERY
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence, Sized
from contextlib import asynccontextmanager


@asynccontextmanager
async def taking_turns(work: Sized) -> AsyncIterator[list[int]]:
    """Others who want the loop as well, until the block ends: how much there was of `work` at each of their turns."""
    turns: list[int] = []
    done = asyncio.Event()

    async def others() -> None:
        while not done.is_set():
            turns.append(len(work))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(others())
        try:
            yield turns
        finally:
            done.set()


def longest(turns: Sequence[int]) -> int:
    """The most that was done between two turns of the others."""
    return max(later - earlier for earlier, later in itertools.pairwise(turns))
