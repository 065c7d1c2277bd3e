"""One frame to a crowd, in slices: the loop is never held for longer than SLICE_MAX_S."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from live.connection import ViewerConnection

SLICE_MAX_S: Final = 0.004
LOOKED_AT_EVERY: Final = 16  # frames between two looks at the clock: a write takes microseconds


async def fan_out(frame: bytes, viewers: Sequence[ViewerConnection]) -> float:
    """Write the frame to all of them; others have their turn between two slices: for how many seconds in all."""
    began_s, others_s = time.perf_counter(), 0.0
    for start in range(0, len(viewers), LOOKED_AT_EVERY):
        for viewer in viewers[start : start + LOOKED_AT_EVERY]:
            viewer.push(frame)
        now_s = time.perf_counter()
        if now_s - began_s > SLICE_MAX_S:
            await asyncio.sleep(0)
            began_s = time.perf_counter()
            others_s += began_s - now_s
    return others_s
