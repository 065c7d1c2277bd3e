"""The ledger's calls from the order path: bare asyncpg, one statement each, short timeouts. See inventory.faults."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from inventory.faults import DRIVER_ERRORS, RETRY_STATES, Contended, NotSent, RolledBack, Unknown, fault_of
from inventory.model import (
    ItemConfig,
    ItemCount,
    ItemId,
    SaleConfig,
    SaleId,
    SaleKind,
    SaleState,
    lines_of,
    rebuild_guard,
)
from inventory.replies import Stale
from keel.database import STATEMENT_TIMEOUT_MS, Connection

ACQUIRE_TIMEOUT_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = STATEMENT_TIMEOUT_MS / 1000 + 0.5
DEADLOCK_TRIES_MAX: Final = 4
GUARD_IDLE_MS: Final = 120_000  # a rebuild's guard does nothing while claims are loaded, longer than others may


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it stands: state is placed, void or released."""

    id: str
    state: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ledger says of a running sale: configuration version, and the epoch of each segment."""

    version: int
    epochs: tuple[int, ...]


class Ledger:
    """Calls over one small pool. Each is its own transaction unless it says otherwise."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def call(self, statement: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement in its own transaction; returned rows are committed. Raises LedgerFault.

        A deadlock or serialisation error is tried again: the transaction is surely gone.
        """
        for tries_left in range(DEADLOCK_TRIES_MAX - 1, -1, -1):
            try:
                return await self._call_once(statement, args)
            except Contended as fault:
                cause = fault.__cause__
                if not tries_left or getattr(cause, "sqlstate", None) not in RETRY_STATES:
                    raise
                await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - spreads two that met, guards no secret
        raise AssertionError("the last try returns or raises")

    async def _call_once(self, statement: str, args: tuple[Any, ...]) -> list[asyncpg.Record]:
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except DRIVER_ERRORS as error:
            raise NotSent(type(error).__name__) from error
        try:
            return await connection.fetch(statement, *args, timeout=ANSWER_TIMEOUT_S)
        except DRIVER_ERRORS as error:
            fault = fault_of(error)
            if isinstance(fault, Unknown):
                with suppress(asyncpg.InterfaceError):  # gone already, and no longer ours to end
                    connection.terminate()  # a server that is silent would be silent about a cancellation too
            raise fault from error
        finally:
            await self._pool.release(connection)

    async def sale(self, sale_id: str) -> SaleConfig | None:
        """The configuration the order path works with, or None. A closed sale that is archived still answers."""
        rows = await self.call(SQL_SALE, sale_id)
        return config_of(rows) if rows else None

    async def readings(self, sale_ids: Sequence[str]) -> dict[str, Reading]:
        """Version and epochs of sales, for the lease on refusals."""
        rows = await self.call(_READINGS, list(sale_ids))
        return {str(row["id"]): Reading(row["version"], tuple(row["epochs"])) for row in rows}

    async def claims(self, sale_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Claim]:
        """Claims of (customer, key) pairs; pairs without one are left out."""
        rows = await self.call(_CLAIMS, sale_id, [c for c, _ in keys], [k for _, k in keys])
        return {(str(r["customer_id"]), r["key"]): Claim(str(r["id"]), r["state"], r["fingerprint"]) for r in rows}

    async def counts(self, sale_id: str, segment: int) -> list[ItemCount]:
        """Allocated and sold of every item of a segment."""
        return counts_of(await self.call(SQL_COUNTS, sale_id, segment))

    async def running(self) -> list[str]:
        """Sales that the gate should know, and closed ones that are not settled or have units to give back again."""
        return [str(row["id"]) for row in await self.call(_RUNNING)]

    async def void(self, config: SaleConfig, segment: int, epoch: int, holds: Sequence[Stale]) -> dict[str, str]:
        """Void holds that have no order. Returns per claim id: void, placed, released, other or busy."""
        columns = (
            [h.claim_id for h in holds],
            [h.customer_id for h in holds],
            [h.key for h in holds],
            [h.fingerprint for h in holds],
            [h.lines for h in holds],
            [sum(lines_of(h.lines).values()) for h in holds],
            [h.no for h in holds],
            [h.at_ms for h in holds],
        )
        rows = await self.call(_VOID, config.merchant_id, config.id, segment, epoch, config.rehearsal, *columns)
        return {str(row["id"]): row["outcome"] for row in rows}

    async def bump_epoch(self, sale_id: str, segment: int, *, above: int = 0) -> int:
        """Begin a new epoch, higher than `above` too (a gate may know more than a ledger that was restored): from its
        commit on, holds of the old one are refused. Returns it. Raises LedgerFault."""
        rows = await self.call(_BUMP, sale_id, segment, above)
        if not rows:
            raise RolledBack(f"segment {segment} of sale {sale_id} has no stock")
        return int(rows[0]["epoch"])

    async def settle(self, sale_id: str, segment: int, at: datetime) -> int:
        """Return what a closed sale has left to base stock, under a new epoch; units returned."""
        return int((await self.call(_SETTLE, sale_id, segment, at))[0]["units"])

    async def note_settled(self, sale_id: str, at: datetime) -> None:
        """Write down that nothing of a closed sale is left and its keys lapse; every process reads the sale anew."""
        await self.call(_NOTE_SETTLED, sale_id, at)

    async def surpass_version(self, sale_id: str, version: int) -> None:
        """Raise a sale's version above what the gate has, so that PostgreSQL's state is pushed over it."""
        await self.call(_SURPASS, sale_id, version)

    async def open_releases(self, sale_id: str) -> int:
        """Lapsed orders of a sale whose release is on its way to the gate; one that was given up on is not."""
        return int((await self.call(_OPEN_RELEASES, sale_id))[0]["count"])

    @staticmethod
    async def guard_rebuild(connection: Connection, sale_id: str, segment: int) -> bool:
        """Whether this transaction is the one that rebuilds the segment."""
        return bool(await connection.fetchval(_GUARD, rebuild_guard(sale_id, segment)))


def counts_of(rows: list[asyncpg.Record]) -> list[ItemCount]:
    """Rows of SQL_COUNTS as values."""
    return [ItemCount(str(r["item_id"]), r["no"], r["allocated"], r["sold"], r["epoch"]) for r in rows]


def config_of(rows: list[asyncpg.Record]) -> SaleConfig:
    head = rows[0]
    return SaleConfig(
        id=SaleId(str(head["id"])),
        merchant_id=str(head["merchant_id"]),
        title=head["title"],
        kind=SaleKind(head["kind"]),
        state=SaleState(head["state"]),
        currency=head["currency"],
        opens_at=head["opens_at"],
        closes_at=head["closes_at"],
        hold_ttl_s=head["hold_ttl_s"],
        limit=head["sale_limit"] or 0,
        segments=head["segments"],
        needs_ticket=head["needs_ticket"],
        ticket_after_s=head["ticket_after_s"],
        rehearsal=head["rehearsal"],
        context=head["context"],
        version=head["version"],
        settled=head["settled"],
        archived=head["archived"],
        items=tuple(_item_of(row) for row in rows if row["item_id"] is not None),
    )


def _item_of(row: asyncpg.Record) -> ItemConfig:
    return ItemConfig(
        id=ItemId(str(row["item_id"])),
        no=row["no"],
        version_id=str(row["item_version_id"]),
        sku_id=str(row["sku_id"]),
        title=row["item_title"],
        price=row["price"],
        limit=row["item_limit"] or 0,
        allocated=row["allocated"],
    )


SQL_SALE: Final = """
    SELECT s.id, s.merchant_id, s.title, s.kind, s.state, s.currency, s.opens_at, s.closes_at, s.hold_ttl_s, s.version,
           s.limit_per_customer AS sale_limit, s.segments, s.needs_ticket, s.ticket_after_s, s.rehearsal,
           s.context::text AS context, s.settled_at IS NOT NULL AS settled, s.archived_at IS NOT NULL AS archived,
           i.id AS item_id, i.no, i.item_version_id, i.sku_id, i.limit_per_customer AS item_limit,
           v.title AS item_title, v.price,
           (SELECT coalesce(sum(k.allocated), 0)::bigint FROM stock k WHERE k.item_id = i.id) AS allocated
    FROM sale s LEFT JOIN sale_item i ON i.sale_id = s.id LEFT JOIN item_version v ON v.id = i.item_version_id
    WHERE s.id = $1 AND (s.archived_at IS NULL OR s.state = 'closed')
    ORDER BY i.no
