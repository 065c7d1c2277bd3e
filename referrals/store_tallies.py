"""SQL of the tallies of trees: what is due is counted, and a merchant's tallies are begun anew."""

from typing import Final

from keel.database import Pool


async def tally(pool: Pool, count: int) -> int:
    """Count at most so much of what is due; how much it was. 0 too while another worker counts."""
    return int(await pool.fetchval(_TALLY, count))


async def recount(pool: Pool, merchant_id: str) -> None:
    """Forget a merchant's tallies, and make everything due again: they are short until it is counted."""
    await pool.execute(_RECOUNT, merchant_id)


_TALLY: Final = "SELECT tree_tally($1)"
_RECOUNT: Final = "SELECT tree_recount($1)"
