"""Likes: clients send them in batches, a process adds them up, and each tick is one increment per session in Redis.

They are many and worth little, so a viewer's are capped, by message and by second; what is above is not counted and
nobody is told. Where Redis does not answer, the likes of that tick are lost: counting them twice would be worse.
"""

import time
from collections.abc import Callable
from typing import Final

from keel.buckets import TokenBuckets
from live.gate_talk import TalkGate, TalkSilent
from live.messages import LIKES_MAX

MESSAGES_PER_S: Final = 2.0
MESSAGES_AT_ONCE: Final = 4
TICK_S: Final = 1.0


class Likes:
    """The likes that one process takes. `clock_s` is monotonic, in seconds."""

    def __init__(self, gate: TalkGate, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._gate = gate
        self._buckets = TokenBuckets(per_s=MESSAGES_PER_S, burst=MESSAGES_AT_ONCE, clock_s=clock_s)
        self._counts: dict[str, int] = {}

    def like(self, session_id: str, viewer_id: str, count: int) -> int:
        """A viewer likes a session `count` times. How many of them count."""
        if count <= 0 or self._buckets.take((session_id, viewer_id)):
            return 0
        taken = min(count, LIKES_MAX)
        self._counts[session_id] = self._counts.get(session_id, 0) + taken
        return taken

    async def tick(self) -> None:
        """Add up what came since the last tick. Call it every TICK_S. Raises TalkSilent."""
        counts, self._counts = self._counts, {}
        if counts:
            await self._gate.like(counts)

    async def told(self, session_id: str) -> int | None:
        """The same for the screens; None where Redis does not answer."""
        try:
            return await self.total(session_id)
        except TalkSilent:
            return None

    async def total(self, session_id: str) -> int:
        """All likes of a session, over all processes. Raises TalkSilent."""
        return await self._gate.likes(session_id)
