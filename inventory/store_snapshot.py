"""One consistent reading of a sale segment for a rebuild: configuration, stock and claims as of one moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from inventory.faults import RolledBack, borrowed
from inventory.ledger import SQL_COUNTS, SQL_SALE, config_of, counts_of
from inventory.model import ItemCount, SaleConfig
from inventory.replies import entry_field, entry_text
from keel.database import Connection, Pool, Row

_LAST: Final = """
    SELECT coalesce(max(verdict_no), 0) AS no, coalesce((extract(epoch FROM max(served_at)) * 1000)::bigint, 0) AS at_ms
    FROM claim WHERE sale_id = $1 AND segment = $2
"""
_CLAIMS: Final = """
    SELECT customer_id::text, key, state, id::text, fingerprint, verdict_no,
           (extract(epoch FROM served_at) * 1000)::bigint AS at_ms, lines
    FROM claim WHERE sale_id = $1 AND segment = $2 AND state IN ('placed', 'released')
"""
_BUYERS: Final = """
    SELECT customer_id::text, string_agg(lines, ',') AS lines
    FROM claim WHERE sale_id = $1 AND segment = $2 AND state = 'placed' GROUP BY customer_id
"""
_ENTRY_STATE: Final = {"placed": "C", "released": "R"}


@dataclass(frozen=True)
class Snapshot:
    """Valid inside `snapshot_of`. `last_no` and `last_at_ms` are where the queue of verdicts goes on."""

    connection: Connection
    segment: int
    config: SaleConfig
    counts: list[ItemCount]
    last_no: int
    last_at_ms: int

    async def entries(self, piece_max: int) -> AsyncIterator[list[str]]:
        """The claims that are keys at the gate, placed as confirmed and released as released: flat field, value …"""
        cursor = await self.connection.cursor(_CLAIMS, self.config.id, self.segment)
        while rows := await cursor.fetch(piece_max):
            yield [part for row in rows for part in (entry_field(row[0], row[1]), _entry_of(row))]

    async def buyers(self, piece_max: int) -> AsyncIterator[list[str]]:
        """What each buyer has, for the limits: flat customer, lines …"""
        cursor = await self.connection.cursor(_BUYERS, self.config.id, self.segment)
        while rows := await cursor.fetch(piece_max):
            yield [part for row in rows for part in row]


def _entry_of(row: Row) -> str:
    _, _, state, claim_id, fingerprint, no, at_ms, lines = row
    return entry_text(
        state=_ENTRY_STATE[state], claim_id=claim_id, fingerprint=fingerprint, no=no, at_ms=at_ms, lines=lines
    )


@asynccontextmanager
async def snapshot_of(pool: Pool, sale_id: str, segment: int) -> AsyncIterator[Snapshot]:
    """Open a REPEATABLE READ snapshot. Raises LedgerFault, also for a sale that is not there."""
    async with (
        borrowed(pool) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        rows = await connection.fetch(SQL_SALE, sale_id)
        if not rows:
            raise RolledBack(f"there is no sale {sale_id}")
        counts = counts_of(await connection.fetch(SQL_COUNTS, sale_id, segment))
        last = await connection.fetchrow(_LAST, sale_id, segment)
        assert last is not None
        yield Snapshot(connection, segment, config_of(rows), counts, last["no"], last["at_ms"])
