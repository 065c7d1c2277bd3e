"""Use cases of the board: where something can be bought now, and who brought most people there."""

from collections.abc import Sequence

from keel.database import Pool
from referrals import store_ranks
from referrals.spreading import Leader, Selling


async def selling(pool: Pool) -> Sequence[Selling]:
    """Every merchant's rooms on air whose session has an open sale."""
    return await store_ranks.selling(pool)


async def leaders(pool: Pool, merchant_id: str, session_id: str) -> Sequence[Leader]:
    """The first of a broadcast: by buyers, then viewers, then visitors that they brought themselves."""
    return await store_ranks.leaders(pool, merchant_id, session_id)
