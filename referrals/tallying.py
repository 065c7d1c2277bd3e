"""The tallies of trees, kept up: a worker counts what is due, in the transaction that takes it from what is due.

So whatever is killed, nothing is counted twice and nothing is left out; see migrations/sql/0013_dissemination.sql.
"""

from dataclasses import dataclass
from typing import Final

from keel.database import Pool
from referrals import store_tallies
from referrals.metrics import TREE_TALLIED

BATCH_MAX: Final = 2_000
BATCHES_MAX: Final = 20  # of one tick, so that a worker that is told to stop does so
TALLY_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Tallying:
    """A worker's tick, every TALLY_EVERY_S; where several workers run, one of them counts at a time."""

    pool: Pool

    async def tick(self) -> int:
        """Count what is due; how much it was."""
        counted = 0
        for _ in range(BATCHES_MAX):
            taken = await store_tallies.tally(self.pool, BATCH_MAX)
            counted += taken
            TREE_TALLIED.inc(taken)
            if taken < BATCH_MAX:
                break
        return counted
