"""SQL of who is the same person: guests who signed in, and visitors of the socket who had no row of ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from keel.database import Pool


async def people_of(pool: Pool, merchant_id: str, ids: Sequence[str], *, until: datetime) -> frozenset[str]:
    """Every id of whoever is known under these, as it was known at a time; these among them, and at most 200."""
    return frozenset(str(each) for each in await pool.fetchval(_PEOPLE, merchant_id, list(ids), until))


_PEOPLE: Final = "SELECT people_of($1, $2, $3)"
