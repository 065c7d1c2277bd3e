"""What a statement does where statistics are old: the rows that it touches, counted, instead of the time it takes.

Tables that grow within a minute, as in every flash sale, are planned as they were when somebody last counted them. A
plan that compares a set with a set is quick in a test and takes minutes in a sale, so what it looked at is counted.
"""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg

from keel.database import PLANNER, Connection


async def explained(connection: Connection, statement: str, *arguments: object) -> dict[str, Any]:
    """Run a statement and take back what it wrote; its plan, with what each node of it did."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", *arguments)
    finally:
        await transaction.rollback()
    plan: dict[str, Any] = json.loads(told)[0]["Plan"]
    return plan


def rows_touched(plan: dict[str, Any]) -> int:
    """Rows that the nodes of a plan gave or threw away, all together."""
    counts = "Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck"
    own = round(sum(float(plan.get(count, 0)) for count in counts) * float(plan["Actual Loops"]))
    return own + sum(rows_touched(part) for part in plan.get("Plans", ()))


async def nobody_counts(connection: Connection, tables: Sequence[str]) -> None:
    """From now on statistics of these stay as they are, and this connection plans as ours do. Of a test before in this
    database no empty pages are left, from which PostgreSQL would take it that pages have no rows."""
    for name, value in PLANNER.items():
        await connection.execute("SELECT set_config($1, $2, false)", name, value)
    for table in tables:
        await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        if await connection.fetchval("SELECT pg_relation_size($1::text::regclass)", table):
            await connection.execute(f"VACUUM {table}")


async def rows_read(connection: Connection, statement: str, *arguments: object) -> int:
    """Run a statement and take back what it wrote; the rows of tables that it and its functions read."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        before = await connection.fetchval(_READ)
        await connection.fetch(statement, *arguments)
        return int(await connection.fetchval(_READ) - before)
    finally:
        await transaction.rollback()


class Watched:
    """Stands for a connection or a pool that only reads: what is asked of it is counted, and answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.touched = 0

    async def fetch(self, statement: str, *arguments: Any, **options: Any) -> list[asyncpg.Record]:
        """As a connection does; so are the others."""
        self.touched += rows_touched(await explained(self._connection, statement, *arguments))
        rows: list[asyncpg.Record] = await self._connection.fetch(statement, *arguments, **options)
        return rows

    async def fetchrow(self, statement: str, *arguments: Any, **options: Any) -> asyncpg.Record | None:
        return next(iter(await self.fetch(statement, *arguments, **options)), None)

    async def fetchval(self, statement: str, *arguments: Any, **options: Any) -> Any:
        row = await self.fetchrow(statement, *arguments, **options)
        return None if row is None else row[0]


_READ = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables"
