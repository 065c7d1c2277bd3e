"""Touches are forgotten: what somebody looked at years ago is nobody's business, once it can count for nothing.

They are kept as long as the setting says, and longer where a rule still counts them, the merchant's or the house's, for
an order that was not judged yet, however long judging stood still. They are gone through by id, which grows with their
time, a piece at a time and over and over; the round of one worker does not mind that of another.
"""

from datetime import datetime, timedelta
from typing import Final

from keel.clock import Clock
from keel.database import Pool
from keel.ids import NIL_ID
from orders.filters import least_id_at
from referrals import store_forgetting
from referrals.metrics import TOUCHES_FORGOTTEN
from referrals.rule import HOUSE_RULE
from referrals.store_forgetting import Reach

KEPT: Final = timedelta(days=730)
FORGET_EVERY_S: Final = 60.0
PIECE_MAX: Final = 1_000
PIECES_PER_TICK: Final = 20
JUDGED_WITHIN: Final = timedelta(days=1)  # an order may be stored so long after its time, and is judged then
HOUSE_VALID_FOR: Final = timedelta(seconds=HOUSE_RULE.valid_for_s or 0)
WRITERS_KEPT: Final = timedelta(days=1)  # nobody waits for one that was silent for 30 seconds; the rest is for people


def counting_since(reach: Reach) -> datetime | None:
    """From when on touches may still count for orders; None: always."""
    if reach.valid_for is None:
        return None
    return reach.since - (max(reach.valid_for, HOUSE_VALID_FOR) if reach.by_house_rule else reach.valid_for)


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
        """From when on the touches of merchants may still count where that is from before what is kept in any case;
        None where they do so for ever."""
        reaches = await store_forgetting.reaches(self._pool, now, JUDGED_WITHIN)
        counting = {merchant_id: counting_since(reach) for merchant_id, reach in reaches.items()}
        return {
            merchant_id: since for merchant_id, since in counting.items() if since is None or since < now - self._kept
        }

    async def _links(self, now: datetime) -> None:
        """Who signed in from where goes with the last visit from there."""
        for _ in range(PIECES_PER_TICK):
            last = await store_forgetting.links(self._pool, self._link, now - self._kept, count=PIECE_MAX)
            self._link = last or (NIL_ID, NIL_ID)
            if last is None:
                return
