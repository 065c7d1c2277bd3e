"""Touches are forgotten: what somebody looked at years ago is nobody's business, once it can count for nothing.

They are kept as long as the setting says, and longer where a rule of the merchant's still counts them. They are gone
through by id, which grows with their time, a piece at a time and over and over; the round of one worker does not mind
that of another.
"""

from datetime import datetime, timedelta
from typing import Final

from keel.clock import Clock
from keel.database import Pool
from keel.ids import NIL_ID
from orders.filters import least_id_at
from referrals import store_forgetting
from referrals.metrics import TOUCHES_FORGOTTEN

KEPT: Final = timedelta(days=730)
FORGET_EVERY_S: Final = 60.0
PIECE_MAX: Final = 1_000
PIECES_PER_TICK: Final = 20
JUDGED_WITHIN: Final = timedelta(days=1)  # an order may be stored so long after its time, and is judged then
WRITERS_KEPT: Final = timedelta(days=1)  # nobody waits for one that was silent for 30 seconds; the rest is for people


class Forgetting:
    """A worker's tick, every FORGET_EVERY_S. `kept`: how long touches are kept in any case."""

    def __init__(self, pool: Pool, clock: Clock, kept: timedelta = KEPT) -> None:
        self._pool, self._clock, self._kept = pool, clock, kept
        self._touch_id = NIL_ID  # how far this round has come
        self._link = NIL_ID, NIL_ID

    async def tick(self) -> int:
        """Forget some of what is too old; how many touches."""
        now = self._clock.now()
        await store_forgetting.writers(self._pool, now - WRITERS_KEPT)
        gone = await self._touches(now)
        await self._links(now)
        TOUCHES_FORGOTTEN.inc(gone)
        return gone

    async def _touches(self, now: datetime) -> int:
        before, longer, gone = now - self._kept, await self._longer(now), 0
        for _ in range(PIECES_PER_TICK):
            last_id, count = await store_forgetting.touches(
                self._pool, self._touch_id, least_id_at(before), before, longer, count=PIECE_MAX
            )
            self._touch_id, gone = last_id or NIL_ID, gone + count
            if last_id is None:
                break
        return gone

    async def _longer(self, now: datetime) -> dict[str, datetime | None]:
        """From when on the touches of merchants may still count whose rules look back further than touches are kept;
        None where they do so for ever."""
        reaches = await store_forgetting.reaches(self._pool, now - JUDGED_WITHIN)
        return {
            merchant_id: None if reach is None else now - reach - JUDGED_WITHIN
            for merchant_id, reach in reaches.items()
            if reach is None or reach + JUDGED_WITHIN > self._kept
        }

    async def _links(self, now: datetime) -> None:
        """Who signed in from where goes with the last visit from there."""
        for _ in range(PIECES_PER_TICK):
            last = await store_forgetting.links(self._pool, self._link, now - self._kept, count=PIECE_MAX)
            self._link = last or (NIL_ID, NIL_ID)
            if last is None:
                return
