"""SQL of the tallies of trees, by merchant: what is due is counted, what was parked tried again, or all begun anew."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from keel.database import LONG_ANSWER_TIMEOUT_S, Pool

ANSWER_TIMEOUT_S: Final = LONG_ANSWER_TIMEOUT_S + 2.0  # so that PostgreSQL says first that a statement took too long

RECOUNT_TIMEOUT_S: Final = 3_600.0  # it looks at all that a merchant ever had


@dataclass(frozen=True, slots=True)
class Tallied:
    """How much was taken from what is due. `parked`: it was one row that cannot be counted, by this SQLSTATE."""

    count: int
    parked: str | None


class NotTallied(Exception):
    """What was taken cannot be counted now, or not together, and is due as before; its text is an SQLSTATE.

    `slow` is the number of a row that was taken alone and took longer than a statement may, or was cancelled.
    """

    def __init__(self, sqlstate: str, slow: int | None = None) -> None:
        super().__init__(sqlstate)
        self.slow = slow


async def waiting(pool: Pool) -> list[str]:
    """The merchants of whom something is due, by id."""
    return [str(row["id"]) for row in await pool.fetch(_WAITING)]


async def tally(pool: Pool, merchant_id: str, count: int, now: datetime, given_up: int | None = None) -> Tallied:
    """Count at most so much of what is due of a merchant; nothing while another worker does. Raises NotTallied.

    The row of the number `given_up` is parked, and not tried, where it is taken alone.
    """
    try:
        (row,) = await pool.fetch(_TALLY, merchant_id, count, now, given_up, timeout=ANSWER_TIMEOUT_S)
    except asyncpg.QueryCanceledError as error:
        raise NotTallied(error.sqlstate, int(error.detail) if error.detail else None) from error
    except (asyncpg.PostgresError, TimeoutError) as error:
        raise NotTallied(getattr(error, "sqlstate", "no answer in time")) from error
    return Tallied(row["counted"], row["parked"])


async def exists(pool: Pool, merchant_id: str) -> bool:
    """Whether there is such a merchant."""
    return bool(await pool.fetchval(_EXISTS, merchant_id))


async def retry(pool: Pool, merchant_id: str) -> int:
    """Make due again what was parked of a merchant; how much it was."""
    return int(await pool.fetchval(_RETRY, merchant_id))


async def recount(pool: Pool, merchant_id: str) -> None:
    """Forget a merchant's tallies, and make everything due again: they are short until it is counted. May take long."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_PATIENCE, str(round(RECOUNT_TIMEOUT_S * 1000)))
        await connection.execute(_RECOUNT, merchant_id, timeout=RECOUNT_TIMEOUT_S)


_WAITING: Final = """
    SELECT m.id FROM merchant m WHERE EXISTS (SELECT FROM tree_due d WHERE d.merchant_id = m.id) ORDER BY m.id
"""
_TALLY: Final = "SELECT counted, parked FROM tree_tally($1, $2, $3, $4)"
_EXISTS: Final = "SELECT EXISTS (SELECT FROM merchant WHERE id = $1)"
_PATIENCE: Final = "SELECT set_config('statement_timeout', $1, true)"  # of this transaction
_RETRY: Final = "SELECT tree_retry($1)"
_RECOUNT: Final = "SELECT tree_recount($1)"
