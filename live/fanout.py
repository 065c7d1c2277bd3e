"""One frame to a crowd, in slices: the loop is never held for longer than SLICE_MAX_S."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from live.connection import ViewerConnection

SLICE_MAX_S: Final = 0.0015
LOOKED_AT_EVERY: Final = 16  # frames between two looks at the clock: a write takes microseconds


class Pace:
    """One for each piece of work that goes round many. `others_s`: for how long others had the loop meanwhile."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self.others_s = 0.0

    async def give_way(self) -> None:
        """Let others have their turn, where it is time for that."""
        now_s = time.perf_counter()
        if now_s - self._began_s > SLICE_MAX_S:
            await asyncio.sleep(0)
            self._began_s = time.perf_counter()
            self.others_s += self._began_s - now_s


async def fan_out(frame: bytes, viewers: Sequence[ViewerConnection], pace: Pace) -> None:
    """Write the frame to all of them."""
    for start in range(0, len(viewers), LOOKED_AT_EVERY):
        for viewer in viewers[start : start + LOOKED_AT_EVERY]:
            viewer.push(frame)
        await pace.give_way()
