"""The tallies of trees, kept up: a worker counts what is due, in the transaction that takes it from what is due.

So whatever is killed, nothing is counted twice and nothing is left out; see migrations/sql/0013_dissemination.sql.
Merchants have turns, a batch each, so nobody waits for what another one has due, however much that is or what is wrong
with it. A batch that fails is halved at the merchant's next turn, down to the one row at fault, which is parked. A row
that takes longer than a statement may is parked only after SLOW_TRIES: any row does while PostgreSQL is not well.
"""

import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final

from keel.clock import Clock
from keel.database import Pool
from keel.errors import NotFound
from referrals import store_tallies
from referrals.metrics import TREE_PARKED, TREE_TALLIED
from referrals.store_tallies import NotTallied

log = logging.getLogger(__name__)

BATCH_MAX: Final = 2_000
BATCHES_MAX: Final = 20  # of one tick, so that a worker that is told to stop does so
TALLY_EVERY_S: Final = 0.5
SLOW_TRIES: Final = 3


class Tallying:
    """A worker's tick, every TALLY_EVERY_S; where several workers run, one of them counts a merchant's at a time."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool, self._clock = pool, clock
        self._last = ""  # whose turn was the last one
        self._sizes: dict[str, int] = {}  # of the next batch, of those whose last one failed
        self._slow: dict[str, tuple[int, int]] = {}  # the row that was too slow alone, and how often

    async def tick(self) -> int:
        """Count what is due; how much it was. After BATCHES_MAX the rest waits, and the next one in turn begins."""
        turns = deque(_beginning_after(self._last, await store_tallies.waiting(self._pool)))
        counted = 0
        for _ in range(BATCHES_MAX):
            if not turns:
                break
            self._last = turns.popleft()
            taken, has_more = await self._turn(self._last)
            counted += taken
            if has_more:
                turns.append(self._last)
        return counted

    async def _turn(self, merchant_id: str) -> tuple[int, bool]:
        """A batch of one merchant: how much it was, and whether more may be due."""
        size = self._sizes.pop(merchant_id, BATCH_MAX)
        try:
            now, given_up = self._clock.now(), self._given_up(merchant_id)
            taken = await store_tallies.tally(self._pool, merchant_id, size, now, given_up)
        except NotTallied as fault:
            self._sizes[merchant_id] = max(1, size // 2)
            self._note_slow(merchant_id, fault.slow)
            log.warning("trees of merchant %s: a batch of %d cannot be counted: %s", merchant_id, size, fault)
            return 0, False
        if size < BATCH_MAX:
            self._sizes[merchant_id] = min(BATCH_MAX, 2 * size)
        if taken.count:
            self._slow.pop(merchant_id, None)
        if taken.parked:
            TREE_PARKED.labels(taken.parked).inc()
            log.error("trees of merchant %s: a change that cannot be counted is parked: %s", merchant_id, taken.parked)
        TREE_TALLIED.inc(taken.count)
        return taken.count, taken.count == size

    def _note_slow(self, merchant_id: str, no: int | None) -> None:
        if no is not None:
            last, tries = self._slow.get(merchant_id, (no, 0))
            self._slow[merchant_id] = no, (tries if no == last else 0) + 1

    def _given_up(self, merchant_id: str) -> int | None:
        no, tries = self._slow.get(merchant_id, (0, 0))
        return no if tries >= SLOW_TRIES else None


async def retry(pool: Pool, merchant_id: str) -> int:
    """Make due again what was parked of a merchant; how much it was. Raises NotFound."""
    await _known(pool, merchant_id)
    return await store_tallies.retry(pool, merchant_id)


async def recount(pool: Pool, merchant_id: str) -> None:
    """Forget a merchant's tallies and count everything anew, which may take hours of a worker. Raises NotFound."""
    await _known(pool, merchant_id)
    await store_tallies.recount(pool, merchant_id)


async def _known(pool: Pool, merchant_id: str) -> None:
    if not await store_tallies.exists(pool, merchant_id):
        raise NotFound(what="merchant")


def _beginning_after(last: str, merchants: Sequence[str]) -> Sequence[str]:
    """The same in a circle, from the one after the last on."""
    first = bisect_right(merchants, last)
    return (*merchants[first:], *merchants[:first])