"""
_READINGS: Final = """
    SELECT s.id, s.version, array(
        SELECT max(k.epoch) FROM stock k WHERE k.sale_id = s.id GROUP BY k.segment ORDER BY k.segment) AS epochs
    FROM sale s WHERE s.id = ANY ($1::uuid[])
"""
# Key by key: OFFSET keeps that from becoming a join, which reads all claims of a sale where nobody counted them yet.
_CLAIMS: Final = """
    SELECT c.customer_id, c.key, c.id, c.state, c.fingerprint FROM unnest($2::uuid[], $3::text[]) AS w (customer, key),
    LATERAL (SELECT * FROM claim c WHERE c.sale_id = $1 AND c.customer_id = w.customer AND c.key = w.key OFFSET 0) c
"""
SQL_COUNTS: Final = """
    SELECT k.item_id, i.no, k.allocated, k.sold, k.epoch FROM stock k JOIN sale_item i ON i.id = k.item_id
    WHERE k.sale_id = $1 AND k.segment = $2 ORDER BY k.item_id
"""
# A closed sale is kept up though it is archived: orders that awaited payment still lapse, and their units go back.
_RUNNING: Final = """
    SELECT id FROM sale s WHERE (archived_at IS NULL AND state IN ('scheduled', 'open', 'paused'))
        OR (state = 'closed' AND (settled_at IS NULL
            OR EXISTS (SELECT FROM stock k WHERE k.sale_id = s.id AND k.allocated > k.sold)))
    ORDER BY id DESC
"""
_VOID: Final = "SELECT * FROM claims_void($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
_BUMP: Final = """
    WITH locked AS (SELECT item_id, epoch FROM stock WHERE sale_id = $1 AND segment = $2 ORDER BY item_id FOR UPDATE)
    UPDATE stock s SET epoch = greatest((SELECT max(epoch) FROM locked), $3::bigint) + 1
    FROM locked WHERE s.item_id = locked.item_id AND s.segment = $2 RETURNING s.epoch
"""
_SETTLE: Final = "SELECT stock_settle($1, $2, $3) AS units"
_NOTE_SETTLED: Final = """
    UPDATE sale SET settled_at = $2, version = version + 2 - version % 2
    WHERE id = $1 AND state = 'closed' AND settled_at IS NULL
"""
_SURPASS: Final = "UPDATE sale SET version = $2 + 1 WHERE id = $1 AND version < $2"
_GUARD: Final = f"""
    SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)),
           set_config('idle_in_transaction_session_timeout', '{GUARD_IDLE_MS}', true)
"""
_OPEN_RELEASES: Final = """
    SELECT count(*) FROM outbox_delivery d JOIN outbox_event e ON e.id = d.event_id
    WHERE d.state = 'waiting' AND e.topic = 'order.lapsed' AND e.payload->>'sale_id' = $1
"""
