"""What became of orders that were judged is noted beside their judgement, and followed by the tallies of trees.

It is looked for in the history of orders, by its time, above a mark: a tick costs what ended since the last one. Rows
commit out of order, so the last seconds are looked at again each time; now and then a whole day is (see `late`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keel.clock import Clock
from keel.database import Pool
from orders.filters import least_id_at
from referrals import store_ends
from referrals.store_ends import Moves, Place

PAGE_MAX: Final = 2_000
PAGES_MAX: Final = 20  # of one tick, so that a worker that is told to stop does so
SETTLED_AFTER: Final = timedelta(seconds=10)  # longer than an end, or a judgement, takes to be stored
LATE: Final = timedelta(days=1)
_LEAST_ID: Final = least_id_at(datetime.fromisoformat("1970-01-01T00:00:00Z"))


@dataclass(frozen=True, slots=True)
class Ends:
    """A worker's ticks; where several workers run, one of them looks at a time."""

    pool: Pool
    clock: Clock

    async def tick(self) -> int:
        """Note what ended since the last tick; how many."""
        noted, place = 0, None
        for _ in range(PAGES_MAX):
            moves = await self._page(place, late=False)
            if moves is None:
                break
            noted, place = noted + moves.noted, moves.last
            if moves.count < PAGE_MAX:
                break
        return noted

    async def late(self) -> int:
        """Look at the whole last day again, for what was stored long after its time; how many."""
        noted, place = 0, (self.clock.now() - LATE, _LEAST_ID)
        while moves := await self._page(place, late=True):
            noted += moves.noted
            if moves.last is None:
                break
            place = moves.last
        return noted

    async def _page(self, place: Place | None, *, late: bool) -> Moves | None:
        """What comes next after a place, or after the mark, which then moves. None where another worker is at it."""
        async with self.pool.acquire() as connection, connection.transaction():
            mark = await store_ends.take(connection, wait=late)
            if mark is None:
                return None
            moves = await store_ends.note(connection, place or mark, count=PAGE_MAX)
            if moves.last is not None and not late:
                settled = self.clock.now() - SETTLED_AFTER, _LEAST_ID
                await store_ends.seen(connection, min(moves.last, settled))
        return moves
